"""Stock Huey, for comparison: SqliteHuey with its own consumer, in a process of its own.

The worker is a process of its own: `WORK` and the queue's file, and optionally its number of workers.
"""

import logging
import signal
import sqlite3
import sys
import time
from pathlib import Path

from huey import SqliteHuey
from huey.api import Huey

WORK = [sys.executable, "-c", "from ops.stock_huey import main; main()"]
CHAIN_STEPS = 6
WORK_S = 0.004


def stock(file: Path) -> Huey:
    """The queue and its two tasks: `note` writes down when it began, `chain` enqueues its next step."""
    huey = SqliteHuey("stock", filename=str(file), results=False)
    notes = file.with_suffix(".notes")

    @huey.task()
    def note(number: int) -> None:
        began = time.perf_counter()
        with sqlite3.connect(notes, timeout=10) as db:
            db.execute("INSERT INTO note VALUES (?, 0, ?)", (number, began))

    @huey.task()
    def chain(number: int, step: int) -> None:
        time.sleep(WORK_S)
        with sqlite3.connect(notes, timeout=10) as db:
            db.execute("INSERT INTO note VALUES (?, ?, ?)", (number, step, time.perf_counter()))
        if step + 1 < CHAIN_STEPS:
            chain(number, step + 1)

    huey.note, huey.chain = note, chain
    return huey


def prepare_notes(file: Path) -> sqlite3.Connection:
    """Where the tasks write what they did; open it before the worker starts."""
    db = sqlite3.connect(file.with_suffix(".notes"), timeout=10, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS note (number INT, step INT, at REAL)")
    return db


def main() -> None:
    logging.getLogger("huey").setLevel(logging.CRITICAL)
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    consumer = stock(Path(sys.argv[1])).create_consumer(workers=workers)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    consumer.run()
