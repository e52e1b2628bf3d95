"""The run ledger: one row per (stage, trigger event, generation), which is also the queue.

waiting → ready → running → done | backoff | dead | cancelled. Only the head of a mailbox (stage, chat) is
ever ready, running or in backoff; a unique index refuses a second. Every function here is one short, fixed
piece of SQL inside the caller's transaction. A claim carries a token that grows with each hand-out: whoever
comes back with an older one is fenced off and changes nothing.
"""

import json
from dataclasses import dataclass
from typing import NamedTuple

import apsw

from store import attempts
from store.attempts import NOTHING_KEPT, Failure, Kept
from store.rows import row, rows

MAX_CRASHES = 10
"""A run whose process died this often is dead: something about it kills us. A killed process blames every run
it held, the innocent too, so judgement is slow."""

UNSETTLED = (
    "EXISTS (SELECT 1 FROM json_each(run.awaits) awaited JOIN run other ON other.chat_id = run.chat_id"
    " AND other.stage = awaited.value AND other.event_id <= run.event_id"
    " AND other.state IN ('waiting', 'ready', 'running', 'backoff'))"
)
"""A stage that a run awaits still has something to do at or before the run's own event."""
PAUSED = "SELECT name FROM stage WHERE paused"
MAY_START = f"stage NOT IN ({PAUSED}) AND (awaits IS NULL OR NOT {UNSETTLED})"
"""Of a ready run: its stage is not paused, and what it awaits has settled. What a paused stage has still
to do is not settled, so whoever awaits it waits as well."""


STATES = ("waiting", "ready", "running", "backoff", "done", "dead", "cancelled")


@dataclass(frozen=True, slots=True)
class Route:
    """What the ledger must know of a stage to enqueue a run for it."""

    stage: str
    lane: str
    priority: int
    awaits: tuple[str, ...] = ()
    """Stages that must have settled every event of the chat up to the run's own before it may start."""


class Claim(NamedTuple):
    """A run handed out to this process. `token` proves it is still ours when we come back."""

    run_id: int
    stage: str
    event_id: int
    chat_id: int
    generation: int
    lane: str
    attempt: int
    crashes: int
    token: int
    claimed_at: int


def enqueue(
    db: apsw.Connection,
    route: Route,
    event_id: int,
    chat_id: int,
    *,
    now: int,
    generation: int = 0,
    due: int = 0,
) -> None:
    """Add the run for this stage and event, once: a repeat is ignored.

    It becomes the mailbox's head when there is none, and waits otherwise. A run that is due later keeps its
    place as head until then.
    """
    db.execute(
        "INSERT INTO run(stage, event_id, chat_id, generation, state, lane, priority, due, enqueued_at,"
        " awaits)"
        " SELECT ?1, ?2, ?3, ?4, CASE WHEN EXISTS (SELECT 1 FROM run WHERE stage = ?1 AND chat_id = ?3"
        " AND state IN ('waiting', 'ready', 'running', 'backoff')) THEN 'waiting'"
        " WHEN ?7 > ?8 THEN 'backoff' ELSE 'ready' END,"
        " ?5, ?6, ?7, ?8, ?9 WHERE true ON CONFLICT DO NOTHING",
        (
            route.stage,
            event_id,
            chat_id,
            generation,
            route.lane,
            route.priority,
            due,
            now,
            json.dumps(route.awaits) if route.awaits else None,
        ),
    )


def claim(db: apsw.Connection, boot_id: int, lane: str, limit: int, *, now: int) -> list[Claim]:
    """Hand out up to `limit` ready heads of a lane, highest priority first."""
    ready = rows(
        db,
        "SELECT id, stage, event_id, chat_id, generation, lane, attempt + 1, crashes, token + 1, ? FROM run"
        f" WHERE state = 'ready' AND lane = ? AND {MAY_START}"
        " ORDER BY priority DESC, id LIMIT ?",
        (now, lane, limit),
    )
    claims = [Claim(*found) for found in ready]
    for one in claims:
        db.execute(
            "UPDATE run SET state = 'running', attempt = ?, token = ?, boot_id = ?, started_at = ?,"
            " stop = NULL WHERE id = ?",
            (one.attempt, one.token, boot_id, now, one.run_id),
        )
        attempts.begin(db, one.run_id, one.token, boot_id, now=now)
    return claims


def finish(db: apsw.Connection, claimed: Claim, state: str, kept: Kept = NOTHING_KEPT, *, now: int) -> bool:
    """Close the run as done or cancelled and let the next of its mailbox step up.

    False when the claim is no longer ours; the caller must then drop everything it was about to write.
    """
    return _leave(db, claimed, state, now=now, finished_at=now) and _settled(
        db, claimed, state, now=now, kept=kept
    )


def fail(
    db: apsw.Connection,
    claimed: Claim,
    failure: Failure,
    due: int | None,
    kept: Kept = NOTHING_KEPT,
    *,
    now: int,
) -> bool:
    """Put the run into backoff until `due`, keeping its place as head, or declare it dead (`due` None)."""
    state = "dead" if due is None else "backoff"
    if not _leave(db, claimed, state, now=now, due=due or 0, finished_at=now if due is None else None):
        return False
    return _settled(db, claimed, state, now=now, failure=failure, kept=kept)


def uncount(db: apsw.Connection, claimed: Claim) -> None:
    """Give the attempt back: the failure was not the run's own (a rate limit, a full disk, a shutdown)."""
    db.execute("UPDATE run SET attempt = max(attempt - 1, 0) WHERE id = ?", (claimed.run_id,))


def hand_back(db: apsw.Connection, claimed: Claim, *, now: int) -> bool:
    """Return an unfinished run to the head of its mailbox at shutdown; it is no attempt and no crash."""
    if not _leave(db, claimed, "ready", now=now):
        return False
    uncount(db, claimed)
    attempts.close(db, claimed.run_id, claimed.token, "handed_back", now=now)
    return True


def _leave(
    db: apsw.Connection,
    claimed: Claim,
    state: str,
    *,
    now: int,
    due: int = 0,
    finished_at: int | None = None,
) -> bool:
    db.execute(
        "UPDATE run SET state = ?, due = ?, finished_at = ?, boot_id = NULL"
        " WHERE id = ? AND state = 'running' AND token = ?",
        (state, due, finished_at, claimed.run_id, claimed.token),
    )
    return db.changes() == 1


def _settled(
    db: apsw.Connection,
    claimed: Claim,
    state: str,
    *,
    now: int,
    failure: Failure | None = None,
    kept: Kept = NOTHING_KEPT,
) -> bool:
    attempts.close(db, claimed.run_id, claimed.token, state, now=now, failure=failure, kept=kept)
    if state != "backoff":
        promote(db, claimed.stage, claimed.chat_id, now=now)
    return True


def promote(db: apsw.Connection, stage: str, chat_id: int, *, now: int) -> None:
    """Make the oldest waiting run of a mailbox its head, unless it has one."""
    db.execute(
        "UPDATE run SET state = CASE WHEN due > ?3 THEN 'backoff' ELSE 'ready' END"
        " WHERE id = (SELECT id FROM run WHERE stage = ?1 AND chat_id = ?2 AND state = 'waiting'"
        " ORDER BY event_id, id LIMIT 1) AND NOT EXISTS (SELECT 1 FROM run WHERE stage = ?1 AND chat_id = ?2"
        " AND state IN ('ready', 'running', 'backoff'))",
        (stage, chat_id, now),
    )


def wake_due(db: apsw.Connection, *, now: int) -> int:
    """Make ready what has waited out its backoff; returns how many."""
    db.execute("UPDATE run SET state = 'ready' WHERE state = 'backoff' AND due <= ?", (now,))
    return db.changes()


def paused(db: apsw.Connection) -> frozenset[str]:
    """The stages that start no runs until a person lets them."""
    return frozenset(name for (name,) in rows(db, PAUSED))


def something_may_start(db: apsw.Connection) -> bool:
    """Whether a run is there to be claimed by whoever has a slot for it."""
    return row(db, f"SELECT 1 FROM run WHERE state = 'ready' AND {MAY_START} LIMIT 1") is not None


def something_moves(db: apsw.Connection) -> bool:
    """Whether the ledger will go on by itself: something runs, comes out of its backoff, or may start."""
    running = row(db, "SELECT 1 FROM run WHERE state = 'running' LIMIT 1")
    later = row(db, f"SELECT 1 FROM run WHERE state = 'backoff' AND stage NOT IN ({PAUSED}) LIMIT 1")
    return running is not None or later is not None or something_may_start(db)


def next_due(db: apsw.Connection) -> int | None:
    """When the earliest run in backoff is due (UTC ms)."""
    found = row(db, "SELECT min(due) FROM run WHERE state = 'backoff'")
    return found[0] if found else None


def recover(db: apsw.Connection, boot_id: int, *, now: int) -> int:
    """Take back every run a dead process held: ready again, or dead after too many crashes."""
    held = rows(
        db,
        "SELECT id, stage, chat_id, token, crashes + 1 FROM run WHERE state = 'running' AND boot_id = ?",
        (boot_id,),
    )
    for run_id, stage, chat_id, token, crashes in held:
        dead = crashes >= MAX_CRASHES
        db.execute(
            "UPDATE run SET state = ?, crashes = ?, boot_id = NULL, token = token + 1, finished_at = ?,"
            " attempt = max(attempt - 1, 0) WHERE id = ?",
            ("dead" if dead else "ready", crashes, now if dead else None, run_id),
        )
        attempts.close(db, run_id, token, "crash", now=now, failure=_CRASHED)
        if dead:
            promote(db, stage, chat_id, now=now)
    db.execute("UPDATE boot SET ended_at = ? WHERE id = ?", (now, boot_id))
    return len(held)


_CRASHED = Failure(
    "crash",
    '{"what": "Fabula was ended in the middle of this step.", "means": "Nothing it had accepted is lost.",'
    ' "do": "It is tried again by itself; after ten crashes it waits for you.", "detail": ""}',
)
