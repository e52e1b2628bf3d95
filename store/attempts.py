"""What becomes of one run: each attempt, written as it begins and ends, with what was asked, heard and went
wrong.
"""

import json
from dataclasses import dataclass
from typing import Any

import apsw

from store.rows import row, rows


@dataclass(frozen=True, slots=True)
class Attempt:
    """One hand-out of a run. Times are UTC ms. To each of `requests` belongs what came back to it, among
    `answers`; both are empty where no model was asked, or where they are kept no more."""

    token: int
    started_at: int
    finished_at: int | None
    outcome: str | None
    error_class: str | None
    error: dict[str, str] | None
    requests: list[dict[str, Any]]
    answers: list[list[str]]
    figures: dict[str, Any]

    @property
    def exchanges(self) -> list[tuple[dict[str, Any], list[str]]]:
        answers = [*self.answers, *([] for _ in self.requests)]
        return list(zip(self.requests, answers, strict=False))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as it is kept: `told` is the JSON a page shows (what, means, do, detail)."""

    error_class: str
    told: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What an attempt asked a model and heard, and its figures, each as JSON."""

    prompt: str | None = None
    response: str | None = None
    figures: str | None = None


NOTHING_KEPT = Kept()
EXCHANGES_KEPT = 2_000
"""For so many runs after it, what a finished run asked and heard is kept; of what failed, for good."""


def begin(db: apsw.Connection, run_id: int, token: int, boot_id: int, *, now: int) -> None:
    db.execute(
        "INSERT INTO attempt(run_id, token, boot_id, started_at) VALUES (?, ?, ?, ?)",
        (run_id, token, boot_id, now),
    )


def close(
    db: apsw.Connection,
    run_id: int,
    token: int,
    outcome: str,
    *,
    now: int,
    failure: Failure | None = None,
    kept: Kept = NOTHING_KEPT,
) -> None:
    """Say how an attempt ended. What an old run that is done had asked and heard is let go with it."""
    db.execute(
        "UPDATE attempt SET finished_at = ?, outcome = ?, error_class = ?, error = ?, prompt = ?,"
        " response = ?, figures = ?"
        " WHERE run_id = ? AND token = ?",
        (
            now,
            outcome,
            failure.error_class if failure else None,
            failure.told if failure else None,
            kept.prompt,
            kept.response,
            kept.figures,
            run_id,
            token,
        ),
    )
    db.execute(
        "UPDATE attempt SET prompt = NULL, response = NULL WHERE run_id = ? AND outcome = 'done'",
        (run_id - EXCHANGES_KEPT,),
    )


def of_run(db: apsw.Connection, run_id: int) -> list[Attempt]:
    """A run's attempts, oldest first."""
    found = rows(
        db,
        "SELECT token, started_at, finished_at, outcome, error_class, error, prompt, response, figures"
        " FROM attempt WHERE run_id = ? ORDER BY token",
        (run_id,),
    )
    return [_attempt(*one) for one in found]


def _attempt(
    token: int,
    started_at: int,
    finished_at: int | None,
    outcome: str | None,
    error_class: str | None,
    *kept: str | None,
) -> Attempt:
    error, prompt, response, figures = (json.loads(one) if one else None for one in kept)
    requests = prompt if isinstance(prompt, list) else [prompt] if prompt else []
    return Attempt(
        token, started_at, finished_at, outcome, error_class, error, requests, response or [], figures or {}
    )


def of_same_event(db: apsw.Connection, stage: str, event_id: int) -> list[tuple[int, int, str]]:
    """(generation, run id, state) of every run of a stage for an event, oldest first."""
    return rows(
        db,
        "SELECT generation, id, state FROM run WHERE stage = ? AND event_id = ? ORDER BY generation",
        (stage, event_id),
    )


def stop_of(db: apsw.Connection, run_id: int) -> str | None:
    """Why a run was asked to end, or was set aside."""
    found = row(db, "SELECT stop FROM run WHERE id = ?", (run_id,))
    return found[0] if found else None
