"""Dying: a process that ends itself by SIGKILL in the middle of one of its own changes to the disk.

What a killed process leaves behind changes only where something is written, cut, renamed or removed; between
two such instants it is the same whenever death comes. So these instants, one after the other, are all the
ways in which an operation can be cut short. SQLite's are met in its file layer, which tears a write in half;
those of Python in the calls that reach the system.
"""

import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from types import FrameType

import apsw

NEVER = 0
WRITES = ("write", "FileIO.write", "BufferedWriter.write", "BufferedWriter.flush", "_IOBase.__exit__")
NAMES = frozenset(("replace", "rename", "remove", "unlink"))
"""These let a name appear or go: whoever puts files in an order means it here."""
FILE_CALLS = NAMES.union(WRITES, ("open", "mkdir", "rmdir", "truncate", "sendfile"))
"""By their qualified names. One that only reads is an instant like any other; dying there harms nobody."""


@dataclass
class Death:
    """Dies at the instant `at`, counted from one since it was armed, or `NEVER`."""

    at: int = NEVER
    armed: bool = False
    instants: int = 0
    of_names: list[int] = field(default_factory=list)
    """The instants at which a name appears or goes."""

    def comes(self) -> bool:
        """Whether this instant is the last."""
        if not self.armed:
            return False
        self.instants += 1
        return self.instants == self.at

    def come(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def may_come(death: Death) -> apsw.VFS:
    """From here on every thread of this process that begins now can die of it, and so can this one. For a
    process that was forked for this: it cannot be taken back."""

    def called(_frame: FrameType, event: str, function: object) -> None:
        name = getattr(function, "__qualname__", "")
        if event == "c_call" and name in FILE_CALLS:
            if death.comes():
                death.come()
            if name in NAMES:
                death.of_names.append(death.instants)

    threading.setprofile(called)
    sys.setprofile(called)
    return _Files(death)


class _Files(apsw.VFS):
    """SQLite's way to its files, and the usual one for everything but what changes them."""

    def __init__(self, death: Death) -> None:
        self._death = death
        self._usual = apsw.vfs_names()[0]
        super().__init__("dying", self._usual, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(self._usual, name, flags, self._death)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        if self._death.comes():
            self._death.come()
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, vfs: str, name: str | apsw.URIFilename | None, flags: list[int], death: Death) -> None:
        self._death = death
        super().__init__(vfs, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._death.comes():
            super().xWrite(data[: len(data) // 2], offset)
            self._death.come()
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        if self._death.comes():
            self._death.come()
        super().xTruncate(newsize)
