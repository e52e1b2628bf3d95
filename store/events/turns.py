"""Turns: what was said, by whom, and who was given the floor."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from store.events.payload import Payload, Spoken
from store.events.references import EntityId, EventId


class TurnUser(Payload):
    kind = "turn.user"
    text: Spoken


class FloorGiven(Payload):
    """Who speaks next, decided once: narration answers this event, never the turn directly.

    Given again by a person's hand, it asks for another alternative of a reply: `alternative_of` is the first
    one, `extends` the one whose text is carried on. An `unprompted` speaker goes on by itself: what it says
    answers nobody.
    """

    kind = "floor.given"
    turn_id: EventId
    speaker_id: EntityId
    reason: str = ""
    confidence: float = Field(default=1.0, ge=0, le=1)
    alternative_of: EventId | None = None
    extends: EventId | None = None
    unprompted: bool = False


class TokenUsage(BaseModel):
    """What the endpoint reported; `cached_tokens` of the prompt were not read again."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None


Ending = Literal["complete", "length", "stopped", "dropped", "crashed", "shutdown", "authored"]
"""How a bot's turn came to its end; the last but one four leave `truncated` text."""


class TurnAssistant(Payload):
    """What a bot said. `answers` is the turn it answers, `unprompted_at` the floor it was given to go on by
    itself; a first message has neither. An alternative names the first one, takes its place, and stays until
    another is selected."""

    kind = "turn.assistant"
    speaker_id: EntityId
    text: Spoken
    answers: EventId | None = None
    unprompted_at: EventId | None = None
    truncated: bool = False
    ended: Ending = "complete"
    model: str = ""
    usage: TokenUsage | None = None
    alternative_of: EventId | None = None


class TurnEdited(Payload):
    """Other words for a turn, by hand. What came of the old ones stays until it is derived again."""

    kind = "turn.edited"
    turn_id: EventId
    text: Spoken


class TurnHidden(Payload):
    """A turn that is left out of view and prompt, or no longer."""

    kind = "turn.hidden"
    turn_id: EventId
    hidden: bool = True


class TurnRetracted(Payload):
    """A turn is taken out, in all its alternatives, with everything that came of it."""

    kind = "turn.retracted"
    turn_id: EventId


class TurnSelected(Payload):
    """Of several alternatives this one holds; with the others, all that came of them steps aside."""

    kind = "turn.selected"
    turn_id: EventId
