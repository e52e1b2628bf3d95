"""What goes to an endpoint and what comes back, the same for every kind of endpoint."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length"]
M = TypeVar("M", bound=BaseModel)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(_Frozen):
    """One message of a prompt, as every chat template knows it."""

    role: Role
    content: str


class Sampler(_Frozen):
    """How the next token is chosen; None leaves a setting to the endpoint. `max_tokens` bounds the reply."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()


class Request(_Frozen):
    """`slot` pins the request to one of a llama.cpp server's slots, where the endpoint has them."""

    messages: tuple[Message, ...]
    sampler: Sampler = Sampler()
    slot: int | None = None


class Usage(_Frozen):
    """Token counts as the endpoint reports them; `cached_tokens` were not evaluated again."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a reply; the last ones carry the finish and the usage."""

    text: str = ""
    finish: Finish | None = None
    usage: Usage | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an endpoint can do; parameters it does not take are not sent."""

    streaming: bool = True
    structured: Literal["json_schema", "json_object"] | None = None
    caches_prefix: bool = False
    slots: int = 0
    tokenize: bool = False
    context_tokens: int | None = None
    samplers: frozenset[str] = frozenset()
    shares_cpu: bool = False
    """It computes on our own cores: two requests at once slow each other."""


Sent = Callable[[], None]


def ignored() -> None:
    """For those who need not know when a request is on the wire."""


Heard = Callable[[str], None]


def unheard(_answer: str) -> None:
    """For those who want the decision, and not the words it was made of."""


class Endpoint(Protocol):
    """A model behind an address. Closing the generator of `generate` ends the request upstream; `sent` is
    called when the request is on the wire and there is nothing left but to wait. `heard` is given each
    answer to a decision as it came, also what could not be read."""

    name: str
    model: str

    def generate(self, request: Request, sent: Sent = ignored) -> AsyncGenerator[Chunk, None]: ...

    async def decide(self, request: Request, schema: type[M], heard: Heard = unheard) -> M: ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]: ...

    async def probe(self) -> Capabilities: ...

    async def count_tokens(self, text: str) -> int | None: ...
