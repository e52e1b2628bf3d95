"""File locks that the kernel frees when their holder dies: the only sure sign that a process is gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # a system without flock falls back on the lease alone
    HAS_LOCKS = False
else:
    HAS_LOCKS = True


def try_lock(path: Path) -> IO[bytes] | None:
    """Hold the lock at `path` until the returned file is closed; None when another process holds it."""
    return _tried(path, fcntl.LOCK_EX if HAS_LOCKS else 0)


def try_share(path: Path) -> IO[bytes] | None:
    """Hold the lock at `path` together with others who share it; None when somebody holds it alone."""
    return _tried(path, fcntl.LOCK_SH if HAS_LOCKS else 0)


def _tried(path: Path, mode: int) -> IO[bytes] | None:
    handle = path.open("ab")
    if not HAS_LOCKS:
        return handle
    try:
        fcntl.flock(handle, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


@contextmanager
def held_lock(path: Path) -> Iterator[None]:
    """Wait for the lock at `path` and hold it for the block."""
    with path.open("ab") as handle:
        if HAS_LOCKS:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
