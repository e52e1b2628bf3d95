"""Occupancy: who has the database open, so that the file is never replaced under anybody.

Every process shares one kernel lock while it has the store open; a restore needs it alone. The lock dies with
its holder, so a crash never stands in the way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.database import writable_folder
from store.errors import Conflict, Refused
from store.locks import try_lock, try_share


def _lock_path(database: Path) -> Path:
    return database.with_name(database.name + ".open")


def occupied(database: Path) -> bool:
    """Whether anybody has the database open just now; looks, and leaves nothing behind."""
    path = _lock_path(database)
    if not path.exists():
        return False
    lock = try_lock(path)
    if lock is not None:
        lock.close()
    return lock is None


@contextmanager
def shared(database: Path) -> Iterator[None]:
    """Have the database open together with others.

    Raises:
        StoreFailed: the folder cannot be used.
        Conflict: the file is being replaced right now.
    """
    writable_folder(database.parent)
    lock = try_share(_lock_path(database))
    if lock is None:
        raise Conflict(
            f"The database {database} is being restored from a backup.",
            hint="Wait until `fabula restore` has ended, then do the same again.",
        )
    with lock:
        yield


@contextmanager
def alone(database: Path) -> Iterator[None]:
    """Have the database to oneself; whoever would open it meanwhile is told to wait.

    Raises:
        StoreFailed: the folder cannot be used.
        Refused: a server, a worker or a command has it open.
    """
    writable_folder(database.parent)
    lock = try_lock(_lock_path(database))
    if lock is None:
        raise Refused(
            f"Fabula is running on {database}: a server, a worker or another command has it open.",
            hint="Stop it (Ctrl+C where it runs), then do the same again. Nothing was changed.",
        )
    with lock:
        yield
