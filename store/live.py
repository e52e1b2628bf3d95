"""The live set: which events of a chat count.

An event counts when it lies on the active branch's lineage and neither it nor anything it answers was
retracted, set aside for another alternative, undone or superseded. What was done lies where its id puts it;
what came of it counts wherever that does, however late it came, so that a branch never lacks the consequences
of what it shares with another. A stage that is run again, though, tells something new: its outcome lies where
its own id puts it.

Acts that choose are few in a long chat; the indexes that find them are named, or SQLite would read all of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import apsw

from store.events import Event, Payload, TurnAssistant
from store.projections.fold import FOREVER
from store.rows import row, rows

ABOUT_THE_CHAT = (
    "chat.started",
    "chat.renamed",
    "chat.archived",
    "branch.forked",
    "branch.switched",
    "branch.renamed",
)
"""Acts that concern the chat with all its branches."""
CHOICES = ("turn.retracted", "turn.selected", "change.undone")
CONTROLS = frozenset((*CHOICES, "branch.switched", "outcome.superseded"))
"""Kinds that change which other events count."""
_NAMES = ", ".join(f"'{kind}'" for kind in ABOUT_THE_CHAT)
_SUPERSEDED = (
    "SELECT 1 FROM event word JOIN lineage ON lineage.id = word.branch_id AND word.id <= lineage.upto"
    " WHERE word.kind = 'outcome.superseded' AND word.payload ->> 'superseded_run_id' = +chain.run_id"
)
_TOLD_ANEW = "SELECT 1 FROM event word WHERE word.run_id = chain.run_id AND word.kind = 'outcome.superseded'"
DOWN = (
    "WITH RECURSIVE chain(id, chat_id, branch_id, kind, cause_id, run_id) AS ("
    " SELECT id, chat_id, branch_id, kind, cause_id, run_id FROM event WHERE id = ?"
    " UNION ALL SELECT event.id, event.chat_id, event.branch_id, event.kind, event.cause_id, event.run_id"
    " FROM chain JOIN event ON event.id = chain.cause_id)"
    " SELECT 1 FROM chain WHERE id IN (SELECT id FROM fallen)"
    f" OR (run_id IS NOT NULL AND EXISTS ({_SUPERSEDED}))"
    f" OR (chat_id IS NOT NULL AND kind NOT IN ({_NAMES})"
    f" AND (run_id IS NULL OR cause_id IS NULL OR EXISTS ({_TOLD_ANEW}))"
    " AND NOT EXISTS (SELECT 1 FROM lineage WHERE lineage.id = chain.branch_id AND chain.id <= upto)) LIMIT 1"
)
"""Whether the event, or anything it answers, does not count."""


@dataclass(frozen=True, slots=True)
class LiveSet:
    """What is needed to judge the events of one chat. `upto` says how far each branch of the lineage
    reaches; `fallen` are the events that do not count by themselves."""

    upto: dict[int, int] = field(default_factory=dict)
    fallen: frozenset[int] = frozenset()
    superseded: frozenset[int] = frozenset()
    told_anew: frozenset[int] = frozenset()
    """The runs that superseded others."""

    def holds(self, branch_id: int | None, event_id: int) -> bool:
        return event_id <= self.upto.get(branch_id or 0, 0)

    def stands(self, event: Event[Any]) -> bool:
        """Whether the event counts, provided that what it answers does."""
        if event.id in self.fallen or event.run_id in self.superseded:
            return False
        if event.chat_id is None or event.kind in ABOUT_THE_CHAT:
            return True
        inherits = event.run_id is not None and event.cause_id is not None
        return (inherits and event.run_id not in self.told_anew) or self.holds(event.branch_id, event.id)


def of_log(db: apsw.Connection, chat_id: int, before: int = FOREVER, branch_id: int | None = None) -> LiveSet:
    """The live set as the log tells it, or told it before an event; of the active branch, or another."""
    upto = lineage(db, chat_id, before, branch_id)
    words = rows(
        db,
        "SELECT id, branch_id, run_id, payload ->> 'superseded_run_id' FROM event INDEXED BY event_kind"
        " WHERE chat_id = ? AND kind = 'outcome.superseded' AND id < ?",
        (chat_id, before),
    )
    placed = LiveSet(upto, told_anew=frozenset(run_id for _, _, run_id, _ in words if run_id is not None))
    superseded = frozenset(run for event_id, branch, _, run in words if placed.holds(branch, event_id))
    return LiveSet(upto, _fallen(db, chat_id, placed, before), superseded, placed.told_anew)


def store(db: apsw.Connection, chat_id: int, live: LiveSet) -> None:
    db.execute("DELETE FROM lineage WHERE chat_id = ?", (chat_id,))
    db.execute("DELETE FROM fallen WHERE chat_id = ?", (chat_id,))
    lineage = sorted((branch_id, chat_id, upto) for branch_id, upto in live.upto.items())
    db.executemany("INSERT INTO lineage(id, chat_id, upto) VALUES (?, ?, ?)", lineage)
    db.executemany(
        "INSERT INTO fallen(id, chat_id) VALUES (?, ?)", [(one, chat_id) for one in sorted(live.fallen)]
    )


def changes_the_live_set(payload: Payload) -> bool:
    """Whether other events may count differently after it: a control event, or a new alternative."""
    if isinstance(payload, TurnAssistant):
        return payload.alternative_of is not None
    return payload.kind in CONTROLS


def is_live(db: apsw.Connection, event_id: int | None) -> bool:
    """Whether an event counts. Microseconds: a chain of causes is short, and everything is indexed."""
    return event_id is None or row(db, DOWN, (event_id,)) is None


def on_lineage(db: apsw.Connection, branch_id: int | None, event_id: int) -> bool:
    """Whether the branch that is shown holds what was done in another at that point, or in itself."""
    return row(db, "SELECT 1 FROM lineage WHERE id = ? AND ? <= upto", (branch_id, event_id)) is not None


def every_event_counts(db: apsw.Connection, chat_id: int) -> bool:
    """Whether nothing was ever put aside in this chat, which spares judging its events one by one."""
    kinds = ", ".join(map(repr, sorted(CONTROLS)))
    put_aside = row(
        db,
        f"SELECT 1 FROM event INDEXED BY event_kind WHERE chat_id = ? AND kind IN ({kinds}) LIMIT 1",
        (chat_id,),
    )
    return put_aside is None and not first_alternatives(db, chat_id)


@dataclass
class Judge:
    """Tells of one chat's events, shown in id order, which count. What is not shown but answered counts as
    it did when the chat was last folded."""

    db: apsw.Connection
    live: LiveSet
    _known: dict[int, bool] = field(default_factory=dict)

    def counts(self, event: Event[Any]) -> bool:
        counts = self.live.stands(event) and self._known_to_count(event.cause_id)
        self._known[event.id] = counts
        return counts

    def _known_to_count(self, event_id: int | None) -> bool:
        if event_id is None:
            return True
        if event_id not in self._known:
            self._known[event_id] = is_live(self.db, event_id)
        return self._known[event_id]


def counting(
    db: apsw.Connection, events: Iterable[Event[Any]], sets: Mapping[int, LiveSet]
) -> Iterator[Event[Any]]:
    """Those of the events that count, whatever chats they are of. In id order and from each chat's
    beginning, so that a cause is judged before what came of it."""
    judges = {chat_id: Judge(db, one) for chat_id, one in sets.items()}
    library = Judge(db, LiveSet())
    for event in events:
        if judges.get(event.chat_id or 0, library).counts(event):
            yield event


def parting(before: dict[int, int], after: dict[int, int]) -> int | None:
    """The last position up to which two lineages are the same; None when they are the same altogether."""
    if before == after:
        return None
    shared = [min(upto, after[branch]) for branch, upto in before.items() if branch in after]
    return max(shared, default=0)


def lineage(
    db: apsw.Connection, chat_id: int, before: int = FOREVER, branch_id: int | None = None
) -> dict[int, int]:
    """The branch whole, the active one if none is named, and each of its parents up to where it was left."""
    told = rows(
        db,
        "SELECT id, kind, payload ->> 'branch_id', payload ->> 'parent_id', payload ->> 'at' FROM event"
        " INDEXED BY event_kind"
        " WHERE chat_id = ? AND kind IN ('branch.forked', 'branch.switched') AND id < ? ORDER BY id",
        (chat_id, before),
    )
    forks = {event_id: (parent, at) for event_id, kind, _, parent, at in told if kind == "branch.forked"}
    active = next((one for _, kind, one, _, _ in reversed(told) if kind == "branch.switched"), chat_id)
    branch = branch_id if branch_id is not None else active
    upto, limit = {branch: FOREVER}, FOREVER
    while branch in forks:
        branch, at = forks[branch]
        limit = min(limit, at)
        upto[branch] = limit
    return upto


def _fallen(db: apsw.Connection, chat_id: int, placed: LiveSet, before: int) -> frozenset[int]:
    """What the choices made on the lineage put aside: retracted turns with all their alternatives,
    alternatives that are not the one selected last, and what was undone."""
    acts = _choices(db, chat_id, placed, before)
    undone: set[int] = set()
    for event_id, kind, target in reversed(acts):
        if kind == "change.undone" and event_id not in undone:
            undone.add(target)
    first_of = first_alternatives(db, chat_id)
    groups: dict[int, set[int]] = {}
    chosen: dict[int, int] = {}
    retracted: set[int] = set()
    for event_id, kind, target in acts:
        first = first_of.get(target, target)
        if event_id in undone:
            continue
        if kind == "turn.assistant":
            groups.setdefault(target, {target}).add(event_id)
            chosen[target] = event_id
        elif kind == "turn.selected":
            chosen[first] = target
        elif kind == "turn.retracted":
            retracted.add(first)
    aside = {one for first, group in groups.items() for one in group if one != chosen[first]}
    gone = {one for first in retracted for one in groups.get(first, {first})}
    return frozenset(aside | gone | undone)


def first_alternatives(db: apsw.Connection, chat_id: int) -> dict[int, int]:
    """alternative → the first one, for all of the chat, in log order."""
    return dict(
        rows(
            db,
            "SELECT id, payload ->> 'alternative_of' FROM event INDEXED BY event_alternative"
            " WHERE chat_id = ? AND kind = 'turn.assistant' AND payload ->> 'alternative_of' IS NOT NULL"
            " ORDER BY id",
            (chat_id,),
        )
    )


def _choices(db: apsw.Connection, chat_id: int, placed: LiveSet, before: int) -> list[tuple[int, str, int]]:
    """The choices that lie on the lineage, as (event, kind, the turn or event it is about), in log order. A
    new alternative is one: it lies where the floor was given for it."""
    found = rows(
        db,
        "SELECT id, kind, branch_id, id, coalesce(payload ->> 'turn_id', payload ->> 'event_id') FROM event"
        " INDEXED BY event_kind"
        f" WHERE chat_id = ?1 AND kind IN ({', '.join(map(repr, CHOICES))})"
        " AND id < ?2"
        " UNION ALL SELECT event.id, event.kind, event.branch_id,"
        " CASE WHEN event.run_id IS NOT NULL AND cause.id IS NOT NULL THEN cause.id ELSE event.id END,"
        " event.payload ->> 'alternative_of' FROM event INDEXED BY event_alternative"
        " LEFT JOIN event cause ON cause.id = event.cause_id"
        " WHERE event.chat_id = ?1 AND event.kind = 'turn.assistant'"
        " AND event.payload ->> 'alternative_of' IS NOT NULL AND event.id < ?2 ORDER BY 1",
        (chat_id, before),
    )
    return [
        (event_id, kind, target)
        for event_id, kind, branch, position, target in found
        if placed.holds(branch, position)
    ]
