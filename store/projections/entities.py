"""Each entity's state in a chat: mood, goals, status, what it does and what it carries."""

import json

import apsw

from store.events import ActivityChanged, EntityChanged, Event, InventoryChanged
from store.projections.fold import projects
from store.rows import row

NEW_ENTITY = (
    "INSERT INTO entity(id, chat_id, entity_id, mood, goals, status, activity, slot, inventory, changed_by)"
    " VALUES (?1, ?2, ?3, '', '', '', '', '', '[]', ?1) ON CONFLICT DO NOTHING"
)


@projects(EntityChanged)
def entity_changed(db: apsw.Connection, event: Event[EntityChanged]) -> None:
    change = event.payload
    db.execute(NEW_ENTITY, (event.id, event.chat_id, change.entity_id))
    db.execute(
        "UPDATE entity SET mood = coalesce(?, mood), goals = coalesce(?, goals),"
        " status = coalesce(?, status), changed_by = ? WHERE chat_id = ? AND entity_id = ?",
        (change.mood, change.goals, change.status, event.id, event.chat_id, change.entity_id),
    )


@projects(ActivityChanged)
def activity_changed(db: apsw.Connection, event: Event[ActivityChanged]) -> None:
    change = event.payload
    db.execute(NEW_ENTITY, (event.id, event.chat_id, change.entity_id))
    db.execute(
        "UPDATE entity SET activity = ?, slot = coalesce(?, slot), changed_by = ?"
        " WHERE chat_id = ? AND entity_id = ?",
        (change.activity, change.slot, event.id, event.chat_id, change.entity_id),
    )


@projects(InventoryChanged)
def inventory_changed(db: apsw.Connection, event: Event[InventoryChanged]) -> None:
    """What is lost goes first, so that a thing exchanged for its like remains. Nobody holds a thing twice."""
    change = event.payload
    db.execute(NEW_ENTITY, (event.id, event.chat_id, change.entity_id))
    found = row(
        db,
        "SELECT inventory FROM entity WHERE chat_id = ? AND entity_id = ?",
        (event.chat_id, change.entity_id),
    )
    lost = {thing.casefold() for thing in change.lost}
    held = [thing for thing in json.loads(found[0] if found else "[]") if thing.casefold() not in lost]
    known = {thing.casefold() for thing in held}
    for thing in change.gained:
        if thing.casefold() not in known:
            known.add(thing.casefold())
            held.append(thing)
    db.execute(
        "UPDATE entity SET inventory = ?, changed_by = ? WHERE chat_id = ? AND entity_id = ?",
        (json.dumps(held, ensure_ascii=False), event.id, event.chat_id, change.entity_id),
    )
