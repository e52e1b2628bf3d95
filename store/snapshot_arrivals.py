"""Arrivals: a snapshot brought in as a new chat, its ids moved behind everything there is.

All ids move by one offset, so their order and their gaps stay; in an empty log the offset is 0 and the
projections come out as they were. A bot that is in the library already, word for word, is the same bot;
any other is brought in anew. No stage runs for what arrives: it has all happened.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any, NoReturn

import apsw
import pydantic

from store import events as vocabulary
from store.errors import Invalid, Refused, StoreFailed
from store.events import YOU, ChatStarted, Event, kinds
from store.events.references import Reference, moved
from store.events.relationships import MAX_FACTS
from store.projections import project
from store.rebuild import Progress, refold, scratch
from store.rows import row, rows
from store.snapshot_files import EventLine, Opened, RunLine, compact, newer
from store.snapshots import Known, unknown_references
from store.txn import INSERT_EVENT, Txn

LIBRARY = ("bot.",)
"""The subjects whose events belong to no chat."""
INSERT_RUN = (
    "INSERT INTO run(id, stage, event_id, chat_id, generation, state, lane, priority, enqueued_at,"
    " finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Arriving:
    """A snapshot whose every event was found to fit, and every reference to lead somewhere."""

    opened: Opened
    library: list[Event[Any]]
    events: list[Event[Any]]
    runs: dict[int, RunLine]


def checked(opened: Opened, *, accept_edited: bool = False) -> Arriving:
    """Check a snapshot to its last reference, without any database.

    Raises:
        Refused: it was edited by hand, and nobody said that this is right.
        Invalid: an event does not fit its kind, or something is named that is not in the file.
        DataFromNewerVersion: it holds events that this Fabula does not know.
    """
    if opened.edited and not accept_edited:
        raise Refused(
            f"The snapshot {opened.path} was edited since Fabula wrote it: its digest does not match.",
            hint="If that was you and is right, say so: the box on the page, or --accept-edited.",
        )
    content = opened.content
    arriving = Arriving(
        opened,
        library=[_event(opened, line, None) for line in content.library],
        events=[_event(opened, line, content.head.chat_id) for line in content.events],
        runs={run.id: run for run in content.runs},
    )
    _check_order(arriving)
    _check_runs(arriving)
    _check_references(arriving)
    return arriving


def _wrong(opened: Opened, what: str, detail: str = "") -> NoReturn:
    raise Invalid(
        f"The snapshot {opened.path} cannot be restored: {what}.",
        hint="Take the file as Fabula wrote it. Nothing was changed.",
        detail=detail,
    )


def _event(opened: Opened, line: EventLine, chat_id: int | None) -> Event[Any]:
    payload_type = kinds().get(line.kind)
    if payload_type is None or line.schema_version > payload_type.schema_version:
        newer(opened.path, f"event {line.id} is {line.kind[:80]!r} of version {line.schema_version}")
    try:
        payload = vocabulary.decode(line.kind, line.schema_version, compact(line.payload))
    except StoreFailed as error:
        _wrong(opened, f"event {line.id} ({line.kind}) does not fit its kind{_field(error)}", error.detail)
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        _wrong(opened, f"event {line.id} ({line.kind}) does not fit its kind", str(error))
    return Event(
        line.id, chat_id, line.branch_id, payload, line.cause_id, line.run_id, line.ordinal, line.recorded_at
    )


def _field(error: StoreFailed) -> str:
    if not isinstance(error.__cause__, pydantic.ValidationError):
        return ""
    first = error.__cause__.errors()[0]
    return f", field {'.'.join(map(str, first['loc']))}: {first['msg']} (it is {str(first['input'])[:80]!r})"


def _check_order(arriving: Arriving) -> None:
    opened, chat_id = arriving.opened, arriving.opened.content.head.chat_id
    starts = [event.id for event in arriving.events if isinstance(event.payload, ChatStarted)]
    if not arriving.events or starts != [chat_id] or arriving.events[0].id != chat_id:
        _wrong(opened, f"it must begin with the start of chat {chat_id}, and hold no other start")
    for lines in (arriving.library, arriving.events):
        for before, after in pairwise(lines):
            if after.id <= before.id:
                _wrong(opened, f"event {after.id} comes after event {before.id}, out of order")
    both = {event.id for event in arriving.library} & {event.id for event in arriving.events}
    if both:
        _wrong(opened, f"event {min(both)} is in it twice")
    for event in chain(arriving.library, arriving.events):
        if event.kind.startswith(LIBRARY) != (event.chat_id is None):
            _wrong(opened, f"event {event.id} ({event.kind}) stands in the wrong part of the file")


def _check_runs(arriving: Arriving) -> None:
    opened = arriving.opened
    if len(arriving.runs) != len(opened.content.runs):
        _wrong(opened, "a run is in it twice")
    ids = {event.id for event in arriving.events}
    for run in arriving.runs.values():
        if run.event_id not in ids:
            _wrong(opened, f"run {run.id} answers event {run.event_id}, which is not in the file")
    ids |= {event.id for event in arriving.library}
    for event in chain(arriving.library, arriving.events):
        if event.cause_id is not None and (event.cause_id >= event.id or event.cause_id not in ids):
            _wrong(
                opened, f"event {event.id} answers event {event.cause_id}, which is not in the file before it"
            )
        if event.run_id is not None and event.run_id not in arriving.runs:
            _wrong(opened, f"event {event.id} was recorded by run {event.run_id}, which is not in the file")
        if event.run_id is not None and arriving.runs[event.run_id].event_id >= event.id:
            _wrong(opened, f"event {event.id} is older than what its run {event.run_id} answers")


def _check_references(arriving: Arriving) -> None:
    opened = arriving.opened
    outside = opened.content.outside
    strange = set(outside) - {to.value for to in Reference}
    if strange:
        _wrong(opened, f"the field outside.{min(strange)[:80]!r} is unknown")
    known: Known = {
        Reference.EVENT: {event.id for event in arriving.events},
        Reference.RUN: set(arriving.runs),
        Reference.ENTITY: {event.id for event in arriving.library},
    }
    for event in chain(arriving.library, arriving.events):
        for to, numbers in unknown_references([event], known).items():
            lost = numbers - set(outside.get(to.value, ()))
            if lost:
                what = f"the {to.value} {min(lost)}, which is not in the file"
                _wrong(opened, f"event {event.id} ({event.kind}) names {what}")


@dataclass(slots=True)
class _Moves:
    """From the ids of the file to those of the log."""

    events: int
    runs: int
    bots: dict[int, int] = field(default_factory=dict)
    """Bots of the file that the library has already."""

    def __call__(self, to: Reference, number: int) -> int:
        match to:
            case Reference.EVENT:
                return number + self.events if number > 0 else number
            case Reference.RUN:
                return number + self.runs
            case Reference.FACT:
                return number + self.events * MAX_FACTS
            case Reference.ENTITY:
                return self.bots.get(number, number if number <= YOU else number + self.events)

    def event(self, number: int | None) -> int | None:
        return None if number is None else number + self.events

    def run(self, number: int | None) -> int | None:
        return None if number is None else number + self.runs


def bring_in(txn: Txn, arriving: Arriving, progress: Progress = lambda _: None) -> int:
    """Append everything within the step's transaction; returns the id of the new chat. Each event is told of
    twice, when it is in the log and when it is folded; what `progress` raises ends it.

    A second for every ten thousand events or so, in which nobody else writes.

    Raises:
        Invalid: the events fit one by one and not together; nothing was changed.
    """
    moves = _Moves(_last_id(txn, "event"), _last_id(txn, "run"), _same_bots(txn.connection, arriving.library))
    try:
        for event in arriving.library:
            if not _is_of(event, moves.bots):
                project(txn.connection, _append(txn, event, moves))
        chat_id = _append_chat(txn, arriving, moves, progress)
        appended = len(arriving.events)
        refold(txn.connection, chat_id, lambda folded: progress(appended + folded))
    except (apsw.ConstraintError, apsw.MismatchError, OverflowError) as error:
        _wrong(arriving.opened, "its events do not fit together", f"{type(error).__name__}: {error}")
    return chat_id


def _last_id(txn: Txn, table: str) -> int:
    found = row(txn.connection, "SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
    return int(found[0]) if found else 0


def _same_bots(db: apsw.Connection, library: list[Event[Any]]) -> dict[int, int]:
    """The file's bots that the library has word for word, each matched once, so that two who are alike stay
    two."""
    arriving = scratch(db)
    for event in library:
        project(arriving, event)
    there = defaultdict(list)
    for bot_id, words in _bots(db):
        there[words].append(bot_id)
    alike = {bot_id: there[words].pop(0) for bot_id, words in _bots(arriving) if there[words]}
    arriving.close()
    return alike


def _bots(db: apsw.Connection) -> list[tuple[int, tuple[object, ...]]]:
    """Each bot with all that makes it what it is; the numbers of its events do not."""
    columns = [name for _, name, *_ in rows(db, "PRAGMA table_info(bot)") if name not in ("id", "changed_by")]
    found = rows(db, f"SELECT id, {', '.join(columns)} FROM bot ORDER BY id")
    return [(bot_id, tuple(words)) for bot_id, *words in found]


def _is_of(event: Event[Any], bots: dict[int, int]) -> bool:
    return event.id in bots or getattr(event.payload, "bot_id", None) in bots


def _append_chat(txn: Txn, arriving: Arriving, moves: _Moves, progress: Progress) -> int:
    """A run goes in before the first event it recorded, and after the event it answers."""
    chat_id = arriving.events[0].id + moves.events
    waiting = dict(arriving.runs)
    for appended, event in enumerate(arriving.events, 1):
        run = waiting.pop(event.run_id, None) if event.run_id is not None else None
        if run is not None:
            _append_run(txn, run, chat_id, moves)
        _append(txn, event, moves)
        progress(appended)
    for run in waiting.values():
        _append_run(txn, run, chat_id, moves)
    return chat_id


def _append(txn: Txn, event: Event[Any], moves: _Moves) -> Event[Any]:
    there = Event(
        event.id + moves.events,
        moves.event(event.chat_id),
        moves.event(event.branch_id),
        moved(event.payload, moves),
        moves.event(event.cause_id),
        moves.run(event.run_id),
        event.ordinal,
        event.recorded_at,
    )
    payload = vocabulary.encode(there.payload)
    version = there.payload.schema_version
    held = (there.id, there.chat_id, there.branch_id, there.kind, version, payload)
    txn.execute(INSERT_EVENT, (*held, there.cause_id, there.run_id, there.ordinal, there.recorded_at))
    return there


def _append_run(txn: Txn, run: RunLine, chat_id: int, moves: _Moves) -> None:
    state = "done" if run.done else "cancelled"
    where = (run.id + moves.runs, run.stage, run.event_id + moves.events, chat_id, run.generation)
    txn.execute(INSERT_RUN, (*where, state, run.lane, run.priority, run.enqueued_at, run.finished_at))
