"""The desk with a long ledger behind it: a hundred thousand runs, as weeks of play leave them."""

from pathlib import Path

import actors
from store.rows import rows
from store.store import open_store
from store.txn import Txn

RUNS = 100_000
SPREAD_MS = 3 * 24 * 3_600_000
"""Over so long the finished ones ended; what ended within the last hour is what the charts show."""
EVERY_DEAD, EVERY_OPEN = 500, 100
DAY_MS = 24 * 3_600_000
BROKE = '{"what": "It broke.", "means": "", "do": "", "detail": ""}'


def fill_ledger(database: Path, chat_id: int) -> int:
    """Runs of every stage for the chat's events, most of them done, some dead, some waiting behind one that
    is tried again tomorrow; returns how many."""
    with open_store(database, {}) as store:
        return store.writer.call(lambda txn: _fill(txn, chat_id))


def _fill(txn: Txn, chat_id: int) -> int:
    stages = [one.name for one in actors.ALL]
    each = -(-RUNS // len(stages))
    events = [
        event_id
        for (event_id,) in rows(
            txn.connection, "SELECT id FROM event WHERE chat_id = ? ORDER BY id LIMIT ?", (chat_id, each)
        )
    ]
    made = [(stage, event_id) for event_id in events for stage in stages][:RUNS]
    heads: set[str] = set()
    for number, (stage, event_id) in enumerate(made):
        at = txn.now - (RUNS - number) * SPREAD_MS // RUNS
        is_open = number % EVERY_OPEN < len(stages) and number > RUNS * 9 // 10
        state = "dead" if number % EVERY_DEAD == 0 else "done"
        if is_open:
            state = "waiting" if stage in heads else "backoff"
            heads.add(stage)
        _insert(txn, number + 1, stage, event_id, chat_id, state, at)
    return len(made)


def _insert(txn: Txn, run_id: int, stage: str, event_id: int, chat_id: int, state: str, at: int) -> None:
    finished = at + 1500 if state in ("done", "dead") else None
    due = txn.now + DAY_MS if state == "backoff" else 0
    txn.execute(
        "INSERT INTO run(id, stage, event_id, chat_id, state, lane, priority, due, attempt, token,"
        " enqueued_at, started_at, finished_at)"
        " VALUES (?, ?, ?, ?, ?, 'bookkeeping', 0, ?, 1, 1, ?, ?, ?)",
        (run_id, stage, event_id, chat_id, state, due, at, at + 500, finished),
    )
    if finished is None:
        return
    failed = ("connection", BROKE) if state == "dead" else (None, None)
    txn.execute(
        "INSERT INTO attempt(run_id, token, started_at, finished_at, outcome, error_class, error)"
        " VALUES (?, 1, ?, ?, ?, ?, ?)",
        (run_id, at + 500, finished, state, *failed),
    )
