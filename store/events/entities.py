"""Entities: the state of body and mind of each who is present. None leaves a thing as it was."""

from typing import Annotated

from pydantic import Field

from store.events.payload import Name, Payload, ShortText
from store.events.references import EntityId


class EntityChanged(Payload):
    kind = "entity.changed"
    entity_id: EntityId
    mood: ShortText | None = None
    goals: ShortText | None = None
    status: ShortText | None = None


class ActivityChanged(Payload):
    """What an entity is doing, and in which slot of the container it does it."""

    kind = "activity.changed"
    entity_id: EntityId
    activity: ShortText
    slot: ShortText | None = None


class InventoryChanged(Payload):
    kind = "inventory.changed"
    entity_id: EntityId
    gained: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    lost: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
