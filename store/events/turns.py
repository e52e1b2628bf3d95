"""Turns: what was said, by whom, and who was given the floor."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from store.events.payload import Payload, Spoken
from store.events.references import EntityId, EventId


class TurnUser(Payload):
    kind = "turn.user"
    text: Spoken


class FloorGiven(Payload):
    """Who speaks next, decided once: narration answers this event, never the turn directly."""

    kind = "floor.given"
    turn_id: EventId
    speaker_id: EntityId
    reason: str = ""
    confidence: float = Field(default=1.0, ge=0, le=1)


class TokenUsage(BaseModel):
    """What the endpoint reported; `cached_tokens` of the prompt were not read again."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None


Ending = Literal["complete", "length", "stopped", "dropped", "crashed", "shutdown", "authored"]
"""How a bot's turn came to its end; the last but one four leave `truncated` text."""


class TurnAssistant(Payload):
    """What a bot said. `answers` is the turn it answers (None for a first message)."""

    kind = "turn.assistant"
    speaker_id: EntityId
    text: Spoken
    answers: EventId | None = None
    truncated: bool = False
    ended: Ending = "complete"
    model: str = ""
    usage: TokenUsage | None = None
