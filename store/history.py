"""History, as a person looks at it: branches, alternatives, what falls with a turn, what can be undone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import apsw

from store import live, log, views
from store.errors import NotFound
from store.events import Event
from store.live import Judge
from store.projections import project
from store.rebuild import scratch
from store.rows import row, rows

REWRITINGS = ("turn.retracted", "turn.selected", "turn.edited", "turn.hidden", "branch.switched")
CORRECTIONS = (
    "activity.changed",
    "author_note.set",
    "digest.edited",
    "container.changed",
    "container.created",
    "edge.fact_removed",
    "edge.summarized",
    "edge.updated",
    "entity.changed",
    "group.updated",
    "guest.added",
    "guest.removed",
    "inventory.changed",
    "memory.edited",
    "memory.pinned",
    "memory.unpinned",
    "memory.witness_changed",
    "scene.closed",
    "scene.edited",
    "scene.quotes_edited",
    "scene.opened",
    "significance.scored",
    "time.skip_requested",
    "story_event.cancelled",
    "story_event.completed",
    "story_event.edited",
    "story_event.planned",
    "story_event.started",
    "thread.closed",
    "thread.opened",
    "thread.updated",
    "world.changed",
    "you.changed",
)
UNDOABLE = (*REWRITINGS, *CORRECTIONS)
"""What can be undone where a person did it by hand."""
BEGINNINGS = ("chat.started", "opening.confirmed")
SAID = (
    "SELECT id FROM event INDEXED BY event_said WHERE branch_id = ? AND id <= ?"
    " AND kind IN ('turn.user', 'turn.assistant') ORDER BY id DESC"
)
EDITS = (
    "SELECT id FROM event INDEXED BY event_kind WHERE chat_id = ? AND kind = 'turn.edited'"
    " AND payload ->> 'turn_id' = ? ORDER BY id DESC"
)


@dataclass(frozen=True, slots=True)
class Branch:
    """One way the story went. `at` is the last event it shares with its parent; `forked_after` and
    `last_said` are what was said last before it left its parent, and in itself, as it stands there."""

    id: int
    parent_id: int | None
    at: int | None
    name: str
    active: bool
    forked_after: str = ""
    last_said: str = ""


def branches(db: apsw.Connection, chat_id: int) -> list[Branch]:
    """All branches of a chat, in the order they were made."""
    return [_with_words(db, chat_id, one) for one in _placed(db, chat_id)]


def branch(db: apsw.Connection, chat_id: int, branch_id: int) -> Branch:
    """One branch of a chat, without the words that are said in it.

    Raises:
        NotFound: the chat has no such branch.
    """
    found = next((one for one in _placed(db, chat_id) if one.id == branch_id), None)
    if found is None:
        raise NotFound(f"Chat {chat_id} has no branch {branch_id}.", hint="Its branches are listed with it.")
    return found


def _placed(db: apsw.Connection, chat_id: int) -> list[Branch]:
    active = views.chat(db, chat_id).branch_id
    found = rows(db, "SELECT id, parent_id, at, name FROM branch WHERE chat_id = ? ORDER BY id", (chat_id,))
    return [
        Branch(branch_id, parent_id, at, name, branch_id == active)
        for branch_id, parent_id, at, name in found
    ]


def _with_words(db: apsw.Connection, chat_id: int, branch: Branch) -> Branch:
    seen_from = live.of_log(db, chat_id, branch_id=branch.id)
    (own, *before) = seen_from.upto.items()
    forked_after = _said_last(db, chat_id, seen_from, before)
    last_said = _said_last(db, chat_id, seen_from, [own]) or forked_after
    return replace(branch, forked_after=forked_after, last_said=last_said)


def _said_last(
    db: apsw.Connection, chat_id: int, seen_from: live.LiveSet, lineage: Sequence[tuple[int, int]]
) -> str:
    """The last words on a lineage that count there; the nearest branch of it comes first."""
    for branch_id, upto in lineage:
        for (turn_id,) in db.execute(SAID, (branch_id, upto)):
            if _stands(db, seen_from, int(str(turn_id))):
                return _words(db, chat_id, seen_from, int(str(turn_id)))
    return ""


def _stands(db: apsw.Connection, seen_from: live.LiveSet, event_id: int | None) -> bool:
    """Whether an event counts in a branch that need not be the active one."""
    while event_id is not None:
        event = log.event(db, event_id)
        if not seen_from.stands(event):
            return False
        event_id = event.cause_id
    return True


def _words(db: apsw.Connection, chat_id: int, seen_from: live.LiveSet, turn_id: int) -> str:
    edits = (edit for (edit,) in rows(db, EDITS, (chat_id, turn_id)) if _stands(db, seen_from, edit))
    return str(log.event(db, next(edits, turn_id)).payload.text)


def alternatives(db: apsw.Connection, chat_id: int, turn_ids: Sequence[int]) -> Mapping[int, tuple[int, ...]]:
    """For those of the turns that have others beside them on the lineage: all of these, the first first."""
    firsts = live.first_alternatives(db, chat_id)
    if not firsts:
        return {}
    live_set = live.of_log(db, chat_id)
    groups: dict[int, list[int]] = {}
    for alternative, first in firsts.items():
        groups.setdefault(first, [first]).append(alternative)
    found = {turn_id: groups.get(firsts.get(turn_id, turn_id), []) for turn_id in turn_ids}
    on_lineage = {
        turn_id: tuple(one for one in group if _on_lineage(db, live_set, one))
        for turn_id, group in found.items()
    }
    return {turn_id: group for turn_id, group in on_lineage.items() if group not in ((), (turn_id,))}


def _on_lineage(db: apsw.Connection, live_set: live.LiveSet, turn_id: int) -> bool:
    told = log.event(db, turn_id)
    inherits = told.run_id is not None and told.cause_id is not None
    return live.is_live(db, told.cause_id) if inherits else live_set.holds(told.branch_id, turn_id)


def falls_with(db: apsw.Connection, turn_id: int) -> list[Event[Any]]:
    """Everything that would not count any more if the turn were retracted, in log order."""
    turn = views.turn(db, turn_id)
    now = live.of_log(db, turn.chat_id)
    firsts = live.first_alternatives(db, turn.chat_id)
    first = firsts.get(turn_id, turn_id)
    group = {first, *(one for one, begun in firsts.items() if begun == first)}
    as_it_is, without = Judge(db, now), Judge(db, replace(now, fallen=now.fallen | group))
    judged = [
        (event, as_it_is.counts(event), without.counts(event))
        for event in log.all_of_chat(db, turn.chat_id, since=first)
    ]
    return [event for event, counts, stays in judged if counts and not stays]


def last_change(db: apsw.Connection, chat_id: int) -> list[Event[Any]]:
    """What a person did last that can be undone and has not been; several events where one act made them."""
    marks = ", ".join("?" for _ in UNDOABLE)
    by_hand = "run_id IS NULL AND cause_id IS NULL AND kind != 'turn.user'"
    sql = (
        "SELECT id FROM event INDEXED BY event_by_hand"
        f" WHERE chat_id = ? AND {by_hand} AND kind IN ({marks}) ORDER BY id DESC"
    )
    acts: list[Event[Any]] = []
    for (event_id,) in db.execute(sql, (chat_id, *UNDOABLE)):
        if live.is_live(db, int(str(event_id))):
            event = log.event(db, int(str(event_id)))
            if acts and (event.id != acts[-1].id - 1 or event.recorded_at != acts[-1].recorded_at):
                break
            acts.append(event)
    return [] if acts and _begins(db, acts[-1]) else acts


def _begins(db: apsw.Connection, event: Event[Any]) -> bool:
    """Whether the event was recorded together with the chat's beginning, which is not undone."""
    sql = "SELECT kind, recorded_at FROM event WHERE chat_id = ? AND id < ? ORDER BY id DESC LIMIT 1"
    before = row(db, sql, (event.chat_id, event.id))
    return before is not None and before[1] == event.recorded_at and before[0] in BEGINNINGS


@contextmanager
def as_told_in(db: apsw.Connection, chat_id: int, branch_id: int) -> Iterator[apsw.Connection]:
    """The chat's projections as they are in a branch, active or not, in a database of their own."""
    folded = scratch(db)
    try:
        sets = {chat_id: live.of_log(db, chat_id, branch_id=branch_id)}
        live.store(folded, chat_id, sets[chat_id])
        for event in live.counting(db, log.library_and(db, chat_id), sets):
            project(folded, event, db)
        folded.execute("UPDATE chat SET branch_id = ? WHERE id = ?", (branch_id, chat_id))
        yield folded
    finally:
        folded.close()
