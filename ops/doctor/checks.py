"""What a check gets and gives. One check is one function; the table is in `ops.doctor.table`.

A check only looks: it changes nothing, creates nothing, and may run beside a server at work. What it meets in
a damaged file it tells, and never lets out.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import apsw

from pipeline.config import Config
from pipeline.config_paths import DataPaths
from store.copies import Content, opened_for_reading

State = Literal["ok", "note", "wrong", "skipped"]
"""`note` is worth knowing and nothing is broken; `skipped` could not be looked at, and says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `mend` is a command, or what to do where no command can."""

    state: State
    what: str
    mend: str = ""


@dataclass
class Patient:
    """What is looked at. The checks before leave what they found: `content` is there once the file was read
    to its last page, `config` once it is right."""

    paths: DataPaths
    environ: Mapping[str, str]
    now: int
    config: Config | None = None
    content: Content | None = None
    current: bool = False
    """Whether the file has the schema of this Fabula."""

    @contextmanager
    def database(self) -> Iterator[apsw.Connection]:
        """A connection that cannot write and leaves nothing beside the file."""
        with opened_for_reading(self.paths.database) as db:
            db.set_busy_timeout(5_000)
            yield db

    def command(self, words: str) -> str:
        """A command for exactly this data folder."""
        return f"fabula {words} --data {self.paths.folder}"


Check = Callable[[Patient], Iterator[Finding]]


def ok(what: str) -> Finding:
    return Finding("ok", what)


def wrong(what: str, mend: str) -> Finding:
    return Finding("wrong", what, mend)


def note(what: str, mend: str = "") -> Finding:
    return Finding("note", what, mend)


def skipped(why: str) -> Finding:
    return Finding("skipped", why)
