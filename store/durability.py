"""Durability: an acknowledged act is on the disk, without the play loop waiting for the disk.

A commit survives the death of the process at once; only a power cut asks for more. So the writer commits,
hands over what became ready, and this thread then syncs the write-ahead log and lets the submitters of
durable steps go on. Syncing the log once covers every commit before it.
"""

import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path

from store.errors import StoreFailed

Told = Callable[[StoreFailed | None], None]
"""Called after the sync, with why it failed if it did."""


class Syncer:
    """One thread that syncs the write-ahead log of a database for whoever waits."""

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(database.name + "-wal")
        self._waiting: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="fabula-syncer", daemon=True)
        self._thread.start()

    def after_sync(self, told: Told) -> None:
        """Call back once everything committed so far is on the disk."""
        self._waiting.put(told)

    def close(self) -> None:
        """Sync for those who wait, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        closing = False
        while not closing:
            waiting = [self._waiting.get()]
            while not self._waiting.empty():
                waiting.append(self._waiting.get())
            closing = None in waiting
            failure = self._sync() if len(waiting) > closing else None
            for told in waiting:
                if told is not None:
                    told(failure)

    def _sync(self) -> StoreFailed | None:
        try:
            handle = os.open(self._log, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            return StoreFailed(
                f"What was just written to {self._log} may not survive a power cut.",
                hint="Check the disk; then look whether your last act is there before repeating it.",
                detail=str(error),
            )
        return None
