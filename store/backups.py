"""Backups: the whole database in one file, made while everything goes on, checked before it counts.

A backup arrives under its name whole, verified and on the disk, or not at all. Old ones make room by `kept`:
the newest of each of seven days and of each of four weeks, and for fourteen days whatever a person asked for
or a restore replaced.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import apsw

from store import shelves
from store.copies import checked, copy
from store.database import connect, disk_full, writable_folder
from store.errors import FabulaError, NotFound, StoreFailed
from store.locks import held_lock
from store.placing import PART, placed
from store.shelves import Named
from store.stamps import DAY_MS, PATTERN, moment

Why = Literal["nightly", "by-hand", "before-restore"]
NAME = re.compile(rf"fabula-(?P<at>{PATTERN})-(?P<why>{'|'.join(get_args(Why))})\.db")
DAYS = 7
WEEKS = 4
ASKED_FOR_DAYS = 14
DUE_AFTER_MS = DAY_MS


@dataclass(frozen=True, slots=True)
class Backup:
    """One file; `made_at` is UTC in milliseconds."""

    path: Path
    made_at: int
    why: Why
    size: int


def listed(folder: Path) -> list[Backup]:
    """The backups in the folder, newest first."""
    return shelves.listed(folder, NAME, _backup)


def _backup(path: Path, named: Named) -> Backup:
    return Backup(path, shelves.made_at(named), cast("Why", named["why"]), path.stat().st_size)


def is_due(folder: Path, now: int) -> bool:
    """Whether the newest backup is a day old; one from the future (a clock set back) counts for nothing."""
    return not any(now - DUE_AFTER_MS < one.made_at <= now for one in listed(folder))


def make(database: Path, folder: Path, *, why: Why, now: int) -> Backup:
    """Back up the database as it stands, then let old backups go.

    Raises:
        NotFound: there is no database yet.
        StoreFailed: it cannot be read, or the folder cannot be written; DiskFull: there is no room.
    """
    if not database.exists():
        raise NotFound(
            f"There is no database {database} to back up.",
            hint="Point --data at the data folder that has one.",
        )
    writable_folder(folder)
    with held_lock(folder / ".making"):
        for abandoned in folder.glob(f".*{PART}"):
            abandoned.unlink(missing_ok=True)
        path = shelves.free_path(folder, NAME, lambda at: f"fabula-{at}-{why}.db", now)
        _write(database, path)
        made = shelves.just_made(path, NAME, _backup)
        if why != "before-restore":  # or the very backup that is being restored might make room for it
            rotate(folder, now=made.made_at)
    return made


def _write(database: Path, path: Path) -> None:
    try:
        with placed(path) as part:
            source = connect(database, query_only=True)
            try:
                content = copy(source, part)
            finally:
                source.close()
            _verify(part, content)
    except apsw.FullError as error:
        raise disk_full(path, error) from error
    except apsw.Error as error:
        raise StoreFailed(
            f"The database {database} could not be read to its end.",
            hint="Compare it with its log: `fabula rebuild --check`. `fabula restore` goes back to a backup.",
            detail=f"{type(error).__name__}: {error}",
        ) from error
    except OSError as error:
        raise StoreFailed(
            f"The backup {path} could not be written.", hint="Check the disk.", detail=str(error)
        ) from error


def _verify(part: Path, content: object) -> None:
    try:
        found = checked(part)
    except FabulaError as error:
        raise StoreFailed(
            "The backup was written and does not read back whole, so it was thrown away.",
            hint="Check the disk, and the database with `fabula rebuild --check`.",
            detail=error.detail or error.message,
        ) from error
    if found != content:
        raise StoreFailed(
            "The backup was written and holds something else than the database, so it was thrown away.",
            hint="Check the disk, then back up again.",
            detail=f"{found} instead of {content}",
        )


def rotate(folder: Path, *, now: int) -> list[Backup]:
    """Remove the backups that need not be kept; returns them."""
    found = listed(folder)
    keep = kept(found, now=now)
    gone = [one for one in found if one not in keep]
    for one in gone:
        one.path.unlink(missing_ok=True)
    return gone


def kept(backups: Iterable[Backup], *, now: int) -> set[Backup]:
    """Those that stay. Days and weeks without a backup do not count, so that a machine which was off for a
    month still has what it had."""
    newest_first = sorted(backups, key=lambda one: one.made_at, reverse=True)
    days: dict[object, Backup] = {}
    weeks: dict[object, Backup] = {}
    for one in newest_first:
        at = moment(one.made_at)
        days.setdefault(at.date(), one)
        weeks.setdefault(at.isocalendar()[:2], one)
    recent = {
        one for one in newest_first if one.why != "nightly" and now - one.made_at < ASKED_FOR_DAYS * DAY_MS
    }
    return {*list(days.values())[:DAYS], *list(weeks.values())[:WEEKS], *recent}
