"""Relationships: the directed edges between those in a chat, what each knows, and the group as a whole."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from store.events.memory import How
from store.events.payload import Payload, ShortText
from store.events.references import EntityId, EventId, FactId

Strength = Annotated[int, Field(ge=-200, le=200)]
"""A change of affinity or trust; both lie between -100 and 100."""
MAX_FACTS = 64


class Fact(BaseModel):
    """Something an observer holds to be true of another; it may be told and false."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: ShortText = Field(min_length=1)
    how: How = "witnessed"
    from_id: EntityId | None = None


class EdgeUpdated(Payload):
    """How `observer_id` sees `target_id` has changed. The mirror is another edge."""

    kind = "edge.updated"
    observer_id: EntityId
    target_id: EntityId
    affinity_delta: Strength = 0
    trust_delta: Strength = 0
    facts: Annotated[tuple[Fact, ...], Field(max_length=MAX_FACTS)] = ()
    turn_id: EventId | None = None
    drew_on: tuple[EventId, ...] = ()


class EdgeSummarized(Payload):
    """The edge in words, from its observer's point of view."""

    kind = "edge.summarized"
    observer_id: EntityId
    target_id: EntityId
    summary: ShortText
    drew_on: tuple[EventId, ...] = ()


class EdgeFactRemoved(Payload):
    kind = "edge.fact_removed"
    fact_id: FactId


class GroupUpdated(Payload):
    """How these entities are together. A guest who comes later is another group and inherits nothing."""

    kind = "group.updated"
    members: tuple[EntityId, ...]
    summary: ShortText
    drew_on: tuple[EventId, ...] = ()
