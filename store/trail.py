"""The trail: what each of the newest events changed in the projections, so that it can be taken back.

A control event at the end of a long chat changes which of the last events count. Taking those back by their
trail and folding what counts now costs what they cost, however long the chat is. SQLite itself says what a
fold changes (its preupdate hook), so no fold knows of this. Where the trail does not reach, the whole chat is
folded again.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from store.events import Event
from store.projections import INDEXED_AGAIN, OF_CHATS
from store.projections.fold import FOREVER
from store.rows import row, rows

KEPT = 20_000
"""How many of a chat's newest events can be taken back."""
PRUNED_EVERY = 256
FOLLOWED = frozenset(("chat", *OF_CHATS))


@contextmanager
def followed(db: apsw.Connection, event: Event[Any]) -> Iterator[None]:
    """Leave a trail of what is changed within, under the event's name."""
    if event.chat_id is None:
        yield
        return
    changes: list[tuple[str, int, tuple[Any, ...] | None]] = []

    def note(update: apsw.PreUpdate) -> None:
        if update.table_name in FOLLOWED:
            old = None if update.op == "INSERT" else update.old
            changes.append((update.table_name, update.rowid, old))

    db.preupdate_hook(note, id="trail")
    try:
        yield
    finally:
        db.preupdate_hook(None, id="trail")
    if changes:
        db.execute(
            "INSERT OR REPLACE INTO trail(id, chat_id, changes) VALUES (?, ?, ?)",
            (event.id, event.chat_id, json.dumps(changes)),
        )
    if event.id % PRUNED_EVERY == 0:
        _prune(db, event.chat_id)


def begins(db: apsw.Connection, chat_id: int) -> int:
    """The event from which on everything that the chat's events have changed can be taken back."""
    found = row(db, "SELECT since FROM retelling WHERE chat_id = ?", (chat_id,))
    return found[0] if found else 0


def begin(db: apsw.Connection, chat_id: int, event_id: int, *, anew: bool = False) -> None:
    """Say that the trail is complete from this event on, and forget what is before; or, where the chat is
    told anew, what was left so far: not all of it is told again."""
    forgotten = FOREVER if anew else event_id
    db.execute("DELETE FROM trail WHERE chat_id = ? AND id < ?", (chat_id, forgotten))
    db.execute(
        "INSERT INTO retelling(chat_id, since) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET since = ?2",
        (chat_id, event_id),
    )


def retold(db: apsw.Connection, chat_id: int, control_id: int) -> None:
    """Note the control event by which the chat was last told anew, for whoever keeps something of it."""
    db.execute(
        "INSERT INTO retelling(chat_id, last) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET last = ?2",
        (chat_id, control_id),
    )


def take_back(db: apsw.Connection, chat_id: int, event_id: int) -> None:
    """Undo what the chat's events from this one on have changed, the newest first."""
    touched: dict[str, set[int]] = {table: set() for table in INDEXED_AGAIN}
    kept = "FROM trail WHERE chat_id = ? AND id >= ?"
    for (changes,) in rows(db, f"SELECT changes {kept} ORDER BY id DESC", (chat_id, event_id)):
        for table, row_id, old in reversed(json.loads(changes)):
            if table in touched:
                touched[table].add(row_id)
            if old is None:
                db.execute(f"DELETE FROM {table} WHERE id = ?", (row_id,))
            else:
                marks = ", ".join("?" * len(old))
                db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", old)
    db.execute(f"DELETE {kept}", (chat_id, event_id))
    for table, ids in touched.items():
        INDEXED_AGAIN[table](db, ids)


def _prune(db: apsw.Connection, chat_id: int) -> None:
    found = row(
        db, "SELECT id FROM trail WHERE chat_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?", (chat_id, KEPT)
    )
    if found is not None:
        begin(db, chat_id, found[0])
