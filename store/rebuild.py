"""Rebuild: fold the whole log again. No model is called, no clock is read.

`rebuild` replaces the live projections in one transaction; `refold` does so for one chat, when something of
it stops counting; `check` folds into a scratch database and compares it with the live one row by row, inside
one snapshot, so it can run while Fabula does.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from store import log
from store.events import Event
from store.projections import PROJECTIONS, clear, clear_chat, project
from store.rows import row, rows

Progress = Callable[[int], None]
KEYS = {"memory_text": "rowid,"}
"""What `*` leaves out: the search index is keyed by its rowid."""
FALLEN = (
    "WITH RECURSIVE chain(cause_id, run_id) AS (SELECT cause_id, run_id FROM event WHERE id = ?"
    " UNION ALL SELECT event.cause_id, event.run_id FROM chain JOIN event ON event.id = chain.cause_id)"
    " SELECT 1 FROM chain WHERE EXISTS (SELECT 1 FROM event WHERE kind = 'outcome.superseded'"
    " AND payload ->> 'superseded_run_id' = +chain.run_id) LIMIT 1"
)
"""Whether the event, or anything it answers, was recorded by a run that was superseded."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that a rebuild would change; `live` or `rebuilt` is None where the row is missing."""

    table: str
    row_id: int
    live: tuple[Any, ...] | None
    rebuilt: tuple[Any, ...] | None


def rebuild(db: apsw.Connection, progress: Progress = lambda _: None) -> int:
    """Drop and refold every projection within the caller's transaction; returns the events folded."""
    clear(db)
    return _fold(db, db, progress)


def refold(db: apsw.Connection, chat_id: int) -> None:
    """Fold one chat's log again within the caller's transaction."""
    clear_chat(db, chat_id)
    for event in live(db, log.all_of_chat(db, chat_id)):
        project(db, event)


def live(db: apsw.Connection, events: Iterable[Event[Any]]) -> Iterator[Event[Any]]:
    """Those of the events that count: neither they nor what they answer was superseded. In id order, so that
    a cause is judged before what came of it."""
    superseded = {
        run_id
        for (run_id,) in rows(
            db,
            "SELECT payload ->> 'superseded_run_id' FROM event WHERE kind = 'outcome.superseded'",
        )
    }
    fallen: set[int] = set()
    for event in events:
        if event.run_id in superseded or event.cause_id in fallen:
            fallen.add(event.id)
        else:
            yield event


def is_live(db: apsw.Connection, event_id: int | None) -> bool:
    """Whether an event counts. Microseconds: a chain of causes is short, superseded runs are indexed."""
    return event_id is None or row(db, FALLEN, (event_id,)) is None


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
    folded = 0
    for event in live(source, log.everything(source)):
        project(target, event)
        folded += 1
        progress(folded)
    return folded


def scratch(db: apsw.Connection) -> apsw.Connection:
    """An empty database in memory with the projections' tables."""
    empty = apsw.Connection(":memory:")
    marks = ", ".join("?" for _ in PROJECTIONS)
    for (sql,) in db.execute(
        f"SELECT sql FROM sqlite_master WHERE tbl_name IN ({marks}) AND sql IS NOT NULL",
        PROJECTIONS,
    ):
        empty.execute(str(sql))
    return empty


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
