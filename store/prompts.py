"""Prompts that were sent, kept word for word beside the log for a while.

What went where is kept with every attempt for good (its figures); the words would be most of the database.
Those of the newest runs are kept, packed, for whoever wonders about what they are just reading; of older ones
the figures name the events, and the log has their words.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from store.rows import row, rows

KEPT = 200
"""How many of the newest prompts are kept: two megabytes of full ones."""


def keep(db: apsw.Connection, run_id: int, packed: bytes) -> None:
    """Keep one and let the oldest go, in the caller's transaction."""
    db.execute("INSERT OR REPLACE INTO sent_prompt(run_id, packed) VALUES (?, ?)", (run_id, packed))
    db.execute("DELETE FROM sent_prompt WHERE id <= ?", (db.last_insert_rowid() - KEPT,))


def of_run(db: apsw.Connection, run_id: int) -> bytes | None:
    """What a run had sent, packed; None where it is not kept (any more)."""
    found = row(db, "SELECT packed FROM sent_prompt WHERE run_id = ?", (run_id,))
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The attempt by which a run was done. Times are UTC ms; `figures` is what it noted of itself."""

    number: int
    enqueued_at: int
    started_at: int
    finished_at: int | None
    figures: Mapping[str, Any]


def attempt_of(db: apsw.Connection, run_id: int) -> Attempt | None:
    """How a run came to its end; None when it has not, or was brought in from elsewhere."""
    found = row(
        db,
        "SELECT (SELECT count(*) FROM attempt one WHERE one.run_id = a.run_id AND one.token <= a.token),"
        " run.enqueued_at, a.started_at, a.finished_at, a.figures FROM attempt a"
        " JOIN run ON run.id = a.run_id WHERE a.run_id = ? AND a.outcome = 'done'"
        " ORDER BY a.token DESC LIMIT 1",
        (run_id,),
    )
    if found is None:
        return None
    number, enqueued_at, started_at, finished_at, figures = found
    return Attempt(number, enqueued_at, started_at, finished_at, json.loads(figures or "{}"))


def words_of(db: apsw.Connection, event_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Event id → its kind and its words as the log has them, empty where it has none."""
    found = rows(
        db,
        "SELECT id, kind, coalesce(payload ->> 'text', payload ->> 'summary', payload ->> 'activity', '')"
        " FROM event WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(event_ids)),),
    )
    return {event_id: (kind, text) for event_id, kind, text in found}
