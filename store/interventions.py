"""Interventions: what is done to runs from outside their course, because a person asks or their event no
longer counts. A stage paused, another round of attempts, given up, stopped; never what a run itself comes to.
"""

from collections.abc import Sequence

import apsw

from store import ledger
from store.rows import rows


def pause(db: apsw.Connection, stage: str, paused: bool) -> bool:
    """Let a stage start no more runs, in any process and after a restart too, or let it go on. What runs is
    finished; what waits keeps its place. False when it stood so already."""
    if (stage in ledger.paused(db)) is paused:
        return False
    db.execute(
        "INSERT INTO stage(name, paused) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET paused = ?2",
        (stage, int(paused)),
    )
    return True


def retry(db: apsw.Connection, run_ids: Sequence[int], *, now: int) -> list[int]:
    """Another round of attempts for dead, cancelled or backing-off runs; returns which. All of them wait
    before one steps up, so that a mailbox goes on with its oldest."""
    changed: list[int] = []
    mailboxes: dict[tuple[str, int], None] = {}
    for run_id in run_ids:
        again = rows(
            db,
            "UPDATE run SET state = CASE state WHEN 'backoff' THEN 'ready' ELSE 'waiting' END, due = 0,"
            " attempt = 0, crashes = 0, finished_at = NULL WHERE id = ?"
            " AND state IN ('dead', 'cancelled', 'backoff') RETURNING stage, chat_id",
            (run_id,),
        )
        for stage, chat_id in again:
            changed.append(run_id)
            mailboxes[stage, chat_id] = None
    for stage, chat_id in mailboxes:
        ledger.promote(db, stage, chat_id, now=now)
    return changed


def discard(db: apsw.Connection, run_ids: Sequence[int], *, now: int) -> list[int]:
    """Give up runs that are not running; their events stay, the step is skipped. Returns which."""
    changed: list[int] = []
    for run_id in run_ids:
        given_up = rows(
            db,
            "UPDATE run SET state = 'cancelled', finished_at = ? WHERE id = ?"
            " AND state IN ('waiting', 'ready', 'backoff', 'dead') RETURNING stage, chat_id",
            (now, run_id),
        )
        for stage, chat_id in given_up:
            db.execute("DELETE FROM partial WHERE run_id = ?", (run_id,))
            ledger.promote(db, stage, chat_id, now=now)
            changed.append(run_id)
    return changed


def request_stop(db: apsw.Connection, chat_id: int, lane: str, *, now: int) -> int:
    """Ask whoever runs this chat's lane to stop where it is; a run in backoff there is given up."""
    backing_off = rows(
        db, "SELECT id FROM run WHERE chat_id = ? AND lane = ? AND state = 'backoff'", (chat_id, lane)
    )
    given_up = discard(db, [run_id for (run_id,) in backing_off], now=now)
    db.execute(
        "UPDATE run SET stop = 'stopped' WHERE chat_id = ? AND lane = ? AND state = 'running'",
        (chat_id, lane),
    )
    return len(given_up) + db.changes()
