"""Placing: a file appears under its name whole and on the disk, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"
"""The ending of what is still being written; a crash may leave it behind."""


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes that name when the block ends without an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    part.unlink(missing_ok=True)
    try:
        yield part
        sync(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make renames in the folder last; where a folder cannot be opened, the system sees to it itself."""
    if hasattr(os, "O_DIRECTORY"):
        sync(folder)
