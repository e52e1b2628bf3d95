"""What was said of a thing, and follows what takes its place.

An event that corrects a thing, ends it or tells of it names it by its id. While the thing counts that is all
there is to it. Where it does not, the same is said of the one that stands at its address, or is made there
later, in the order in which it was said. So nothing need be recorded twice, and what is taken back is taken
back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import apsw

from store import addresses, log
from store.events import EdgeUpdated, Event, MemoryWritten, Payload, SceneSummarized
from store.events.relationships import MAX_FACTS
from store.projections import memories
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
        field, named = addresses.named(source, event) or ("", 0)
        there = _stands(db, addresses.HELD_IN[field], named)
        holds_of = named if there else _standing_at(db, event, address, source)
        db.execute(KEEP, (event.id, event.chat_id, address, holds_of))
        if holds_of is not None and holds_of != named:
            event = _naming(event, field, holds_of)
    _fold(db, event, source)


def _fold(db: apsw.Connection, event: Event[Any], source: apsw.Connection) -> None:
    """Of a scene that does not count, or goes on, nothing is told."""
    told = event.payload
    if addresses.is_told(source, event) and not memories.is_over(db, event.chat_id, told.scene_id):
        return
    folded(db, event)
    _say_again(db, event, source)


def _naming(event: Event[Any], field: str, thing_id: int) -> Event[Any]:
    return replace(event, payload=event.payload.model_copy(update={field: thing_id}))


def _standing_at(db: apsw.Connection, event: Event[Any], address: str, source: apsw.Connection) -> int | None:
    """The newest thing that stands at an address where what an event names does not."""
    field, _ = addresses.named(source, event) or ("", 0)
    of = log.event(source, addresses.maker(source, event)).payload
    narrowed, values = "true", tuple[Any, ...]()
    if isinstance(of, MemoryWritten):
        narrowed, values = "owner_id = ? AND form = ? AND turn_id IS ?", (of.owner_id, of.form, of.turn_id)
    elif isinstance(of, EdgeUpdated):
        narrowed, values = "observer_id = ? AND target_id = ?", (of.observer_id, of.target_id)
    alike = f"SELECT id FROM {addresses.HELD_IN[field]} WHERE chat_id = ? AND {narrowed} ORDER BY id DESC"
    for (thing_id,) in rows(db, alike, (event.chat_id, *values)):
        by = log.event(source, thing_id // MAX_FACTS if field == "fact_id" else thing_id)
        if (address, thing_id) in addresses.made(source, by):
            return int(thing_id)
    return None


def _say_again(db: apsw.Connection, made: Event[Any], source: apsw.Connection) -> None:
    for address, thing_id in addresses.made(source, made):
        before = "SELECT id FROM said WHERE chat_id = ? AND address = ? ORDER BY id"
        for (event_id,) in rows(db, before, (made.chat_id, address)):
            event = log.event(source, event_id)
            field, named = addresses.named(source, event) or ("", 0)
            table = addresses.HELD_IN[field]
            elsewhere = _is_there(db, event) or (named != thing_id and _stands(db, table, named))
            if not elsewhere and _stands(db, table, thing_id):
                db.execute("UPDATE said SET thing_id = ? WHERE id = ?", (thing_id, event_id))
                _fold(db, _naming(event, field, thing_id), source)


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
