"""Boots: one row per life of a working process, and how the others learn that it has ended.

Each holds a kernel lock on a file of its own while it lives. A lock that can be taken means the process is
gone, so its runs are taken back at once and without guessing; the lease (a heartbeat) is for a process that
still exists and no longer moves. Either way the claim's token fences off whoever comes back.
"""

import contextlib
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

import apsw

from store import ledger
from store.locks import HAS_LOCKS, try_lock
from store.rows import rows
from store.txn import Txn

LEASE_MS = 20_000
HEARTBEAT_S = 5.0


@dataclass(frozen=True, slots=True)
class Boot:
    id: int
    lock: IO[bytes]
    lock_path: Path


def lock_folder(database: Path) -> Path:
    return database.with_name(database.name + "-boots")


def begin(txn: Txn, database: Path) -> Boot:
    """Register this process; the lock is held before the row can be seen."""
    lock_folder(database).mkdir(exist_ok=True)
    txn.execute(
        "INSERT INTO boot(pid, started_at, seen_at, code_version) VALUES (?, ?, ?, ?)",
        (os.getpid(), txn.now, txn.now, version("fabula")),
    )
    boot_id = txn.connection.last_insert_rowid()
    path = lock_folder(database) / str(boot_id)
    lock = try_lock(path)
    if lock is None:
        raise RuntimeError(f"boot {boot_id} is new, yet its lock {path} is held")
    return Boot(boot_id, lock, path)


def heartbeat(txn: Txn, boot_id: int) -> None:
    """Renew the lease."""
    txn.execute("UPDATE boot SET seen_at = ? WHERE id = ? AND ended_at IS NULL", (txn.now, boot_id))


def end(txn: Txn, boot: Boot) -> None:
    """Say goodbye; runs still held are taken back like those of a crash."""
    _take_back(txn, boot.id, "closed")


def _take_back(txn: Txn, boot_id: int, how: str) -> int:
    """Take back what a boot still holds, and keep in its row how it ended; returns how many runs it were."""
    txn.execute("UPDATE boot SET ended_how = ? WHERE id = ?", (how, boot_id))
    return ledger.recover(txn.connection, boot_id, now=txn.now)


def release(boot: Boot) -> None:
    boot.lock_path.unlink(missing_ok=True)
    boot.lock.close()


def another_works(db: apsw.Connection, database: Path) -> bool:
    """Whether some process that runs stages is alive on this file."""
    unended = rows(db, "SELECT id FROM boot WHERE ended_at IS NULL")
    return any(not _is_gone(database, boot_id) for (boot_id,) in unended)


def recover_orphans(txn: Txn, database: Path, own: int | None) -> int:
    """Take back the runs of every boot that is gone or whose lease has expired; returns how many."""
    unended = rows(txn.connection, "SELECT id, seen_at FROM boot WHERE ended_at IS NULL")
    recovered = 0
    for boot_id, seen_at in unended:
        if boot_id == own:
            continue
        if _is_gone(database, boot_id):
            recovered += _take_back(txn, boot_id, "gone")
        elif txn.now - seen_at > LEASE_MS:
            recovered += _take_back(txn, boot_id, "lease")
    return recovered


def _is_gone(database: Path, boot_id: int) -> bool:
    if not HAS_LOCKS:
        return False
    path = lock_folder(database) / str(boot_id)
    if not path.exists():
        return True
    lock = try_lock(path)
    if lock is None:
        return False
    with contextlib.closing(lock):
        path.unlink(missing_ok=True)
    return True
