"""Snapshots: one chat taken out of the log as a file of its own, and the files that are kept.

What is taken is the chat's part of the log, the library events of the bots that appear in it, and of the runs
what the log refers to. `store.snapshot_arrivals` brings it in again.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import apsw

from store import log, shelves, views
from store.database import writable_folder
from store.errors import Refused, StoreFailed
from store.events import YOU, Event
from store.events.references import Reference, referred
from store.events.relationships import MAX_FACTS
from store.placing import placed
from store.rows import row, rows
from store.shelves import Named
from store.snapshot_files import MAX_BYTES, Content, EventLine, Head, RunLine, Why, head_of, text_of
from store.stamps import DAY_MS, PATTERN

NAME = re.compile(rf"chat-(?P<chat>\d{{1,15}})-(?P<at>{PATTERN})-(?P<why>{'|'.join(get_args(Why))})\.json")
AUTOMATIC_DAYS = 14
LINE_CHARS = 200
Known = dict[Reference, set[int]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One file; `head` is None where it is not as Fabula writes it."""

    path: Path
    chat_id: int
    made_at: int
    why: str
    size: int
    head: Head | None


def events_of(db: apsw.Connection, chat_id: int) -> list[Event[Any]]:
    """The chat's part of the log, in order."""
    return list(log.all_of_chat(db, chat_id))


def take(db: apsw.Connection, folder: Path, chat_id: int, *, why: Why, now: int, note: str = "") -> Path:
    """Write a snapshot of a chat; returns its path. Automatic ones that are too old go.

    Reads the connection it is given, in or out of a transaction, and waits for the disk: on the trio thread
    hand it to `Store.read`, within a writer's step give it the step's connection.

    Raises:
        NotFound: there is no such chat.
        Refused: it is too long for one file.
        StoreFailed: the folder cannot be written.
    """
    with _one_moment(db):
        content = content_of(db, chat_id, why=why, now=now, note=note)
    writable_folder(folder)
    path = free_path(folder, chat_id, why, now)
    try:
        with placed(path) as part:
            _write(content, part)
    except OSError as error:
        raise StoreFailed(
            f"The snapshot {path} could not be written.", hint="Check the disk.", detail=str(error)
        ) from error
    prune(folder, now=now)
    return path


def free_path(folder: Path, chat_id: int, why: Why, at: int) -> Path:
    return shelves.free_path(folder, NAME, lambda stamped: f"chat-{chat_id}-{stamped}-{why}.json", at)


@contextmanager
def _one_moment(db: apsw.Connection) -> Iterator[None]:
    """Read one state of the database, whoever commits meanwhile."""
    if not db.get_autocommit():
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def _write(content: Content, part: Path) -> None:
    written = 0
    with part.open("wb") as handle:
        for piece in text_of(content):
            written += handle.write(piece.encode())
    if written > MAX_BYTES:
        raise Refused(
            f"The chat {content.head.title!r} makes a snapshot of {written / 1e6:.0f} MB, more than the"
            f" {MAX_BYTES / 1e6:.0f} MB that one may have.",
            hint="`fabula backup` keeps everything, whatever its size.",
        )


def content_of(db: apsw.Connection, chat_id: int, *, why: Why, now: int, note: str = "") -> Content:
    """Everything a snapshot of the chat holds."""
    head = _head(db, chat_id, why, now, note)
    events = events_of(db, chat_id)
    entities = {number for event in events for to, number in referred(event.payload) if to == "entity"}
    library = _library(db, entities - {YOU})
    ids = {event.id for event in events}
    runs = _runs(db, events, ids)
    known: Known = {
        Reference.EVENT: ids,
        Reference.RUN: {run.id for run in runs},
        Reference.ENTITY: {event.id for event in library},
    }
    return Content(
        head=head.model_copy(update={"bots": _names(db, known[Reference.ENTITY])}),
        library=[_line(event, known) for event in library],
        events=[_line(event, known) for event in events],
        runs=runs,
        outside={
            to.value: sorted(numbers)
            for to, numbers in unknown_references([*library, *events], known).items()
        },
    )


def unknown_references(events: Iterable[Event[Any]], known: Known) -> Known:
    """What the payloads refer to and is not there. You are always there."""
    missing: Known = defaultdict(set)
    for event in events:
        for to, number in referred(event.payload):
            if not is_known(to, number, known):
                missing[to].add(number)
    return missing


def is_known(to: Reference, number: int, known: Known) -> bool:
    if to is Reference.FACT:
        return number // MAX_FACTS in known[Reference.EVENT]
    return number in known[to] or (to is Reference.ENTITY and number == YOU)


def _head(db: apsw.Connection, chat_id: int, why: Why, now: int, note: str) -> Head:
    chat = views.chat(db, chat_id)
    return Head(
        chat_id=chat_id,
        title=chat.title,
        made_at=now,
        why=why,
        note=note,
        turns=chat.turns,
        bots=[],
        first_line=_spoken(db, chat_id, "ASC"),
        last_line=_spoken(db, chat_id, "DESC"),
    )


def _spoken(db: apsw.Connection, chat_id: int, order: str) -> str:
    found = row(
        db,
        f"SELECT text FROM turn WHERE chat_id = ? ORDER BY anchor_id {order}, id {order} LIMIT 1",
        (chat_id,),
    )
    return str(found[0])[:LINE_CHARS] if found else ""


def _names(db: apsw.Connection, ids: Iterable[int]) -> list[str]:
    marks = ",".join(str(one) for one in ids)
    return [name for (name,) in rows(db, f"SELECT name FROM bot WHERE id IN ({marks}) ORDER BY id")]


def _library(db: apsw.Connection, entities: set[int]) -> list[Event[Any]]:
    """What was written about these, in log order; each by its own first event and whatever names it."""
    return [
        event
        for event in log.outside_chats(db)
        if event.id in entities
        or any(to is Reference.ENTITY and number in entities for to, number in referred(event.payload))
    ]


def _runs(db: apsw.Connection, events: list[Event[Any]], ids: set[int]) -> list[RunLine]:
    wanted = {event.run_id for event in events if event.run_id is not None}
    wanted |= {number for event in events for to, number in referred(event.payload) if to is Reference.RUN}
    if not events:
        return []
    found = rows(
        db,
        "SELECT id, stage, event_id, generation, state, lane, priority, enqueued_at, finished_at FROM run"
        " WHERE chat_id = ? ORDER BY id",
        (events[0].chat_id,),
    )
    return [
        RunLine(
            id=run_id,
            stage=stage,
            event_id=event_id,
            generation=generation,
            done=state == "done",
            lane=lane,
            priority=priority,
            enqueued_at=enqueued_at,
            finished_at=finished_at,
        )
        for run_id, stage, event_id, generation, state, lane, priority, enqueued_at, finished_at in found
        if run_id in wanted and event_id in ids
    ]


def _line(event: Event[Any], known: Known) -> EventLine:
    """A cause or a run outside the file is no part of the story that is taken."""
    inside = event.cause_id in known[Reference.EVENT] or event.cause_id in known[Reference.ENTITY]
    return EventLine(
        id=event.id,
        kind=event.kind,
        schema_version=event.payload.schema_version,
        payload=event.payload.model_dump(mode="json"),
        branch_id=event.branch_id,
        cause_id=event.cause_id if inside else None,
        run_id=event.run_id if event.run_id in known[Reference.RUN] else None,
        ordinal=event.ordinal,
        recorded_at=event.recorded_at,
    )


def listed(folder: Path, *, chat_id: int | None = None) -> list[Snapshot]:
    """The snapshots in the folder, or those of one chat, newest first."""
    found = shelves.listed(folder, NAME, _snapshot)
    return [one for one in found if chat_id in (None, one.chat_id)]


def _snapshot(path: Path, named: Named) -> Snapshot:
    at, size = shelves.made_at(named), path.stat().st_size
    return Snapshot(path, int(named["chat"]), at, named["why"], size, head_of(path))


def named(folder: Path, name: str) -> Snapshot:
    """The snapshot of that file name.

    Raises:
        NotFound: there is none.
    """
    return of(shelves.found(folder, NAME, name, hint="`fabula snapshots` lists what is there."))


def of(path: Path) -> Snapshot:
    """A file that is there, as it is listed."""
    return shelves.just_made(path, NAME, _snapshot)


def prune(folder: Path, *, now: int) -> list[Path]:
    """Remove automatic snapshots after 14 days; those made by hand stay until a person removes them."""
    old = [
        one.path
        for one in listed(folder)
        if one.why != "by-hand" and now - one.made_at >= AUTOMATIC_DAYS * DAY_MS
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return old
