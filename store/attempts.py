"""What became of one run: each attempt with what was asked, heard and went wrong."""

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
