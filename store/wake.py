"""Wake: how a commit in one process is noticed by the others within milliseconds, without polling the disk.

Every process that listens binds a datagram socket in a private folder named after the database; whoever
commits sends one byte to each. A datagram is a hint, never data: the listener then reads the database. Where
sockets are missing, `PRAGMA data_version` on a connection that never writes serves as the safety net.
"""

import contextlib
import hashlib
import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import trio

from store.errors import StoreFailed

SAFETY_NET_S = 0.25
SAFETY_NET_WITHOUT_SOCKETS_S = 0.04
HAS_SOCKETS = hasattr(socket, "AF_UNIX")


def socket_folder(database: Path) -> Path:
    """A folder only this user may enter; its short path fits the 108 bytes a socket address has."""
    owner = os.getuid() if hasattr(os, "getuid") else 0
    name = hashlib.sha256(str(database.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"fabula-{owner}-{name}"


@dataclass
class Wake:
    """Rings `listeners` (on the trio thread) whenever another process has committed."""

    database: Path
    watcher: apsw.Connection
    listeners: list[Callable[[], None]] = field(default_factory=list)
    _sender: socket.socket | None = None
    _own: Path | None = None
    _peers: tuple[Path, ...] = ()
    _peers_as_of: int = -1

    def __post_init__(self) -> None:
        self._folder = socket_folder(self.database)
        if HAS_SOCKETS:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if self._folder.stat().st_uid != os.getuid():
                raise StoreFailed(
                    f"The folder {self._folder} belongs to another user.",
                    hint="Remove it, or set TMPDIR to a folder of your own.",
                )
            self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._sender.setblocking(False)

    def poke(self) -> None:
        """Tell the other processes that something was committed; called on the writer's thread."""
        if self._sender is None:
            return
        for peer in self._others():
            try:
                self._sender.sendto(b"!", str(peer))
            except BlockingIOError:
                continue  # it has unread hints already
            except OSError:
                with contextlib.suppress(
                    OSError
                ):  # its process is gone, and perhaps another cleaned up first
                    peer.unlink()

    def _others(self) -> tuple[Path, ...]:
        changed_at = self._folder.stat().st_mtime_ns
        if changed_at != self._peers_as_of:
            self._peers_as_of = changed_at
            self._peers = tuple(peer for peer in self._folder.glob("*.sock") if peer != self._own)
        return self._peers

    async def run(self) -> None:
        """Listen until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_version)
            if HAS_SOCKETS:
                nursery.start_soon(self._receive)

    async def _receive(self) -> None:
        self._own = self._folder / f"{os.getpid()}-{id(self):x}.sock"
        with trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            await receiver.bind(str(self._own))
            try:
                while True:
                    await receiver.recv(64)
                    self._ring()
            finally:
                self._own.unlink(missing_ok=True)

    async def _watch_version(self) -> None:
        seen = self._version()
        while True:
            await trio.sleep(SAFETY_NET_S if HAS_SOCKETS else SAFETY_NET_WITHOUT_SOCKETS_S)
            version = self._version()
            if version != seen:
                seen = version
                self._ring()

    def _version(self) -> int:
        found = self.watcher.execute("PRAGMA data_version").fetchone()
        return int(found[0]) if found else 0

    def _ring(self) -> None:
        for listener in tuple(self.listeners):
            listener()

    def close(self) -> None:
        if self._sender is not None:
            self._sender.close()
        self.watcher.close()
