"""Without: how an entity and a place would stand had some of the events not been recorded.

For a run that takes the place of an earlier one: what that one changed still stands, and falls with its
commit. Read backwards from the end of the log, as far as the last word on each thing.
"""

from collections.abc import Collection, Iterator
from itertools import takewhile
from typing import Any

import apsw

from store import log
from store.events import ActivityChanged, Container, ContainerChanged, EntityChanged, Event, InventoryChanged
from store.live import is_live
from store.relations import EntityState
from store.rows import row, rows

NEWEST_FIRST = (
    f"SELECT {log.COLUMNS} FROM event INDEXED BY event_kind"
    " WHERE chat_id = ? AND kind = ? AND payload ->> ? = ? ORDER BY id DESC"
)


def entity(db: apsw.Connection, chat_id: int, entity_id: int, left_out: Collection[int]) -> EntityState:
    """How an entity is without what these events say of it."""

    def words(kind: str) -> Iterator[Event[Any]]:
        return _words(db, chat_id, kind, ("entity_id", entity_id), left_out)

    def felt(field: str) -> str:
        told = (getattr(event.payload, field) for event in words(EntityChanged.kind))
        return next((one for one in told if one is not None), "")

    found = row(db, "SELECT scene_id FROM chat WHERE id = ?", (chat_id,))
    since = (found[0] or 0) if found else 0  # a new scene forgets what everybody did
    doing = [event.payload for event in takewhile(lambda one: one.id > since, words(ActivityChanged.kind))]
    return EntityState(
        entity_id,
        mood=felt("mood"),
        goals=felt("goals"),
        status=felt("status"),
        activity=doing[0].activity if doing else "",
        slot=next((one.slot for one in doing if one.slot is not None), ""),
        inventory=_held([*words(InventoryChanged.kind)][::-1]),
    )


def _held(changes: list[Event[InventoryChanged]]) -> tuple[str, ...]:
    """As it is folded: what is lost goes first, and nobody holds a thing twice."""
    held: dict[str, str] = {}
    for change in changes:
        for thing in change.payload.lost:
            held.pop(thing.casefold(), None)
        for thing in change.payload.gained:
            held.setdefault(thing.casefold(), thing)
    return tuple(held.values())


def container(
    db: apsw.Connection, chat_id: int, container_id: int, left_out: Collection[int]
) -> Container | None:
    """How a place is without what these events say of it; None where nothing else tells of it."""
    changes = _words(db, chat_id, ContainerChanged.kind, ("container_id", container_id), left_out)
    last = next(changes, None)
    if last is not None:
        told: Container = last.payload.container
        return told
    found = rows(db, f"SELECT {log.COLUMNS} FROM event WHERE id = ?", (container_id,))
    return log.event_of(found[0]).payload.container if found and container_id not in left_out else None


def _words(
    db: apsw.Connection, chat_id: int, kind: str, of: tuple[str, int], left_out: Collection[int]
) -> Iterator[Event[Any]]:
    """What counts of one kind about one thing, the newest first."""
    for found in db.execute(NEWEST_FIRST, (chat_id, kind, *of)):
        event = log.event_of(found)
        if event.id not in left_out and is_live(db, event.id):
            yield event
