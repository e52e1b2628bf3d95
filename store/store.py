"""The open store: one writer, one reader for the hot path, and the wake between processes.

Opened once per process and passed to whoever needs it. `read` runs a longer report in a thread on a
connection of its own; `hot` is for fixed, microsecond queries on the event loop's thread.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import apsw
import trio

from store.database import connect, prepare
from store.durability import Syncer
from store.occupancy import shared
from store.txn import Clock, Routes
from store.vectors import Vectors
from store.wake import Wake
from store.writer import Writer

T = TypeVar("T")
MAX_REPORTS_AT_ONCE = 4


def utc_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Store:
    path: Path
    writer: Writer
    hot: apsw.Connection
    wake: Wake
    clock: Clock
    vectors: Vectors = field(default_factory=Vectors)
    """The memories' vectors that this process has at hand."""
    _reports: trio.CapacityLimiter | None = None

    async def read(self, query: Callable[[apsw.Connection], T]) -> T:
        """Run a report without holding up the event loop."""
        if self._reports is None:
            self._reports = trio.CapacityLimiter(MAX_REPORTS_AT_ONCE)
        return await trio.to_thread.run_sync(self.read_now, query, limiter=self._reports)

    def read_now(self, query: Callable[[apsw.Connection], T]) -> T:
        """Run a report on this thread, on a connection opened for it (about 0.1 ms)."""
        connection = connect(self.path, query_only=True)
        try:
            return query(connection)
        finally:
            connection.close()


@contextmanager
def open_store(path: Path, routes: Routes, *, clock: Clock = utc_ms) -> Iterator[Store]:
    """Open (and if needed create or migrate) the database.

    Raises:
        StoreFailed: the folder or file cannot be used; DataFromNewerVersion: a later Fabula wrote it.
        Conflict: a restore is replacing the file.
    """
    with shared(path):
        yield from _opened(path, routes, clock)


def _opened(path: Path, routes: Routes, clock: Clock) -> Iterator[Store]:
    prepare(path)
    writer = Writer(path, connect(path, query_only=False), routes, clock, Syncer(path))
    wake = Wake(path, connect(path, query_only=True))
    writer.after_commit = wake.poke
    hot = connect(path, query_only=True)
    writer.start()
    try:
        yield Store(path, writer, hot, wake, clock)
    finally:
        writer.close()
        hot.close()
        wake.close()
