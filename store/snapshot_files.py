"""Snapshot files: one chat as JSON that stands alone, as it is written, and read with suspicion.

The first line holds what a list of snapshots shows, so that listing never reads a whole file; then one event
a line. A digest over the content tells a file that was edited by hand from one that was not.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from store.errors import DataFromNewerVersion, Invalid, NotFound
from store.events.payload import ShortText

FORMAT = "fabula-snapshot"
VERSION = 1
MAX_BYTES = 256 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
MAX_ID = 2**48
"""Far beyond any story, and far enough below 2^63 that ids can be added and facts numbered."""

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Moment = Annotated[int, Field(ge=0, le=MAX_ID)]
Why = Literal["by-hand", "before-rewind", "automatic"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Head(_Part):
    """What a snapshot says of itself before it is opened."""

    chat_id: Id
    title: ShortText
    made_at: Moment
    why: Why
    note: ShortText = ""
    turns: int
    bots: list[ShortText]
    first_line: ShortText = ""
    last_line: ShortText = ""


class EventLine(_Part):
    id: Id
    kind: str
    schema_version: int = Field(alias="schema", ge=1)
    payload: dict[str, Any]
    branch_id: Id | None = None
    cause_id: Id | None = None
    run_id: Id | None = None
    ordinal: int = Field(default=0, ge=0, le=MAX_ID)
    recorded_at: Moment


class RunLine(_Part):
    """What the log needs of a run: that it was, for which event, and in which generation."""

    id: Id
    stage: ShortText
    event_id: Id
    generation: int = Field(ge=0, le=MAX_ID)
    done: bool
    lane: ShortText
    priority: int = Field(ge=-MAX_ID, le=MAX_ID)
    enqueued_at: Moment
    finished_at: Moment | None = None


class Content(_Part):
    """Everything but the digest. `outside` are references that led nowhere already in the story itself."""

    head: Head
    library: list[EventLine]
    events: list[EventLine]
    runs: list[RunLine]
    outside: dict[str, list[int]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that could be read. `edited`: it is not as Fabula wrote it."""

    path: Path
    content: Content
    edited: bool


def text_of(content: Content) -> Iterator[str]:
    """The file, piece by piece."""
    plain = content.model_dump(mode="json", by_alias=True)
    first = {"format": FORMAT, "version": VERSION, "digest": _digest(plain), "head": plain["head"]}
    yield compact(first)[:-1] + ",\n"
    for name in ("library", "events", "runs"):
        yield f'"{name}":[\n' + ",\n".join(compact(line) for line in plain[name]) + "\n],\n"
    yield f'"outside":{compact(plain["outside"])}}}\n'


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _digest(plain: dict[str, Any]) -> str:
    """Over the content in one order of keys, so that a file that was only laid out anew is still the same."""
    told = {name: plain.get(name) for name in ("head", "library", "events", "runs", "outside")}
    canonical = json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def head_of(path: Path) -> Head | None:
    """What the first line tells; None where it is not as Fabula writes it."""
    try:
        with path.open("rb") as handle:
            line = handle.readline(MAX_HEAD_BYTES)
        return Head.model_validate(json.loads(line.rstrip(b",\r\n") + b"}")["head"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def read(path: Path, *, limit_bytes: int = MAX_BYTES) -> Opened:
    """Read a snapshot whole.

    Raises:
        NotFound: there is no such file.
        Invalid: it is too large, cut off, no JSON, no snapshot, or a field of it does not fit.
        DataFromNewerVersion: a later Fabula wrote it.
    """
    return opened(path, _bytes_of(path, limit_bytes), limit_bytes=limit_bytes)


def opened(path: Path, found: bytes, *, limit_bytes: int = MAX_BYTES) -> Opened:
    """A snapshot of which these are the bytes; `path` is what it is called when something is wrong with it.

    Raises:
        Invalid, DataFromNewerVersion: as in `read`.
    """
    _refuse_more(path, len(found), limit_bytes)
    plain = _parsed(path, found)
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise Invalid(f"{path} is no snapshot of Fabula's.", hint="`fabula snapshots` lists them.")
    version = plain.get("version")
    if not isinstance(version, int) or version < 1:
        raise Invalid(
            f"{path}: the field version is {version!r}, not a number from 1.", hint="Take another snapshot."
        )
    if version > VERSION:
        newer(path, f"it has the format {version}, this Fabula knows {VERSION}")
    try:
        digest = _digest(plain)
        content = Content.model_validate(
            {name: value for name, value in plain.items() if name not in ("format", "version", "digest")}
        )
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise Invalid(
            f"{path}: the field {field} does not fit: {first['msg']} (it is {str(first['input'])[:80]!r}).",
            hint="Take the file as Fabula wrote it, or correct that field.",
        ) from error
    except RecursionError as error:
        raise Invalid(f"{path} is nested too deeply to be a snapshot.", hint="Take another one.") from error
    return Opened(path, content, edited=digest != plain.get("digest"))


def newer(path: Path, why: str) -> NoReturn:
    raise DataFromNewerVersion(
        f"The snapshot {path} was written by a newer Fabula ({why}).", hint="Restore it with that version."
    )


def _bytes_of(path: Path, limit_bytes: int) -> bytes:
    if not path.is_file():
        raise NotFound(f"There is no snapshot {path}.", hint="`fabula snapshots` lists them.")
    try:
        _refuse_more(path, path.stat().st_size, limit_bytes)
        with path.open("rb") as handle:
            return handle.read(limit_bytes + 1)
    except OSError as error:
        raise Invalid(
            f"The file {path} cannot be read.", hint="Check its permissions and the disk.", detail=str(error)
        ) from error


def _refuse_more(path: Path, size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise Invalid(
            f"{path} has {size / 1e6:.1f} MB; a snapshot has at most {limit_bytes / 1e6:.1f} MB.",
            hint="Check that it is the right file. A whole database is restored with `fabula restore`.",
        )


def _parsed(path: Path, found: bytes) -> object:
    try:
        return json.loads(found.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        where = (
            f"{error.msg} in line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else f"{type(error).__name__}: {error}"
        )
        raise Invalid(
            f"The snapshot {path} {'is cut off' if _is_cut_off(found, error) else 'is no JSON'}.",
            hint="Copy it again from where it came from, or take another snapshot.",
            detail=where,
        ) from error


def _is_cut_off(found: bytes, error: Exception) -> bool:
    """Whether more of a JSON object would have to follow, which has begun and has not ended.

    Where the reader stopped is not enough: half of a number, of `false`, of an escape or of a
    character in UTF-8 is refused where that begins, which is before the end of the file.
    """
    whole = found.strip()
    if whole and not whole.startswith(b"{"):
        return False
    if not whole.endswith(b"}"):
        return True
    return isinstance(error, json.JSONDecodeError) and (
        error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated")
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")
