"""OpenAI-compatible endpoints: llama.cpp, vLLM, LM Studio, TabbyAPI, KoboldCpp and hosted services."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.inference import errors
from pipeline.inference.body import clean
from pipeline.inference.decide import JsonSchema, decided
from pipeline.inference.dialects import (
    LLAMA_CPP,
    STANDARD,
    Dialect,
    context_in,
    count_request,
    counted,
    dialect_of,
)
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.lines import Wire
from pipeline.inference.reading import (
    Reading,
    finish_of,
    integer,
    parsed,
    reply,
    reported,
    text_of,
    vectors,
    whole,
)
from pipeline.inference.types import (
    Capabilities,
    Chunk,
    Heard,
    M,
    Request,
    Sent,
    Usage,
    ignored,
    unheard,
)

PROBE_S = 5.0
_SSE_FIELDS = (":", "event:", "id:", "retry:")


@dataclass
class OpenAIEndpoint:
    """A server that speaks OpenAI's chat completions. `probe` learns its dialect, its context and, where no
    model is named, which it has; until then only what the standard has is sent."""

    name: str
    model: str
    wire: Wire
    context_tokens: int | None = None
    dialect: Dialect = STANDARD
    slots: int = 0

    @property
    def capabilities(self) -> Capabilities:
        """What is known so far."""
        return Capabilities(
            structured=self.dialect.structured,
            caches_prefix=self.dialect.caches_prefix,
            slots=self.slots,
            tokenize=bool(self.dialect.count_route),
            context_tokens=self.context_tokens,
            samplers=frozenset(self.dialect.samplers),
        )

    def generate(self, request: Request, sent: Sent = ignored) -> AsyncGenerator[Chunk, None]:
        """The reply, chunk by chunk; closing the generator ends the request upstream."""
        return reply(self.wire, "chat/completions", self.body(request), _Events(self.name), sent)

    async def decide(self, request: Request, schema: type[M], heard: Heard = unheard) -> M:
        """A decision as a validated model; the default for an EndpointFailed is the caller's."""

        async def complete(asked: Request, constraint: JsonSchema | None) -> str:
            body = self.body(asked)
            if constraint is not None:
                named = {"name": schema.__name__, "schema": constraint, "strict": True}
                body["response_format"] = {"type": "json_schema", "json_schema": named}
            return await whole(self.wire, "chat/completions", body, _Events(self.name))

        return await decided(
            complete,
            request,
            schema,
            self.name,
            constrain=self.dialect.structured is not None,
            timeout_s=self.wire.patience.decide_s,
            heard=heard,
        )

    def body(self, request: Request) -> dict[str, Any]:
        """The request as this server takes it; settings it does not know are left out."""
        sampler = request.sampler.model_dump(exclude_none=True)
        names = self.dialect.samplers
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": one.role, "content": one.content} for one in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            **{names[ours]: value for ours, value in sampler.items() if ours in names and value != ()},
        }
        if self.slots:
            body["cache_prompt"] = True
            if request.slot is not None and request.slot < self.slots:
                body["id_slot"] = request.slot
        return body

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, in their order."""
        return await vectors(self.wire, "embeddings", self.model, texts, _in_order)

    async def probe(self) -> Capabilities:
        """Ask the server what it is and what it has; what a person configured stands.

        Raises:
            EndpointFailed: it cannot be reached, or refuses the key.
        """
        card = await self._card()
        self.model = self.model or text_of(card.get("id"))
        if self.dialect is STANDARD:
            self.dialect = dialect_of(self.wire.base_url, text_of(card.get("owned_by")))
        told = await self._optional(self.dialect.context_route)
        if self.dialect is LLAMA_CPP:
            self.slots = integer(told.get("total_slots")) or 1
        self.context_tokens = (
            self.context_tokens or context_in(_entry(told, self.model) or told) or context_in(card)
        )
        return self.capabilities

    async def count_tokens(self, text: str) -> int | None:
        """The exact count where the server can tell it, else None."""
        if not self.dialect.count_route:
            return None
        body = count_request(self.dialect, self.model, text)
        try:
            answer = await self.wire.ask("POST", self.dialect.count_route, body, within_s=PROBE_S)
        except EndpointFailed:
            return None
        return counted(answer)

    async def _card(self) -> dict[str, Any]:
        """What the server lists of our model, or of its first; nothing where it has no such list."""
        try:
            listed = await self.wire.ask("GET", "models", within_s=PROBE_S)
        except EndpointFailed as error:
            if error.status == 404:
                return {}
            raise
        return _entry(listed, self.model) or _entry(listed, "") or {}

    async def _optional(self, route: str) -> dict[str, Any]:
        if not route:
            return {}
        try:
            told = await self.wire.ask("GET", route, within_s=PROBE_S)
        except EndpointFailed:
            return {}
        return told if isinstance(told, dict) else {}


def listed_models(listed: object) -> tuple[str, ...]:
    """The names in a server's list of models."""
    entries = listed.get("data") if isinstance(listed, dict) else None
    named = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return tuple(name for entry in named if (name := model_name(entry.get("id"))))


def _entry(listed: object, model: str) -> dict[str, Any] | None:
    """The entry of a model in a list of them; without a name, the first."""
    entries = listed.get("data") if isinstance(listed, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (not model or entry.get("id") == model):
            return entry
    return None


def _in_order(told: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    return [one["embedding"] for one in sorted(told["data"], key=lambda one: one["index"])]


class _Events(Reading):
    """Server-sent events of one chat completion, or the one JSON document of a server that cannot stream."""

    def feed(self, line: str) -> Chunk | None:
        data = self._data(line)
        if data is None:
            return None
        if data == "[DONE]":
            self.over = True
            return None
        return self._chunk(parsed(self.name, data))

    def _data(self, line: str) -> str | None:
        """What a line carries; comments are a server's way of saying it is still there."""
        if line.startswith(_SSE_FIELDS):
            return None
        if line.startswith(("{", "error:")):
            return line.removeprefix("error:").strip()
        if not line.startswith("data:"):
            raise errors.garbled(self.name, line)
        return line[5:].strip()

    def _chunk(self, event: dict[str, Any]) -> Chunk:
        if event.get("error") or event.get("object") == "error":
            raise reported(self.name, event.get("error") or event)
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        told = choice.get("delta") or choice.get("message")
        said = told if isinstance(told, dict) else {}
        text = self.said(said.get("content"), _thinking(said))
        finish = finish_of(self.name, choice.get("finish_reason"))
        self.finish = finish or self.finish
        return Chunk(text, finish, _usage(event.get("usage")), model_name(event.get("model")))


def _thinking(said: dict[str, Any]) -> str:
    return text_of(said.get("reasoning_content")) or text_of(said.get("reasoning"))


def _usage(told: object) -> Usage | None:
    if not isinstance(told, dict):
        return None
    details = told.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        prompt_tokens=integer(told.get("prompt_tokens")),
        completion_tokens=integer(told.get("completion_tokens")),
        cached_tokens=None if cached is None else integer(cached),
    )


def model_name(told: object) -> str | None:
    """A model's name; llama.cpp gives the path of its file, and a person's folders are nobody's business."""
    name = clean(text_of(told))
    if name.lower().endswith(".gguf"):
        name = name.replace("\\", "/").rpartition("/")[2].removesuffix(".gguf")
    return name or None
