"""Ollama's own API: newline-delimited JSON, and a context size it must be told to use.

Left to itself, Ollama cuts a prompt that exceeds its default window without a word, so every request says how
large a window it needs.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.inference import errors
from pipeline.inference.decide import JsonSchema, decided
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

LARGEST_CONTEXT = 16_384
"""Ollama reserves memory for the whole context it is asked for, so a model's full 128K is not a default."""
PROBE_S = 5.0
_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repeat_penalty": "repeat_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "max_tokens": "num_predict",
    "stop": "stop",
}


@dataclass
class OllamaEndpoint:
    """A model that Ollama serves."""

    name: str
    model: str
    wire: Wire
    context_tokens: int | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What is known so far."""
        return Capabilities(
            structured="json_schema",
            caches_prefix=True,
            context_tokens=self.context_tokens,
            samplers=frozenset(_OPTIONS),
        )

    def generate(self, request: Request, sent: Sent = ignored) -> AsyncGenerator[Chunk, None]:
        """The reply, chunk by chunk; closing the generator ends the request upstream."""
        return reply(self.wire, "/api/chat", self.body(request), _Lines(self.name), sent)

    async def decide(self, request: Request, schema: type[M], heard: Heard = unheard) -> M:
        """A decision as a validated model; the default for an EndpointFailed is the caller's."""

        async def complete(asked: Request, constraint: JsonSchema | None) -> str:
            form = {"format": constraint} if constraint is not None else {}
            return await whole(self.wire, "/api/chat", {**self.body(asked), **form}, _Lines(self.name))

        return await decided(
            complete,
            request,
            schema,
            self.name,
            constrain=True,
            timeout_s=self.wire.patience.decide_s,
            heard=heard,
        )

    def body(self, request: Request) -> dict[str, Any]:
        """The request as Ollama takes it."""
        sampler = request.sampler.model_dump(exclude_none=True)
        options = {_OPTIONS[ours]: value for ours, value in sampler.items() if value != ()}
        if self.context_tokens:
            options["num_ctx"] = self.context_tokens
        messages = [{"role": one.role, "content": one.content} for one in request.messages]
        return {"model": self.model, "messages": messages, "options": options, "stream": True}

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, in their order."""
        return await vectors(self.wire, "/api/embed", self.model, texts, lambda told: told["embeddings"])

    async def probe(self) -> Capabilities:
        """Learn which model there is and its context; what a person configured stands.

        Raises:
            EndpointFailed: Ollama cannot be reached, or does not have the model.
        """
        self.model = self.model or await self._first_model()
        shown = await self.wire.ask("POST", "/api/show", {"model": self.model}, within_s=PROBE_S)
        known = _context_of(shown)
        if self.context_tokens is None and known is not None:
            self.context_tokens = min(known, LARGEST_CONTEXT)
        return self.capabilities

    async def count_tokens(self, text: str) -> int | None:
        """Ollama does not count."""
        return None

    async def _first_model(self) -> str:
        listed = await self.wire.ask("GET", "/api/tags", within_s=PROBE_S)
        models = chat_models(listed)
        if not models:
            raise errors.from_status(self.name, 404, "Ollama has no model yet.", {})
        return models[0]


def chat_models(listed: object) -> tuple[str, ...]:
    """The models in Ollama's list that can talk; embedding models (the BERT family) are left out."""
    entries = listed.get("models") if isinstance(listed, dict) else None
    return tuple(
        text_of(entry.get("name"))
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and entry.get("name") and "bert" not in _family(entry)
    )


def _family(entry: dict[str, Any]) -> str:
    details = entry.get("details")
    return text_of(details.get("family")) if isinstance(details, dict) else ""


def _context_of(shown: object) -> int | None:
    info = shown.get("model_info") if isinstance(shown, dict) else None
    for key, value in info.items() if isinstance(info, dict) else ():
        if key.endswith(".context_length") and isinstance(value, int) and value > 0:
            return value
    return None


class _Lines(Reading):
    """The JSON lines of one chat reply."""

    def feed(self, line: str) -> Chunk | None:
        event = parsed(self.name, line)
        if event.get("error"):
            raise reported(self.name, event["error"])
        message = event.get("message")
        said = message if isinstance(message, dict) else {}
        text = self.said(said.get("content"), said.get("thinking"))
        if not event.get("done"):
            return Chunk(text, model=text_of(event.get("model")) or None)
        self.over = True
        self.finish = finish_of(self.name, event.get("done_reason") or "stop")
        return Chunk(text, self.finish, _usage(event), text_of(event.get("model")) or None)


def _usage(event: dict[str, Any]) -> Usage | None:
    if not event.get("prompt_eval_count"):
        return None
    return Usage(
        prompt_tokens=integer(event["prompt_eval_count"]), completion_tokens=integer(event.get("eval_count"))
    )
