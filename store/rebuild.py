"""Rebuild: fold the log again. No model is called, no clock is read.

`rebuild` replaces the live projections in one transaction; `heed` lets one event change what counts in its
chat, and folds again only from the first event it concerns; `check` folds into a scratch database and
compares it with the live one row by row, inside one snapshot, so it can run while Fabula does.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any

import apsw

from store import live, log, trail
from store.events import Event, OutcomeSuperseded
from store.live import Judge, LiveSet
from store.projections import INDEXES, PROJECTIONS, clear, clear_chat, memories, project, said
from store.rows import row

Progress = Callable[[int], None]
KEYS = dict.fromkeys(INDEXES, "rowid,")
"""What `*` leaves out: a search index is keyed by its rowid."""
TRAILED = 2_000
"""Of a chat that is folded again from its beginning, so many of the newest events leave a trail."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that a rebuild would change; `live` or `rebuilt` is None where the row is missing."""

    table: str
    row_id: int
    live: tuple[Any, ...] | None
    rebuilt: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Heeded:
    """What a control event changed: the events that count now and did not before, and those that no longer
    do, in id order."""

    returned: Sequence[Event[Any]] = ()
    fallen: Sequence[Event[Any]] = ()


def rebuild(db: apsw.Connection, progress: Progress = lambda _: None) -> int:
    """Drop and refold every projection within the caller's transaction; returns the events folded."""
    clear(db)
    folded = _fold(db, db, progress)
    end = log.position(db)
    for chat_id in log.chats(db):
        trail.begin(db, chat_id, end + 1)
    return folded


def refold(db: apsw.Connection, chat_id: int, progress: Progress = lambda _: None) -> None:
    """Fold one chat's log from its beginning, within the caller's transaction; what `progress` raises
    ends it."""
    counting = live.of_log(db, chat_id)
    clear_chat(db, chat_id)
    live.store(db, chat_id, counting)
    trail.begin(db, chat_id, log.position(db) + 1, anew=True)
    for folded, event in enumerate(live.counting(db, log.all_of_chat(db, chat_id), {chat_id: counting}), 1):
        project(db, event)
        progress(folded)


def heed(db: apsw.Connection, control: Event[Any]) -> Heeded:
    """Let an event change what counts in its chat, within the caller's transaction: the projections follow,
    from the first event it concerns."""
    chat_id = control.chat_id or 0
    trail.retold(db, chat_id, control.id)
    if isinstance(control.payload, OutcomeSuperseded):
        heeded = _taken_out(db, control)
        if heeded is not None:
            return heeded
    before, after = live.of_log(db, chat_id, before=control.id), live.of_log(db, chat_id)
    first = _first_concerned(db, before, after)
    if first is None:
        if live.is_live(db, control.id):
            with trail.followed(db, control):
                project(db, control)
        return Heeded()
    far = first < trail.begins(db, chat_id)
    then, now = Judge(db, before), Judge(db, after)
    tail = [
        (event, now.counts(event), then.counts(event))
        for event in log.all_of_chat(db, chat_id, since=chat_id if far else first)
    ]
    live.store(db, chat_id, after)
    if far:
        clear_chat(db, chat_id)
        trail.begin(db, chat_id, tail[-TRAILED:][0][0].id, anew=True)
    else:
        trail.take_back(db, chat_id, first)
        _keep_out(db, after, [event for event, _, _ in tail])
    trailed = trail.begins(db, chat_id)
    for event, counts, _ in tail:
        if counts and event.id >= trailed:
            with trail.followed(db, event):
                project(db, event)
        elif counts:
            project(db, event)
    return Heeded(
        [event for event, counts, counted in tail if counts and not counted and event.id != control.id],
        [event for event, counts, counted in tail if counted and not counts],
    )


def _taken_out(db: apsw.Connection, word: Event[OutcomeSuperseded]) -> Heeded | None:
    """Take what a superseded run has made out of the projections, if that was memories alone: then nothing
    that was told since would be otherwise. None where it must be told again.

    A stage that runs again over a long chat would otherwise tell all of the chat again for every turn of it.
    """
    came = log.came_of_run(db, word.payload.superseded_run_id)
    made = memories.made_by(came)
    if not memories.made_nothing_else(came, made) or memories.any_shared(db, came):
        return None
    if not live.on_lineage(db, word.branch_id, word.id):
        return Heeded()
    _take_out(db, came)
    return Heeded(fallen=came)


def _take_out(db: apsw.Connection, came: Sequence[Event[Any]]) -> None:
    memories.remove(db, memories.made_by(came))
    said.forget(db, came)


def _keep_out(db: apsw.Connection, live_set: LiveSet, tail: Sequence[Event[Any]]) -> None:
    """What a word in the tail has taken out may have come back with the trail of an event before that word.
    Where the word still holds, it stays out; where it does not, all of it is told again."""
    for event in tail:
        word = event.payload
        if isinstance(word, OutcomeSuperseded) and word.superseded_run_id in live_set.superseded:
            _take_out(db, log.came_of_run(db, word.superseded_run_id))


def _first_concerned(db: apsw.Connection, before: LiveSet, after: LiveSet) -> int | None:
    """The first event that may count differently; None when none does."""
    concerned = list(before.fallen ^ after.fallen)
    parted = live.parting(before.upto, after.upto)
    if parted is not None:
        concerned.append(parted + 1)
    for run_id in before.superseded ^ after.superseded:
        found = row(db, "SELECT min(id) FROM event WHERE run_id = ?", (run_id,))
        if found and found[0] is not None:
            concerned.append(found[0])
    return min(concerned, default=None)


def check(db: apsw.Connection, progress: Progress = lambda _: None) -> list[Difference]:
    """Rows in which the live projections differ from a scratch rebuild."""
    db.execute("BEGIN")
    try:
        folded = scratch(db)
        _fold(db, folded, progress)
        return [difference for table in PROJECTIONS for difference in _differences(table, db, folded)]
    finally:
        db.execute("ROLLBACK")


def _fold(source: apsw.Connection, target: apsw.Connection, progress: Progress) -> int:
    sets = {chat_id: live.of_log(source, chat_id) for chat_id in log.chats(source)}
    for chat_id, one in sets.items():
        live.store(target, chat_id, one)
    folded = 0
    for event in live.counting(source, log.everything(source), sets):
        project(target, event, source)
        folded += 1
        progress(folded)
    return folded


def scratch(db: apsw.Connection) -> apsw.Connection:
    """An empty database in memory with the projections' tables."""
    marks = ", ".join("?" for _ in PROJECTIONS)
    found = db.execute(
        f"SELECT sql FROM sqlite_master WHERE tbl_name IN ({marks}) AND sql IS NOT NULL",
        PROJECTIONS,
    )
    empty = apsw.Connection(":memory:")
    empty.deserialize("main", _tables(tuple(str(sql) for (sql,) in found)))
    return empty


@cache
def _tables(schema: tuple[str, ...]) -> bytes:
    """A file with these tables. To make them, the search index above all, takes longer than to fold a short
    chat into them."""
    with closing(apsw.Connection(":memory:")) as empty:
        for sql in schema:
            empty.execute(sql)
        return empty.serialize("main")


def _rows(db: apsw.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    yield from db.execute(f"SELECT {KEYS.get(table, '')} * FROM {table} ORDER BY 1")


def _differences(table: str, live: apsw.Connection, rebuilt: apsw.Connection) -> Iterator[Difference]:
    """Walk both tables in id order, side by side."""
    left, right = _rows(live, table), _rows(rebuilt, table)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0] < b[0]):
            yield Difference(table, a[0] if a else 0, a, None)
            a = next(left, None)
        elif a is None or b[0] < a[0]:
            yield Difference(table, b[0], None, b)
            b = next(right, None)
        else:
            if a != b:
                yield Difference(table, a[0], a, b)
            a, b = next(left, None), next(right, None)
