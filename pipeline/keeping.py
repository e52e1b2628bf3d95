"""Keeping: what a person keeps beside the log: snapshots of a chat, backups of the whole database.

Files are read and written in threads; nobody who plays waits for them. Only bringing a snapshot in as a new
chat holds the writer, for a second per ten thousand events or so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import apsw
import trio

from pipeline.config_paths import DataPaths
from pipeline.restoring import Restoring
from pipeline.seen import open_chat
from store import backups, snapshot_files, snapshot_returns, snapshot_uploads, snapshots
from store.backups import Backup
from store.errors import FabulaError
from store.snapshot_arrivals import Arriving, checked
from store.snapshot_files import Opened
from store.snapshots import Snapshot
from store.store import Store


@dataclass(frozen=True, slots=True)
class Preview:
    """What a snapshot holds. `only_new` says why nothing but a new chat can be made of it; empty where a
    branch can."""

    kept: Snapshot
    opened: Opened
    only_new: str


class Keeping:
    """What the page, the JSON interface and the command line do with snapshots and backups."""

    def __init__(self, store: Store, paths: DataPaths) -> None:
        self._store = store
        self._paths = paths

    async def snapshots(self, chat_id: int | None = None) -> list[Snapshot]:
        """Those of a chat or all, newest first."""
        return await trio.to_thread.run_sync(
            partial(snapshots.listed, self._paths.snapshots, chat_id=chat_id)
        )

    async def take(self, chat_id: int, note: str) -> Snapshot:
        """Take a snapshot of a chat as it is now."""
        now, folder = self._store.clock(), self._paths.snapshots
        take = partial(snapshots.take, folder=folder, chat_id=chat_id, why="by-hand", now=now, note=note)
        return snapshots.of(await self._store.read(take))

    async def upload(self, found: bytes, called: str) -> Snapshot:
        """Keep a snapshot file that somebody brings, once it is found to be whole."""
        keep = partial(snapshot_uploads.keep, self._paths.snapshots, found, called)
        return snapshots.of(await trio.to_thread.run_sync(keep))

    def named(self, name: str) -> Snapshot:
        """The snapshot of that file name.

        Raises:
            NotFound: there is none.
        """
        return snapshots.named(self._paths.snapshots, name)

    async def preview(self, name: str) -> Preview:
        """What a snapshot holds, and what can be made of it."""
        kept = self.named(name)

        def look(db: apsw.Connection) -> Preview:
            opened = snapshot_files.read(kept.path)
            return Preview(kept, opened, _only_new(db, checked(opened, accept_edited=True)))

        return await self._store.read(look)

    async def restoring(
        self, path: Path, *, as_branch: bool = False, accept_edited: bool = False
    ) -> Restoring:
        """What it takes to restore a snapshot: as a new chat, or as a branch of the chat it was taken of,
        where the story then goes on. Nothing is changed yet.

        Raises:
            Refused: it was edited by hand and that is not accepted, or no branch can be made of it.
            Invalid, DataFromNewerVersion: it cannot be restored.
        """

        def look(db: apsw.Connection) -> Restoring:
            opened = snapshot_files.read(path)
            arriving = checked(opened, accept_edited=accept_edited or as_branch)
            origin = snapshot_returns.origin_of(db, arriving) if as_branch else None
            return Restoring(self._store, arriving, origin)

        return await self._store.read(look)

    async def backups(self) -> Sequence[Backup]:
        """The backups, newest first."""
        return await trio.to_thread.run_sync(backups.listed, self._paths.backups)

    async def back_up(self) -> Backup:
        """Back up the whole database as it is now."""
        now = self._store.clock()
        make = partial(backups.make, self._store.path, self._paths.backups, why="by-hand", now=now)
        return await trio.to_thread.run_sync(make)


def _only_new(db: apsw.Connection, arriving: Arriving) -> str:
    try:
        open_chat(db, snapshot_returns.origin_of(db, arriving).chat_id)
    except FabulaError as error:
        return error.message
    return ""
