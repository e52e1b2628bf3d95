"""Relationships: the directed edges between those in a chat, what each knows, and the group as a whole."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from store.events.memory import How
from store.events.payload import Payload, ShortText

Strength = Annotated[int, Field(ge=-200, le=200)]
"""A change of affinity or trust; both lie between -100 and 100."""
MAX_FACTS = 64


class Fact(BaseModel):
    """Something an observer holds to be true of another; it may be told and false."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: ShortText = Field(min_length=1)
    how: How = "witnessed"
    from_id: int | None = None


class EdgeUpdated(Payload):
    """How `observer_id` sees `target_id` has changed. The mirror is another edge."""

    kind = "edge.updated"
    observer_id: int
    target_id: int
    affinity_delta: Strength = 0
    trust_delta: Strength = 0
    facts: Annotated[tuple[Fact, ...], Field(max_length=MAX_FACTS)] = ()
    turn_id: int | None = None
    drew_on: tuple[int, ...] = ()


class EdgeSummarized(Payload):
    """The edge in words, from its observer's point of view."""

    kind = "edge.summarized"
    observer_id: int
    target_id: int
    summary: ShortText
    drew_on: tuple[int, ...] = ()


class EdgeFactRemoved(Payload):
    kind = "edge.fact_removed"
    fact_id: int


class GroupUpdated(Payload):
    """How these entities are together. A guest who comes later is another group and inherits nothing."""

    kind = "group.updated"
    members: tuple[int, ...]
    summary: ShortText
    drew_on: tuple[int, ...] = ()
