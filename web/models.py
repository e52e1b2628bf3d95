"""What the JSON interface takes and gives; the OpenAPI document is made of these."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from store.events import Name, Text

MAX_ID_DIGITS = 18
"""Ids are SQLite integers; every number of so many digits fits into one."""
MAX_ID = 10**MAX_ID_DIGITS - 1
Id = Annotated[int, Field(ge=0, le=MAX_ID)]


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class BotOut(Out):
    id: int
    name: str
    aliases: tuple[str, ...]
    description: str
    personality: str
    first_message: str
    post_history: str
    archived: bool


class ChatIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    host_id: int = Field(ge=1, le=MAX_ID, description="The bot you play with")
    title: str = Field(default="", max_length=200)
    you_name: Name = "You"
    you_persona: Text = ""
    opening: Text = Field(default="", description="Where, when and how it begins; to be confirmed")
    guest_id: int | None = Field(default=None, ge=1, le=MAX_ID, description="A second bot, from the start")
    met: Text = Field(default="", description="Whether host and guest know each other, in your words")


class ChatOut(Out):
    id: int
    title: str
    host_id: int
    guest_id: int | None
    begun: bool = Field(description="False while its opening is not agreed on")
    you_name: str
    you_persona: str
    turns: int
    archived: bool
    changed_at: int = Field(description="UTC, milliseconds")


class TurnIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str


class TurnOut(Out):
    id: int
    chat_id: int
    anchor_id: int = Field(description="The turn that began this exchange; order is by it, then by id")
    speaker_id: int | None = Field(description="A bot, or null for you")
    text: str
    answers: int | None
    truncated: bool
    ended: str
    model: str
    run_id: int | None
    recorded_at: int
    hidden: bool = Field(description="Left out of view and prompt")
    edited: bool = Field(description="Its words are not the ones it was written with")
    alternatives: list[int] = Field(description="All alternatives of a reply, itself among them, or none")


class SentOut(Out):
    event_id: int
    behind: int = Field(description="Replies that come before the one to this turn")
    repeated: bool = Field(description="The Idempotency-Key was known: this is the first answer again")


class CountOut(BaseModel):
    changed: int


class IdOut(BaseModel):
    id: int


class ErrorText(BaseModel):
    what: str
    means: str
    do: str
    detail: str


class ErrorOut(BaseModel):
    error: ErrorText


class RunOut(Out):
    id: int
    stage: str
    event_id: int
    chat_id: int
    generation: int
    state: Literal["waiting", "ready", "running", "backoff", "done", "dead", "cancelled"]
    attempt: int
    crashes: int
    due: int
    enqueued_at: int
    started_at: int | None
    finished_at: int | None
    error_class: str | None
    error: ErrorText | None


class HealthOut(BaseModel):
    ready: bool
    working: bool = Field(description="Whether this process also runs stages")
    model: str
    embedder: str = Field(description="The model that memories are found by; empty: by their words alone")
    notices: list[str] = Field(description="What works less well than it could, and why")
    trouble: list[str]


class EndpointIn(BaseModel):
    """An endpoint that shall narrate. What is sent here may hold a key, so no error repeats it."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(
        default="",
        pattern="^([A-Za-z0-9][A-Za-z0-9_-]{0,39})?$",
        description="What config.toml calls it; by default the name it has there, or its host",
    )
    kind: Literal["openai", "ollama", "embedded"] = "openai"
    base_url: Text = Field(default="", max_length=2000, description="Not needed for embedded")
    model: Text = Field(default="", max_length=300, description="By default the server's first")
    api_key: SecretStr | None = Field(default=None, description="Kept in secrets.toml and never shown")


class NarratorOut(Out):
    """What narrates, or is about to."""

    name: str
    kind: Literal["openai", "ollama", "embedded"]
    base_url: str
    model: str
    state: Literal["ready", "loading", "failed", "elsewhere"] = Field(
        description="elsewhere: this process only serves; a worker begins with this at its next start"
    )


class FoundOut(Out):
    """A model server of this machine."""

    name: str
    kind: Literal["openai", "ollama"]
    base_url: str
    models: tuple[str, ...]
    needs_key: bool = Field(description="It has not told its models, because it wants a key first")


class EndpointsOut(Out):
    narrator: NarratorOut | None
    notice: str = Field(description="What a person should know about the narrator; empty when all is well")
    found: tuple[FoundOut, ...]
