"""Reading the log: single events, and everything after a position in order."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import apsw

from store import events
from store.errors import NotFound
from store.events import Event, Payload
from store.rows import Row, row, rows

P = TypeVar("P", bound=Payload)
COLUMNS = "id, chat_id, branch_id, kind, schema, payload, cause_id, run_id, ordinal, recorded_at"
PAGE = 500


def event_of(found: Row) -> Event[Any]:
    event_id, chat_id, branch_id, kind, version, payload, cause_id, run_id, ordinal, recorded_at = found
    decoded = events.decode(kind, version, payload)
    return Event(event_id, chat_id, branch_id, decoded, cause_id, run_id, ordinal, recorded_at)


def event(db: apsw.Connection, event_id: int) -> Event[Any]:
    found = row(db, f"SELECT {COLUMNS} FROM event WHERE id = ?", (event_id,))
    if found is None:
        raise NotFound(f"There is no event {event_id}.")
    return event_of(found)


def position(db: apsw.Connection) -> int:
    """The id of the newest event; 0 in an empty log."""
    found = row(db, "SELECT max(id) FROM event")
    return (found[0] or 0) if found else 0


def after(db: apsw.Connection, position: int, *, limit: int = PAGE) -> list[Event[Any]]:
    """The next events of the whole log."""
    found = rows(db, f"SELECT {COLUMNS} FROM event WHERE id > ? ORDER BY id LIMIT ?", (position, limit))
    return [event_of(one) for one in found]


def of_chat(db: apsw.Connection, chat_id: int, position: int, *, limit: int = PAGE) -> list[Event[Any]]:
    """The next events of one chat."""
    found = rows(
        db,
        f"SELECT {COLUMNS} FROM event WHERE chat_id = ? AND id > ? ORDER BY id LIMIT ?",
        (chat_id, position, limit),
    )
    return [event_of(one) for one in found]


def everything(db: apsw.Connection) -> Iterator[Event[Any]]:
    """The log from its beginning, one row at a time."""
    for found in db.execute(f"SELECT {COLUMNS} FROM event ORDER BY id"):
        yield event_of(found)


def all_of_chat(db: apsw.Connection, chat_id: int, since: int = 0) -> Iterator[Event[Any]]:
    """One chat's part of the log, from an event on, one row at a time."""
    sql = f"SELECT {COLUMNS} FROM event WHERE chat_id = ? AND id >= ? ORDER BY id"
    for found in db.execute(sql, (chat_id, since)):
        yield event_of(found)


def library_and(db: apsw.Connection, chat_id: int) -> Iterator[Event[Any]]:
    """One chat's part of the log together with what belongs to none."""
    sql = f"SELECT {COLUMNS} FROM event WHERE chat_id = ? OR chat_id IS NULL ORDER BY id"
    for found in db.execute(sql, (chat_id,)):
        yield event_of(found)


def chats(db: apsw.Connection) -> list[int]:
    """Every chat the log tells of."""
    return [
        chat_id
        for (chat_id,) in rows(db, "SELECT id FROM event WHERE kind = 'chat.started' AND chat_id = id")
    ]


def of_run(db: apsw.Connection, run_id: int) -> list[Event[Any]]:
    """What a run has recorded, in order."""
    found = rows(db, f"SELECT {COLUMNS} FROM event WHERE run_id = ? ORDER BY ordinal", (run_id,))
    return [event_of(one) for one in found]


def came_of_run(db: apsw.Connection, run_id: int) -> list[Event[Any]]:
    """What a run has recorded and all that came of it, in order."""
    found = rows(
        db,
        "WITH RECURSIVE came(id) AS (SELECT id FROM event WHERE run_id = ?"
        " UNION SELECT event.id FROM came JOIN event ON event.cause_id = came.id)"
        f" SELECT {COLUMNS} FROM event WHERE id IN came ORDER BY id",
        (run_id,),
    )
    return [event_of(one) for one in found]


def by_hand(db: apsw.Connection, chat_id: int, kinds: Sequence[str]) -> list[Event[Any]]:
    """Events of these kinds in a chat that no run has recorded, in order."""
    marks = ", ".join("?" for _ in kinds)
    found = rows(
        db,
        f"SELECT {COLUMNS} FROM event WHERE chat_id = ? AND kind IN ({marks}) AND run_id IS NULL ORDER BY id",
        (chat_id, *kinds),
    )
    return [event_of(one) for one in found]


def newest(db: apsw.Connection, chat_id: int, kind: type[P], *, after: int) -> list[Event[P]]:
    """Events of one kind in a chat after a position, the newest first, whether they count or not."""
    found = rows(
        db,
        f"SELECT {COLUMNS} FROM event INDEXED BY event_kind WHERE chat_id = ? AND kind = ? AND id > ?"
        " ORDER BY id DESC",
        (chat_id, kind.kind, after),
    )
    return [event_of(one) for one in found]


def is_any_of(db: apsw.Connection, chat_id: int, kinds: Sequence[str], *, after: int) -> bool:
    """Whether an event of these kinds was recorded in a chat after a position."""
    if not kinds:
        return False
    marks = ", ".join("?" for _ in kinds)
    found = row(
        db,
        f"SELECT 1 FROM event WHERE id > ? AND chat_id = ? AND kind IN ({marks}) LIMIT 1",
        (after, chat_id, *kinds),
    )
    return found is not None


def outside_chats(db: apsw.Connection) -> Iterator[Event[Any]]:
    """What belongs to no chat: the library, one row at a time."""
    for found in db.execute(f"SELECT {COLUMNS} FROM event WHERE chat_id IS NULL ORDER BY id"):
        yield event_of(found)
