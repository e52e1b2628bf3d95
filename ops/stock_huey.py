"""Stock Huey, for comparison: SqliteHuey with its own consumer, measured and killed as Fabula is.

The worker is a process of its own: `WORK` and the queue's file, and optionally its number of workers.
"""

import logging
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from huey import SqliteHuey
from huey.api import Huey

WORK = [sys.executable, "-c", "from ops.stock_huey import main; main()"]
CHAIN_STEPS = 6
CHAINS = 40
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


def crash_stock(kills: int, chance: random.Random) -> dict[str, object]:
    """Chains of six tasks on stock Huey's SQLite storage; a chain whose last step never ran is lost."""
    with tempfile.TemporaryDirectory(prefix="fabula-crash-") as name:
        file = Path(name) / "stock.db"
        notes, huey = prepare_notes(file), stock(file)
        for number in range(CHAINS * kills):
            huey.chain(number, 0)
        for _ in range(kills):
            with subprocess.Popen([*WORK, str(file), "4"]) as worker:
                _wait_for_progress(notes)
                time.sleep(chance.uniform(0, 0.3))
                worker.kill()
        with subprocess.Popen([*WORK, str(file), "4"]) as worker:
            _wait_until_still(notes)
            worker.terminate()
        ended = notes.execute("SELECT count(DISTINCT number) FROM note WHERE step = ?", (CHAIN_STEPS - 1,))
        lost = CHAINS * kills - int(ended.fetchone()[0])
        notes.close()
    violations = [f"{lost} of {CHAINS * kills} chains lost"] if lost else []
    return {"kills": kills, "chains": CHAINS * kills, "lost": lost, "violations": violations}


def _steps(notes: sqlite3.Connection) -> int:
    return int(notes.execute("SELECT count(*) FROM note").fetchone()[0])


def _wait_for_progress(notes: sqlite3.Connection) -> None:
    before = _steps(notes)
    deadline = time.monotonic() + 20
    while _steps(notes) == before and time.monotonic() < deadline:
        time.sleep(0.01)


def _wait_until_still(notes: sqlite3.Connection) -> None:
    before = -1
    while (now := _steps(notes)) != before:
        before = now
        time.sleep(1.5)


def main() -> None:
    logging.getLogger("huey").setLevel(logging.CRITICAL)
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    consumer = stock(Path(sys.argv[1])).create_consumer(workers=workers)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    consumer.run()
