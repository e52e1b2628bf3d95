"""What was said of a thing, and follows what takes its place.

An event that corrects a thing, ends it or tells of it names it by its id. While the thing counts that is all
there is to it. Where it does not and another is made at the same address, the same is said of that one, in
the order in which it was said. So nothing need be recorded twice, and what is taken back is taken back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import apsw

from store import addresses, log
from store.events import Event, MemoryWritten, Payload, SceneSummarized
from store.projections.fold import folded
from store.rows import row, rows

KEEP = (
    "INSERT INTO said(id, chat_id, address, thing_id, scene_id, clock, weather) SELECT ?1, ?2, ?3, ?4,"
    " scene_id, clock, (SELECT weather FROM world WHERE chat_id = ?2) FROM chat WHERE id = ?2"
)
"""What is said, of which thing if it is there, and how the story stood then."""
MAKING: Mapping[type[Payload], str] = {SceneSummarized: "scene_summary", MemoryWritten: "memory"}
"""What is said of a thing and is one itself → the projection that has it."""


def project(db: apsw.Connection, event: Event[Any], source: apsw.Connection | None = None) -> None:
    """Fold one event, and say of what it makes whatever was said at its address before; `source` has the log,
    where that is another database. Kinds that only drive the pipeline have no fold."""
    source = db if source is None else source
    if event.chat_id is not None and (address := addresses.said_of(source, event)) is not None:
        field, named = addresses.named(event) or ("", 0)
        holds_of = named if _stands(db, addresses.HELD_IN[field], named) else None
        db.execute(KEEP, (event.id, event.chat_id, address, holds_of))
    folded(db, event)
    _say_again(db, event, source)


def _say_again(db: apsw.Connection, made: Event[Any], source: apsw.Connection) -> None:
    for address, thing_id in addresses.made(source, made):
        before = "SELECT id FROM said WHERE chat_id = ? AND address = ? ORDER BY id"
        for (event_id,) in rows(db, before, (made.chat_id, address)):
            event = log.event(source, event_id)
            field, named = addresses.named(event) or ("", 0)
            if _is_there(db, event) or (named != thing_id and _stands(db, addresses.HELD_IN[field], named)):
                continue
            db.execute("UPDATE said SET thing_id = ? WHERE id = ?", (thing_id, event_id))
            again = replace(event, payload=event.payload.model_copy(update={field: thing_id}))
            folded(db, again)
            _say_again(db, again, source)


def _is_there(db: apsw.Connection, event: Event[Any]) -> bool:
    """Whether what an event tells of a thing stands somewhere already."""
    table = MAKING.get(type(event.payload))
    return table is not None and _stands(db, table, event.id)


def _stands(db: apsw.Connection, table: str, thing_id: int) -> bool:
    return row(db, f"SELECT 1 FROM {table} WHERE id = ?", (thing_id,)) is not None


def forget(db: apsw.Connection, events: Iterable[Event[Any]]) -> None:
    """Take back what these events said, and that anything holds of what they made."""
    for event in events:
        db.execute("DELETE FROM said WHERE id = ?", (event.id,))
        for address, thing_id in addresses.made(db, event):
            db.execute(
                "UPDATE said SET thing_id = NULL WHERE chat_id = ? AND address = ? AND thing_id = ?",
                (event.chat_id, address, thing_id),
            )
