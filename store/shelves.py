"""Shelves: a folder of files that Fabula keeps under names which say when each was made. Files with other
names are none of ours."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from store.errors import NotFound, StoreFailed
from store.stamps import ms_of, stamp


class Dated(Protocol):
    @property
    def made_at(self) -> int:
        """UTC in milliseconds."""


K = TypeVar("K", bound=Dated)
Named = re.Match[str]
"""A file's name, taken apart; the group `at` is the stamp of when it was made."""


def listed(folder: Path, name: re.Pattern[str], kept: Callable[[Path, Named], K]) -> list[K]:
    """What is kept in the folder under such names, newest first. `kept` makes one of a path and its name."""
    if not folder.is_dir():
        return []
    found = (_one(path, name, kept) for path in folder.iterdir())
    return sorted((one for one in found if one is not None), key=lambda one: one.made_at, reverse=True)


def just_made(path: Path, name: re.Pattern[str], kept: Callable[[Path, Named], K]) -> K:
    """A file that was put there a moment ago.

    Raises:
        StoreFailed: it is gone.
    """
    found = _one(path, name, kept)
    if found is None:
        raise StoreFailed(f"The file {path} has vanished.", hint="Check the disk.")
    return found


def _one(path: Path, name: re.Pattern[str], kept: Callable[[Path, Named], K]) -> K | None:
    named = name.fullmatch(path.name)
    if named is None:
        return None
    try:
        return kept(path, named)
    except (ValueError, OSError):  # no such day, or gone since the folder was read
        return None


def found(folder: Path, name: re.Pattern[str], given: str, *, hint: str) -> Path:
    """The file of that name. A name leads to nothing outside the folder.

    Raises:
        NotFound: there is none.
    """
    if name.fullmatch(given) is None or not (folder / given).is_file():
        raise NotFound(f"There is no file {given[:120]!r} here.", hint=hint)
    return folder / given


def free_path(folder: Path, name: re.Pattern[str], named: Callable[[str], str], now: int) -> Path:
    """Where a new file goes; `named` makes a name of a stamp. Stamps tell milliseconds: a second file in the
    same one is put a little later."""
    names = (name.fullmatch(path.name) for path in folder.iterdir())
    taken = {match["at"] for match in names if match is not None}
    while stamp(now) in taken:
        now += 1
    return folder / named(stamp(now))


def made_at(named: Named) -> int:
    """When a file was made, by its name.

    Raises:
        ValueError: there is no such day or time.
    """
    return ms_of(named["at"])
