"""Ollama's own API: newline-delimited JSON, and a context size it must be told to use."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.inference import errors
from pipeline.inference.decide import decided
from pipeline.inference.lines import Wire, clean
from pipeline.inference.types import Capabilities, Chunk, M, Request, Usage

LARGEST_CONTEXT = 16_384
"""Ollama reserves memory for the whole context it is asked for, so a model's full 128K is not a default."""


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore")
    content: str = ""


class _Line(BaseModel):
    """One line of a chat stream, as far as we read it."""

    model_config = ConfigDict(extra="ignore")
    message: _Said = _Said()
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int = 0
    eval_count: int = 0
    model: str | None = None
    error: str | None = None


@dataclass
class OllamaEndpoint:
    name: str
    model: str
    wire: Wire
    capabilities: Capabilities

    async def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        async with aclosing(self.wire.lines("/api/chat", self._body(request) | {"stream": True})) as lines:
            async for line in lines:
                chunk = self._chunk(line)
                yield chunk
                if chunk.finish is not None:
                    return
        raise errors.dropped(self.name, "the stream ended before it was done")

    def _chunk(self, line: str) -> Chunk:
        try:
            said = _Line.model_validate_json(line)
        except ValidationError as error:
            raise errors.garbled(self.name, line) from error
        if said.error is not None:
            raise errors.from_status(self.name, 500, said.error, {})
        if not said.done:
            return Chunk(text=clean(said.message.content), model=said.model)
        usage = Usage(prompt_tokens=said.prompt_eval_count, completion_tokens=said.eval_count)
        finish = "length" if said.done_reason == "length" else "stop"
        return Chunk(
            clean(said.message.content), "length" if finish == "length" else "stop", usage, said.model
        )

    def _body(self, request: Request) -> dict[str, Any]:
        sampler = request.sampler.model_dump(exclude_none=True, exclude={"max_tokens"})
        options = {key: value for key, value in sampler.items() if value != ()}
        options["num_predict"] = request.sampler.max_tokens
        if self.capabilities.context_tokens:
            options["num_ctx"] = self.capabilities.context_tokens
        messages = [message.model_dump() for message in request.messages]
        return {"model": self.model, "messages": messages, "options": options}

    async def decide(self, request: Request, schema: type[M]) -> M:
        async def complete(asked: Request) -> str:
            body = self._body(asked) | {"stream": False, "format": schema.model_json_schema()}
            answer = await self.wire.answer("/api/chat", body)
            message = answer.get("message")
            if not isinstance(message, dict):
                raise errors.garbled(self.name, json.dumps(answer))
            return str(message.get("content", ""))

        return await decided(complete, request, schema, self.name)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        answer = await self.wire.answer("/api/embed", {"model": self.model, "input": list(texts)})
        try:
            return [list(vector) for vector in answer["embeddings"]]
        except (KeyError, TypeError) as error:
            raise errors.garbled(self.name, json.dumps(answer)) from error

    async def probe(self) -> Capabilities:
        """Learn the model's context from /api/show; what a person configured stands."""
        if self.capabilities.context_tokens is None:
            shown = await self.wire.answer("/api/show", {"model": self.model})
            info = shown.get("model_info")
            sizes = [
                value
                for key, value in (info.items() if isinstance(info, dict) else ())
                if key.endswith(".context_length") and isinstance(value, int)
            ]
            known = min(sizes[0], LARGEST_CONTEXT) if sizes else None
            self.capabilities = Capabilities(
                structured="json_schema", caches_prefix=True, context_tokens=known
            )
        return self.capabilities

    async def count_tokens(self, text: str) -> int | None:
        return None
