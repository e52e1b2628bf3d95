"""The vocabulary of the log: every way the story's state can change, as a frozen, versioned payload.

A payload says what happened, in the past tense; `Event` adds where, when and why. An entity's id is the id
of the event that created it, so a rebuild never has to invent one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from store.errors import StoreFailed

MAX_NAME_CHARS = 200
MAX_TEXT_CHARS = 100_000


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError(f"has a NUL character at position {text.index(chr(0))}; remove it and send it again")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        broken = f"has half a character (a lone surrogate) at position {error.start}"
        raise ValueError(f"{broken}; remove it and send it again") from error
    return text


def _filled(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("is empty; write at least one character")
    return text


Name = Annotated[str, AfterValidator(_storable), AfterValidator(_filled), Field(max_length=MAX_NAME_CHARS)]
Text = Annotated[str, AfterValidator(_storable), Field(max_length=MAX_TEXT_CHARS)]
Spoken = Annotated[str, AfterValidator(_storable), AfterValidator(_filled), Field(max_length=MAX_TEXT_CHARS)]


class Payload(BaseModel):
    """What happened. `kind` names it in the log; `schema_version` is bumped with an entry in `upcasts`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str] = ""
    schema_version: ClassVar[int] = 1
    upcasts: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
    """Version n → function that turns a stored payload of version n into version n + 1."""


class BotFields(Payload):
    """What a person writes about a bot; shared by authoring and editing."""

    name: Name
    aliases: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    description: Text = ""
    personality: Text = ""
    first_message: Text = ""
    post_history: Text = ""


class BotAuthored(BotFields):
    kind = "bot.authored"


class BotEdited(BotFields):
    kind = "bot.edited"
    bot_id: int


class BotArchived(Payload):
    kind = "bot.archived"
    bot_id: int


class ChatStarted(Payload):
    """A chat between you and a host; its root branch has the chat's own id."""

    kind = "chat.started"
    title: Name
    host_id: int
    you_name: Name = "You"
    you_persona: Text = ""


class ChatRenamed(Payload):
    kind = "chat.renamed"
    title: Name


class ChatArchived(Payload):
    kind = "chat.archived"


class TurnUser(Payload):
    kind = "turn.user"
    text: Spoken


class FloorGiven(Payload):
    """Who speaks next, decided once: narration answers this event, never the turn directly."""

    kind = "floor.given"
    turn_id: int
    speaker_id: int
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
    speaker_id: int
    text: Spoken
    answers: int | None = None
    truncated: bool = False
    ended: Ending = "complete"
    model: str = ""
    usage: TokenUsage | None = None


class MemoryWritten(Payload):
    """What one entity remembers of one turn; `witnesses` are the entities that perceived it (0 is you)."""

    kind = "memory.written"
    owner_id: int
    turn_id: int
    speaker_name: str
    text: Spoken
    witnesses: tuple[int, ...]


P = TypeVar("P", bound=Payload)
P_co = TypeVar("P_co", bound=Payload, covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[P_co]):
    """One line of the log. `cause_id` is the event it answers; `recorded_at` is UTC in milliseconds."""

    id: int
    chat_id: int | None
    branch_id: int | None
    payload: P_co
    cause_id: int | None
    run_id: int | None
    ordinal: int
    recorded_at: int

    @property
    def kind(self) -> str:
        return self.payload.kind


def _kinds_of(base: type[Payload]) -> dict[str, type[Payload]]:
    found: dict[str, type[Payload]] = {}
    for payload_type in base.__subclasses__():
        if payload_type.kind:
            found[payload_type.kind] = payload_type
        found.update(_kinds_of(payload_type))
    return found


KINDS: Mapping[str, type[Payload]] = _kinds_of(Payload)


def encode(payload: Payload) -> str:
    """The stored form: compact JSON, fields in declaration order."""
    return payload.model_dump_json()


def decode(kind: str, version: int, stored: str) -> Payload:
    """Read a stored payload, bringing an older version up to date first.

    Raises:
        StoreFailed: the kind or version is unknown to this Fabula, or the text does not fit its kind.
    """
    payload_type = KINDS.get(kind)
    if payload_type is None or version > payload_type.schema_version:
        raise StoreFailed(
            f"The log holds an event {kind!r} of version {version}, which this Fabula does not know.",
            hint="Start the Fabula that wrote this data folder, or a later one.",
        )
    try:
        if version == payload_type.schema_version:
            return payload_type.model_validate_json(stored)
        return payload_type.model_validate(_upcast(payload_type, version, stored))
    except pydantic.ValidationError as error:
        raise StoreFailed(
            f"A stored event {kind!r} does not fit its kind: the database is damaged or was edited by hand.",
            hint="Restore a backup of the data folder.",
            detail=str(error),
        ) from error


def _upcast(payload_type: type[Payload], version: int, stored: str) -> dict[str, Any]:
    fields = pydantic.TypeAdapter(dict[str, Any]).validate_json(stored)
    for old in range(version, payload_type.schema_version):
        fields = payload_type.upcasts[old](fields)
    return fields
