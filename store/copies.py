"""Copies: one whole database copied into one file, and whether a file is such a copy.

The copy is taken inside one read of the source, so it shows one moment however long it takes: writers go on
in the write-ahead log meanwhile, and no commit makes it begin anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from store.database import MIGRATIONS
from store.errors import DataFromNewerVersion, FabulaError, Invalid, NotFound
from store.occupancy import occupied
from store.rows import row, rows

PAGES_A_STEP = 500
HEADER_BYTES = 100
MAGIC = b"SQLite format 3\x00"
HISTORY = "schema_migration"
"""Where the migration runner notes what it has applied."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a copy must have in common with what it was copied from."""

    migrations: tuple[str, ...]
    events: int
    last_event_id: int


def content_of(db: apsw.Connection) -> Content:
    counted = row(db, "SELECT count(*), coalesce(max(id), 0) FROM event") or (0, 0)
    applied = tuple(name for (name,) in rows(db, f"SELECT name FROM {HISTORY} ORDER BY name"))
    return Content(applied, *counted)


def copy(source: apsw.Connection, target: Path) -> Content:
    """Copy everything of the source into a new file, which stands alone: no log lies beside it."""
    copied = apsw.Connection(str(target))
    try:
        source.execute("BEGIN")
        try:
            content = content_of(source)
            with copied.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(PAGES_A_STEP)
        finally:
            source.execute("ROLLBACK")
        copied.execute("PRAGMA journal_mode = DELETE")
    finally:
        copied.close()
    return content


def checked(file: Path) -> Content:
    """What a file holds, read to its last page.

    Raises:
        NotFound: there is no such file.
        Invalid: it is no database, cut off, damaged, or not one of Fabula's.
        DataFromNewerVersion: a later Fabula wrote it.
    """
    _checked_header(file)
    try:
        with opened_for_reading(file) as db:
            content = _checked_schema(file, db)
            _checked_pages(file, db)
    except apsw.Error as error:
        raise _damaged(file, f"{type(error).__name__}: {error}") from error
    return content


@contextmanager
def opened_for_reading(file: Path) -> Iterator[apsw.Connection]:
    """A connection that leaves nothing beside the file, also where the folder cannot be written. Pages that
    somebody may write meanwhile are read under SQLite's own locks."""
    alone = not (_log_beside(file) or occupied(file))
    options = "?mode=ro&immutable=1" if alone else "?mode=ro"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    db = apsw.Connection(file.resolve().as_uri() + options, flags=flags)
    try:
        yield db
    finally:
        db.close()


def _log_beside(file: Path) -> bool:
    log = file.with_name(file.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _checked_header(file: Path) -> None:
    if not file.exists():
        raise NotFound(f"There is no file {file}.", hint="`fabula backups` lists what can be restored.")
    if not file.is_file():
        raise Invalid(f"{file} is not a file.", hint="Name one backup; `fabula backups` lists them.")
    try:
        with file.open("rb") as handle:
            header = handle.read(HEADER_BYTES)
    except OSError as error:
        raise Invalid(
            f"The file {file} cannot be read.", hint="Check its permissions and the disk.", detail=str(error)
        ) from error
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise Invalid(
            f"{file} is no SQLite database ({file.stat().st_size} bytes).",
            hint="Name a backup; `fabula backups` lists them.",
        )
    promised, found = _promised_bytes(header), file.stat().st_size
    if found < promised and not _log_beside(file):
        raise Invalid(
            f"The file {file} is cut off: it has {found} of {promised} bytes.",
            hint="Copy it again from where it came from, or take another backup.",
        )


def _promised_bytes(header: bytes) -> int:
    """The size the database says it has, where its last writer kept that number current."""
    if header[24:28] != header[92:96]:
        return 0
    page_bytes = int.from_bytes(header[16:18], "big")
    return (65_536 if page_bytes == 1 else page_bytes) * int.from_bytes(header[28:32], "big")


def _checked_schema(file: Path, db: apsw.Connection) -> Content:
    tables = {name for (name,) in rows(db, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"event", HISTORY} <= tables:
        raise Invalid(
            f"{file} is an SQLite database, but not one of Fabula's: it has no log.",
            hint="Name a backup; `fabula backups` lists them.",
        )
    content = content_of(db)
    known = {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}
    unknown = [name for name in content.migrations if name not in known]
    if unknown:
        raise DataFromNewerVersion(
            f"{file} was written by a newer Fabula (it has the migration {unknown[-1]!r}).",
            hint="Restore it with that newer version.",
        )
    return content


def _checked_pages(file: Path, db: apsw.Connection) -> None:
    found = [str(problem) for (problem,) in rows(db, "PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise _damaged(file, "; ".join(found))
    dangling = rows(db, "PRAGMA foreign_key_check")
    if dangling:
        table, row_id, other, _ = dangling[0]
        raise _damaged(file, f"row {row_id} of {table} names a row of {other} that is not there")


def _damaged(file: Path, detail: str) -> FabulaError:
    return Invalid(
        f"The database {file} is damaged.",
        hint="Take another backup; `fabula backups` lists them.",
        detail=detail,
    )
