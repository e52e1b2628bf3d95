"""Interventions: what is done to runs from outside their course, because a person asks or their event no
longer counts. Another round of attempts, given up, stopped; never what a run itself comes to.
"""

from collections.abc import Sequence

import apsw

from store import ledger
from store.rows import row, rows


def retry(db: apsw.Connection, run_ids: Sequence[int], *, now: int) -> int:
    """Another round of attempts for dead, cancelled or backing-off runs; returns how many."""
    changed = 0
    for run_id in sorted(run_ids):
        found = row(db, "SELECT stage, chat_id, state FROM run WHERE id = ?", (run_id,))
        if not found or found[2] not in ("dead", "cancelled", "backoff"):
            continue
        state = "ready" if found[2] == "backoff" else "waiting"
        db.execute(
            "UPDATE run SET state = ?, due = 0, attempt = 0, crashes = 0, finished_at = NULL WHERE id = ?",
            (state, run_id),
        )
        ledger.promote(db, found[0], found[1], now=now)
        changed += 1
    return changed


def discard(db: apsw.Connection, run_ids: Sequence[int], *, now: int) -> int:
    """Give up runs that are not running; their events stay, the step is skipped. Returns how many."""
    changed = 0
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
            changed += 1
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
    return given_up + db.changes()
