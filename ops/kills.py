"""Kills inside single operations: what is left is the state before or the one after, never anything between.

    python -m ops.kills
    python -m ops.kills --only rewind --instants 0

Each operation upon a story's past and its files (`ops.operations`) is run in a process of its own that dies
in X the folder is opened as the next start would. Prints one JSON object; exit 1 on a violation.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import apsw

from ops.dying import NEVER, Death, may_come
from ops.lives import PLACE
from ops.operations import NOW, OPERATIONS, ROUTES, At, Operation, begin, paths_in
from store import backups, rebuild, snapshot_arrivals, snapshots
from store.copies import checked, opened_for_reading
from store.database import connect
from store.errors import FabulaError
from store.rows import Row, row, rows
from store.snapshot_files import read
from store.store import open_store

INSTANTS = 16
DONE = b"done"
ENDED = {"undertaking": " WHERE state = 'done'"}
"""What is under way is told beside what it does: a row that says so is neither before nor after."""
Say = Callable[[bytes], None]
Tables = dict[str, list[Row]]


@dataclass(frozen=True)
class State:
    """All that a person can find again: the database, and the files that are listed."""

    tables: Tables
    files: frozenset[str]


@dataclass
class Kills:
    """One operation, and what dying in it came to."""

    operation: str
    instants: int = 0
    tried: int = 0
    kills: int = 0
    """Of those tried: an instant that came once may not come again, because two threads take turns."""
    left_as_before: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ended:
    """How a process ended: whether it had said that it is done, and its count of instants if it lived on."""

    killed: bool
    acknowledged: bool
    instants: int
    of_names: tuple[int, ...]


def kill_inside(operation: Operation, begun: Path, most: int) -> Kills:
    """Kill it at up to `most` of its instants (0: all), each time in a copy of the folder `begun`."""
    found = Kills(operation.name)
    with tempfile.TemporaryDirectory(prefix="fabula-kills-", dir=PLACE) as name:
        before = _state(_copied(begun, Path(name) / "before"))
        undisturbed = _copied(begun, Path(name) / "after")
        lived = _die(operation, undisturbed, NEVER)
        found.instants = lived.instants
        after = _state(undisturbed)
        if before == after:
            found.violations.append("it changes nothing, so nothing was tried")
        for at in _chosen(lived, most):
            folder = _copied(begun, Path(name) / str(at))
            ended = _die(operation, folder, at)
            found.tried += 1
            found.kills += ended.killed
            wrong = _wrong(folder, before, after, ended)
            if wrong is not None:
                found.violations.append(f"killed at {at} of {found.instants}: {wrong}")
            found.left_as_before += wrong is None and _state(folder) == before
            shutil.rmtree(folder)
    return found


def _copied(begun: Path, to: Path) -> Path:
    return Path(shutil.copytree(begun, to))


def _chosen(lived: Ended, most: int) -> list[int]:
    """The first, the last, and evenly between them; and wherever a file gets or loses its name."""
    if most == 0 or lived.instants <= most:
        return list(range(1, lived.instants + 1))
    spread = {1 + round(n * (lived.instants - 1) / (most - 1)) for n in range(most)}
    return sorted(spread | set(lived.of_names))


def _die(operation: Operation, folder: Path, at: int) -> Ended:
    """Run the operation in a child that dies at the instant."""

    def live(say: Say) -> None:
        death = Death(at)
        files = may_come(death)
        death.armed = True
        operation.run(At.folder(folder), lambda: say(DONE))
        death.armed = False
        del files
        say(f" {death.instants} {' '.join(map(str, death.of_names))}".encode())

    status, said = _forked(live)
    acknowledged, *counted = said.split(b" ")
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and not counted:
        raise RuntimeError(f"{operation.name} ended by itself, with status {status}, at instant {at}")
    instants, *of_names = [int(number) for number in counted if number] or [0]
    return Ended(killed, acknowledged == DONE, instants, tuple(of_names))


def _forked(live: Callable[[Say], None]) -> tuple[int, bytes]:
    """A child of this process, which has no other thread; how it ended, and what it had said until then."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _live(live, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as told:
        said = told.read()
    _, status = os.waitpid(child, 0)
    return status, said


def _live(live: Callable[[Say], None], write_end: int) -> NoReturn:
    def say(words: bytes) -> None:
        os.write(write_end, words)

    try:
        live(say)
    except BaseException:
        traceback.print_exc()
        os._exit(2)
    os._exit(0)


def _state(folder: Path) -> State:
    paths = paths_in(folder)
    db = connect(paths.database, query_only=True)
    try:
        tables = _tables(db)
    finally:
        db.close()
    files = [one.path.name for one in backups.listed(paths.backups)]
    files += [one.path.name for one in snapshots.listed(paths.snapshots)]
    return State(tables, frozenset(files))


def _tables(db: apsw.Connection) -> Tables:
    """Every row of every table but the search index's own; of long work, what came to its end."""
    kept = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')"
    names = [name for (name,) in rows(db, kept) if not name.startswith("sqlite_")]
    return {name: sorted(rows(db, _every(name)), key=repr) for name in names}


def _every(table: str) -> str:
    return f"SELECT {rebuild.KEYS.get(table, '')} * FROM {table}{ENDED.get(table, '')}"


def _wrong(folder: Path, before: State, after: State, ended: Ended) -> str | None:
    """What is between before and after, or broken; files are made before the database changes."""
    try:
        broken = _broken(folder) or _half(folder, before, after)
        found = _state(folder)
    except (FabulaError, apsw.Error) as error:
        return f"{type(error).__name__}: {error}"
    if broken:
        return broken
    allowed = [after] if ended.acknowledged else [before, State(before.tables, after.files), after]
    if found in allowed:
        return None
    apart = [name for name, held in found.tables.items() if held != before.tables.get(name)]
    return (
        f"neither before nor after; {'acknowledged; ' if ended.acknowledged else ''}"
        f"tables that differ from before: {apart}, files {sorted(found.files ^ before.files)}"
    )


def _broken(folder: Path) -> str:
    """What the next start finds wrong with the database; "" if nothing is."""
    with open_store(paths_in(folder).database, ROUTES, clock=lambda: NOW) as store:
        if row(store.hot, "PRAGMA integrity_check") != ("ok",):
            return "the database is damaged"
        if rows(store.hot, "PRAGMA foreign_key_check"):
            return "a row names one that is not there"
        return "a rebuild differs from the live projections" if rebuild.check(store.hot) else ""


def _half(folder: Path, before: State, after: State) -> str:
    """A new backup that holds neither state; a listed file that is not whole raises."""
    paths = paths_in(folder)
    for snapshot in snapshots.listed(paths.snapshots):
        snapshot_arrivals.checked(read(snapshot.path))
    for backup in backups.listed(paths.backups):
        checked(backup.path)
        with opened_for_reading(backup.path) as db:
            if backup.path.name not in before.files and _tables(db) not in (before.tables, after.tables):
                return f"{backup.path.name} holds neither state"
    return ""


def begun_in(folder: Path) -> Path:
    """The story that all operations begin with, left by a process that was killed: its write-ahead log is
    still to be read."""

    def live(say: Say) -> None:
        begin(folder)
        keeps_the_log = connect(paths_in(folder).database, query_only=False)
        keeps_the_log.execute("UPDATE boot SET seen_at = seen_at + 1")
        say(DONE)
        os.kill(os.getpid(), signal.SIGKILL)

    folder.mkdir()
    _, said = _forked(live)
    if said != DONE:
        raise RuntimeError("the story could not be begun")
    return folder


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--instants", type=int, default=INSTANTS)
    options.add_argument("--only", action="append", choices=[one.name for one in OPERATIONS])
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="fabula-kills-", dir=PLACE) as name:
        begun = begun_in(Path(name) / "begun")
        found = [
            kill_inside(one, begun, chosen.instants)
            for one in OPERATIONS
            if one.name in (chosen.only or [one.name])
        ]
    print(json.dumps([vars(one) for one in found], indent=1))
    sys.exit(1 if any(one.violations for one in found) else 0)


if __name__ == "__main__":
    main()
