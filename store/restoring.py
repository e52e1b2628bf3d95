"""Restoring: a backup takes the place of the database, while nobody has it open.

The backup is copied beside the database and checked there before anything is touched; what is there is backed
up; then one rename makes the change. Killed anywhere, the database is the one before or the one after.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from store import backups
from store.copies import Content, checked, copy, opened_for_reading
from store.database import translated, writable_folder
from store.errors import DiskFull, Invalid, StoreFailed
from store.occupancy import alone
from store.placing import sync, sync_folder
from store.stamps import stamp

BESIDE = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there now, and where what was there is kept: None where there was nothing."""

    content: Content
    kept: Path | None
    was_damaged: bool


def restore(file: Path, database: Path, folder: Path, *, now: int) -> Restored:
    """Replace the database by a backup; what is there goes to the backups in `folder` first.

    Raises:
        NotFound, Invalid, DataFromNewerVersion: the file is no backup of ours; nothing was changed.
        Refused: somebody has the database open.
        StoreFailed: what is there could not be backed up, or the disk failed; nothing was changed.
    """
    if database.exists() and file.exists() and file.samefile(database):
        raise Invalid(f"{file} is the database itself.", hint="Name a backup; `fabula backups` lists them.")
    with alone(database):
        arriving = database.with_name(database.name + ".restoring")
        arriving.unlink(missing_ok=True)
        try:
            content = _copied(file, arriving)
            saved, damaged = _saved(database, folder, now)
            for ending in BESIDE:  # a log that outlives its database would be played into the next one
                database.with_name(database.name + ending).unlink(missing_ok=True)
            arriving.replace(database)
        except OSError as error:
            raise StoreFailed(
                f"The database {database} could not be replaced.", hint="Check the disk.", detail=str(error)
            ) from error
        finally:
            arriving.unlink(missing_ok=True)
        sync_folder(database.parent)
    return Restored(content, saved, damaged)


def _copied(file: Path, arriving: Path) -> Content:
    checked(file)
    with translated(arriving), opened_for_reading(file) as source:
        copy(source, arriving)
    content = checked(arriving)
    sync(arriving)
    return content


def _saved(database: Path, folder: Path, now: int) -> tuple[Path | None, bool]:
    """Back up what is there, its write-ahead log included; what no longer reads is set aside byte by byte.
    Where it is kept, and whether it was damaged."""
    if not database.exists():
        return None, False
    try:
        return backups.make(database, folder, why="before-restore", now=now).path, False
    except DiskFull:
        raise
    except StoreFailed:
        return _set_aside(database, folder, now), True


def _set_aside(database: Path, folder: Path, now: int) -> Path:
    writable_folder(folder)
    aside = folder / f"damaged-{stamp(now)}.db"
    for ending in ("", *BESIDE):
        part = database.with_name(database.name + ending)
        if part.exists():
            shutil.copyfile(part, aside.with_name(aside.name + ending))
            sync(aside.with_name(aside.name + ending))
    sync_folder(folder)
    return aside
