"""Descent: what came of an event, as a tree of runs and the events they recorded."""

import json
from dataclasses import dataclass, field
from typing import Any

import apsw

from store import live
from store.errors import NotFound
from store.rows import Row, row, rows

MOST = 600
"""A tree with more branches than this is cut off: nobody reads it."""
TEXTS = ("text", "summary", "activity", "reason", "title", "name", "to")
"""Fields of which the first that is there tells what an event is about."""
SHOWN_CHARS = 140


@dataclass(slots=True)
class Recorded:
    """An event of the tree. What was done by hand in answer to it lies in `by_hand`."""

    id: int
    kind: str
    chat_id: int | None
    run_id: int | None
    recorded_at: int
    told: str
    counts: bool
    runs: list["Ran"] = field(default_factory=list)
    by_hand: list["Recorded"] = field(default_factory=list)


@dataclass(slots=True)
class Ran:
    """A run that an event called for."""

    id: int
    stage: str
    generation: int
    state: str
    events: list[Recorded] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Descent:
    """The tree below an event; `causes` leads from the first cause down to what it answers."""

    root: Recorded
    causes: list[Recorded]
    size: int
    cut: bool


def of_event(db: apsw.Connection, event_id: int) -> Descent:
    """Everything that came of an event, in the order of the log.

    Raises:
        NotFound: there is no such event.
    """
    root = recorded(db, event_id)
    waiting, size = [root], 1
    while waiting and size <= MOST:
        event = waiting.pop(0)
        event.runs = _runs_for(db, event.id)
        by_run = {run.id: run for run in event.runs}
        for found in rows(db, f"{_EVENT} WHERE cause_id = ? ORDER BY id", (event.id,)):
            child = _recorded(db, found)
            target = by_run[child.run_id].events if child.run_id in by_run else event.by_hand
            target.append(child)
            waiting.append(child)
        size += len(event.runs) + sum(len(run.events) for run in event.runs) + len(event.by_hand)
    return Descent(root, _causes(db, event_id), size, cut=bool(waiting))


_EVENT = "SELECT id, kind, chat_id, run_id, recorded_at, payload FROM event"


def recorded(db: apsw.Connection, event_id: int) -> Recorded:
    """One event, without what came of it."""
    found = row(db, f"{_EVENT} WHERE id = ?", (event_id,))
    if found is None:
        raise NotFound(f"There is no event {event_id}.", hint="Go back to the desk.")
    return _recorded(db, found)


def _recorded(db: apsw.Connection, found: Row) -> Recorded:
    event_id, kind, chat_id, run_id, recorded_at, payload = found
    told = _told(json.loads(payload))
    return Recorded(event_id, kind, chat_id, run_id, recorded_at, told, live.is_live(db, event_id))


def _runs_for(db: apsw.Connection, event_id: int) -> list[Ran]:
    asked = "SELECT id, stage, generation, state FROM run WHERE event_id = ? ORDER BY id"
    return [Ran(*one) for one in rows(db, asked, (event_id,))]


def _causes(db: apsw.Connection, event_id: int) -> list[Recorded]:
    found = rows(
        db,
        "WITH RECURSIVE chain(id, cause_id, depth) AS (SELECT id, cause_id, 0 FROM event WHERE id = ?"
        " UNION ALL SELECT event.id, event.cause_id, depth + 1 FROM chain"
        " JOIN event ON event.id = chain.cause_id)"
        " SELECT id FROM chain WHERE depth > 0 ORDER BY depth DESC LIMIT ?",
        (event_id, MOST),
    )
    return [recorded(db, cause_id) for (cause_id,) in found]


def _told(payload: dict[str, Any]) -> str:
    texts = (payload.get(name) for name in TEXTS)
    said = next((text for text in texts if isinstance(text, str) and text), "")
    return said if len(said) <= SHOWN_CHARS else f"{said[: SHOWN_CHARS - 1]}…"
