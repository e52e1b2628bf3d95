"""What bots do by themselves: auto-mode, and what you may learn of a scene you were not in."""

from typing import Annotated

from pydantic import Field

from store.events.payload import Payload, Text
from store.events.references import EntityId, EventId

MAX_AUTO_TURNS = 50


class AutoModeSet(Payload):
    """The bots carry on by themselves for so many turns; 0 ends it."""

    kind = "auto.set"
    turns: Annotated[int, Field(ge=0, le=MAX_AUTO_TURNS)]


class AutoTicked(Payload):
    """A bot is to go on by itself after the turn that was the last one. One of the turns asked for is used
    up."""

    kind = "auto.ticked"
    turn_id: EventId


class DigestWritten(Payload):
    """What you could plausibly learn of a scene you were not in; those in `told_by` were."""

    kind = "digest.written"
    scene_id: EventId
    text: Text
    told_by: tuple[EntityId, ...] = ()
    drew_on: tuple[EventId, ...] = ()


class DigestEdited(Payload):
    kind = "digest.edited"
    digest_id: EventId
    text: Text


class DigestSurfaced(Payload):
    """You have learnt of it, in this scene."""

    kind = "digest.surfaced"
    digest_id: EventId
    scene_id: EventId
