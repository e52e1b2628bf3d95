"""The account of interventions: what a person did to stages and runs, when, and the note they left.

Runs are no part of the story, so this lies beside the log: nothing is folded from it, a snapshot of a chat
does not carry it, and a purge takes what names the chat or its runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import apsw

from store.rows import rows

Act = Literal["paused", "resumed", "retried", "discarded", "replayed"]
MAX_NOTE_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Intervention:
    """One act. `runs` counts those it was done to; `at` is UTC ms."""

    id: int
    act: str
    stage: str | None
    chat_id: int | None
    note: str
    at: int
    runs: int


def record(
    db: apsw.Connection,
    act: Act,
    run_ids: Iterable[int] = (),
    *,
    now: int,
    stage: str | None = None,
    chat_id: int | None = None,
    note: str = "",
) -> int:
    """Write down an act and the runs it was done to, in the transaction that does it; returns its id."""
    db.execute(
        "INSERT INTO intervention(act, stage, chat_id, note, at) VALUES (?, ?, ?, ?, ?)",
        (act, stage, chat_id, note, now),
    )
    intervention_id = db.last_insert_rowid()
    add(db, intervention_id, run_ids)
    return intervention_id


def add(db: apsw.Connection, intervention_id: int, run_ids: Iterable[int]) -> None:
    """More runs for an act that takes several transactions."""
    db.executemany(
        "INSERT INTO intervened(run_id, intervention_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(run_id, intervention_id) for run_id in run_ids],
    )


_COLUMNS = (
    "id, act, stage, chat_id, note, at,"
    " (SELECT count(*) FROM intervened WHERE intervention_id = intervention.id)"
)


def of_run(db: apsw.Connection, run_id: int) -> list[Intervention]:
    """What was done to a run, oldest first."""
    found = rows(
        db,
        f"SELECT {_COLUMNS} FROM intervention"
        " WHERE id IN (SELECT intervention_id FROM intervened WHERE run_id = ?) ORDER BY id",
        (run_id,),
    )
    return [Intervention(*one) for one in found]


def newest(db: apsw.Connection, limit: int) -> list[Intervention]:
    """The last acts, newest first."""
    found = rows(db, f"SELECT {_COLUMNS} FROM intervention ORDER BY id DESC LIMIT ?", (limit,))
    return [Intervention(*one) for one in found]
