"""Reports for pages, the JSON interface and the command line; each takes a query-only connection."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from store.rows import Row, row, rows
from store.selection import EVERY_RUN, Selection
from store.views import BOT, CHAT, Bot, Chat, bot_of, chat_of


@dataclass(frozen=True, slots=True)
class Run:
    """A run as people see it. Times are UTC ms; `error` is the newest failed attempt's."""

    id: int
    stage: str
    event_id: int
    chat_id: int
    generation: int
    state: str
    attempt: int
    crashes: int
    due: int
    enqueued_at: int
    started_at: int | None
    finished_at: int | None
    error_class: str | None
    error: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Partial:
    run_id: int
    event_id: int
    token: int
    speaker_id: int
    text: str


RUN = (
    "SELECT run.id, stage, event_id, chat_id, generation, state, attempt, crashes, due, enqueued_at,"
    " run.started_at, run.finished_at, a.error_class, a.error FROM run"
    " LEFT JOIN attempt a ON a.run_id = run.id AND a.token ="
    " (SELECT max(token) FROM attempt WHERE run_id = run.id AND error IS NOT NULL)"
)


def _run(found: Row) -> Run:
    error = json.loads(found[-1]) if found[-1] else None
    return Run(*(*found[:-1], error))


def bots(db: apsw.Connection, *, archived: bool = False) -> list[Bot]:
    """The bots of the library by name, the archived too if asked for."""
    found = rows(db, f"SELECT {BOT} FROM bot WHERE archived <= ? ORDER BY name, id", (int(archived),))
    return [bot_of(one) for one in found]


def chats(db: apsw.Connection) -> list[Chat]:
    found = rows(db, f"SELECT {CHAT} FROM chat WHERE NOT archived ORDER BY changed_at DESC, id DESC")
    return [chat_of(one) for one in found]


def runs(
    db: apsw.Connection, selected: Selection = EVERY_RUN, *, before: int | None = None, limit: int = 200
) -> list[Run]:
    """The newest of the selected runs, newest first; `before` goes on from the last of a page."""
    condition, values = selected.where()
    if before is not None:
        condition, values = f"{condition} AND run.id < ?", [*values, before]
    found = rows(db, f"{RUN} WHERE {condition} ORDER BY run.id DESC LIMIT ?", [*values, limit])
    return [_run(one) for one in found]


def unsettled(db: apsw.Connection, chat_id: int, stages: tuple[str, ...]) -> list[Run]:
    """Runs of these stages in one chat that are neither done nor cancelled, oldest first."""
    marks = ", ".join("?" for _ in stages)
    found = rows(
        db,
        f"{RUN} WHERE chat_id = ? AND stage IN ({marks})"
        " AND state IN ('waiting', 'ready', 'running', 'backoff', 'dead') ORDER BY run.id",
        (chat_id, *stages),
    )
    return [_run(one) for one in found]


def run(db: apsw.Connection, run_id: int) -> Run | None:
    found = row(db, f"{RUN} WHERE run.id = ?", (run_id,))
    return _run(found) if found else None


def partials(db: apsw.Connection, chat_id: int) -> list[Partial]:
    """Texts being written in a chat, as last checkpointed."""
    found = rows(
        db,
        "SELECT run_id, run.event_id, partial.token, speaker_id, text FROM partial"
        " JOIN run ON run.id = run_id WHERE partial.chat_id = ?",
        (chat_id,),
    )
    return [Partial(*one) for one in found]


def pending(db: apsw.Connection, *, stage: str | None = None, chat_id: int | None = None) -> int:
    """How many runs are still to be settled by working or waiting."""
    found = row(
        db,
        "SELECT count(*) FROM run WHERE state IN ('waiting', 'ready', 'running', 'backoff')"
        " AND (?1 IS NULL OR stage = ?1) AND (?2 IS NULL OR chat_id = ?2)",
        (stage, chat_id),
    )
    return found[0] if found else 0


def dead(db: apsw.Connection, *, stage: str | None = None, chat_id: int | None = None) -> list[int]:
    """Ids of the dead runs that match, in mailbox order."""
    found = rows(
        db,
        "SELECT id FROM run WHERE state = 'dead' AND (?1 IS NULL OR stage = ?1)"
        " AND (?2 IS NULL OR chat_id = ?2) ORDER BY event_id, id",
        (stage, chat_id),
    )
    return [run_id for (run_id,) in found]


def counts(db: apsw.Connection) -> Mapping[tuple[str, str], int]:
    """(stage, state) → number of runs."""
    grouped = rows(db, "SELECT stage, state, count(*) FROM run GROUP BY stage, state")
    return {(stage, state): number for stage, state, number in grouped}
