"""The file: one SQLite database, opened the same way everywhere, brought up to date by numbered migrations.

SQLite is reached through apsw only. Two SQLite libraries in one process would drop each other's file locks,
and the one that ships with an older Python has a race in its write-ahead log.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrations import Runner

from store import log
from store.errors import DataFromNewerVersion, DiskFull, StoreFailed
from store.locks import held_lock
from store.rebuild import rebuild

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 10_000
MAPPED_BYTES = 256 * 1024 * 1024
"""Read through memory: every commit empties a reader's page cache, and copying the pages again is what a
prompt of a long chat would wait for."""
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    f"mmap_size = {MAPPED_BYTES}",
)
"""Given one by one: a call ends at the first row, and what stands behind it in the same text is not done."""
UNUSABLE = (apsw.NotADBError, apsw.CorruptError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.IOError)


def connect(path: Path, *, query_only: bool) -> apsw.Connection:
    """A connection with the pragmas every part of Fabula relies on."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    if query_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def prepare(path: Path, migrations: Path = MIGRATIONS) -> None:
    """Create the file if it is missing and apply the migrations it lacks; safe in several processes at once.

    Raises:
        StoreFailed: the folder cannot be written or the file is no database.
        DataFromNewerVersion: a later Fabula has migrated it; nothing was touched.
    """
    writable_folder(path.parent)
    database = APSWDatabase(
        str(path), pragmas={"journal_mode": "wal", "busy_timeout": BUSY_TIMEOUT_MS, "foreign_keys": 1}
    )
    try:
        lock = held_lock(path.with_name(path.name + ".migrating"))
        with lock, translated(path), database.connection_context():
            database.connection().convert_binding = _as_text
            _migrate(Runner(database, str(migrations)), path)
    except peewee.PeeweeException as error:
        raise _unreadable(path, error) from error


def _as_text(_cursor: apsw.Cursor, _position: int, value: object) -> str:
    """The migration runner records when it ran as a datetime, which SQLite has no type for."""
    return str(value)


def _migrate(runner: Runner, path: Path) -> None:
    unknown = [m.name for m in runner.status() if m.path is None]
    if unknown:
        raise DataFromNewerVersion(
            f"The database {path} was written by a newer Fabula (it has the migration {unknown[-1]!r}).",
            hint="Start that newer version, or point --data at another folder.",
        )
    runner.up()
    _fold_again_after(runner.database.connection(), len(runner.migrations()))


def _fold_again_after(db: apsw.Connection, migrations: int) -> None:
    """Newer tables hold more of what the log has told all along, so after a migration it is folded again. The
    file remembers by how many it was folded: killed in between, it is made up for at the next start."""
    if db.pragma("user_version") == migrations:
        return
    with db:
        if log.position(db):
            rebuild(db)
        db.execute(f"PRAGMA user_version = {migrations}")


def writable_folder(folder: Path) -> None:
    """Make the folder if it is missing.

    Raises:
        StoreFailed: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, None)


def _unwritable(folder: Path, error: OSError | None) -> StoreFailed:
    return StoreFailed(
        f"The data folder {folder} cannot be written.",
        hint="Give another folder with --data or FABULA_DATA, or make this one writable.",
        detail=str(error or ""),
    )


def _unreadable(path: Path, error: Exception) -> StoreFailed:
    return StoreFailed(
        f"The file {path} cannot be used as Fabula's database.",
        hint="Check that it is a Fabula database and not damaged, or point --data at another folder.",
        detail=f"{type(error).__name__}: {error}",
    )


def disk_full(path: Path, error: Exception) -> DiskFull:
    return DiskFull(
        f"There is no space left to write {path}; nothing was changed.",
        hint="Free some space on that disk, then do the same again.",
        detail=str(error),
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into Fabula's, which name the file and the way out."""
    try:
        yield
    except apsw.FullError as error:
        raise disk_full(path, error) from error
    except (
        apsw.NotADBError,
        apsw.CorruptError,
        apsw.CantOpenError,
        apsw.ReadOnlyError,
        apsw.IOError,
    ) as error:
        raise _unreadable(path, error) from error
