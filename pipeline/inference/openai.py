"""OpenAI-compatible endpoints: llama.cpp, vLLM, LM Studio, TabbyAPI, KoboldCpp and hosted services."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.inference import errors
from pipeline.inference.decide import decided
from pipeline.inference.lines import Wire, clean
from pipeline.inference.types import Capabilities, Chunk, Finish, M, Request, Usage

STANDARD_SAMPLERS = frozenset(
    {"temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "max_tokens", "stop"}
)
LLAMA_SAMPLERS = STANDARD_SAMPLERS | {"top_k", "min_p", "repeat_penalty"}
LLAMA = Capabilities(
    structured="json_schema", caches_prefix=True, slots=1, tokenize=True, samplers=LLAMA_SAMPLERS
)


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Delta(_Loose):
    content: str | None = None


class _Choice(_Loose):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Cached(_Loose):
    cached_tokens: int | None = None


class _Used(_Loose):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None


class _Piece(_Loose):
    """One `data:` line of a stream, as far as we read it."""

    choices: tuple[_Choice, ...] = ()
    usage: _Used | None = None
    model: str | None = None
    error: Any = None


@dataclass
class OpenAIEndpoint:
    """`capabilities` narrows what is sent; call `probe` once to learn them from the server itself."""

    name: str
    model: str
    wire: Wire
    capabilities: Capabilities

    async def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        body = self._body(request) | {"stream": True, "stream_options": {"include_usage": True}}
        finished = False
        async with aclosing(self.wire.lines("/chat/completions", body)) as lines:
            async for line in lines:
                if not line.startswith("data:"):
                    self._refuse_if_strange(line)
                    continue
                data = line[5:].strip()
                if data == "[DONE]":
                    return
                chunk = self._chunk(data)
                finished = finished or chunk.finish is not None
                yield chunk
        if not finished:
            raise errors.dropped(self.name, "the stream ended without a finish")

    def _refuse_if_strange(self, line: str) -> None:
        if not line.startswith((":", "event:", "id:", "retry:")):
            raise errors.garbled(self.name, line)

    def _chunk(self, data: str) -> Chunk:
        try:
            piece = _Piece.model_validate_json(data)
        except ValidationError as error:
            piece = self._forgiven(data, error)
        if piece.error is not None:
            raise self._reported(piece.error)
        choice = piece.choices[0] if piece.choices else _Choice()
        usage = piece.usage
        cached = usage.prompt_tokens_details.cached_tokens if usage and usage.prompt_tokens_details else None
        return Chunk(
            text=clean(choice.delta.content or ""),
            finish=_finish(choice.finish_reason),
            usage=Usage(
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                cached_tokens=cached,
            )
            if usage
            else None,
            model=piece.model,
        )

    def _forgiven(self, data: str, error: ValidationError) -> _Piece:
        """Lone surrogates are an escape Python's parser allows and pydantic's does not; clean and go on."""
        try:
            return _Piece.model_validate_json(json.dumps(_cleaned(json.loads(data))))
        except (ValueError, ValidationError):
            raise errors.garbled(self.name, data) from error

    def _reported(self, error: object) -> errors.EndpointFailed:
        """An error object inside a stream that began well."""
        told = error if isinstance(error, dict) else {"message": str(error)}
        code = told.get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        return errors.from_status(self.name, status, str(told.get("message", told)), {})

    def _body(self, request: Request) -> dict[str, Any]:
        sampler = request.sampler.model_dump(exclude_none=True)
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [message.model_dump() for message in request.messages],
            **{
                key: value
                for key, value in sampler.items()
                if key in self.capabilities.samplers and value != ()
            },
        }
        if self.capabilities.slots:
            body["cache_prompt"] = True
        if request.slot is not None and request.slot < self.capabilities.slots:
            body["id_slot"] = request.slot
        return body

    async def decide(self, request: Request, schema: type[M]) -> M:
        async def complete(asked: Request) -> str:
            body = self._body(asked)
            if self.capabilities.structured == "json_schema":
                described = {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": True}
                body["response_format"] = {"type": "json_schema", "json_schema": described}
            answer = await self.wire.answer("/chat/completions", body)
            try:
                return str(answer["choices"][0]["message"]["content"])
            except (KeyError, IndexError, TypeError) as error:
                raise errors.garbled(self.name, json.dumps(answer)) from error

        return await decided(complete, request, schema, self.name)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        answer = await self.wire.answer("/embeddings", {"model": self.model, "input": list(texts)})
        try:
            return [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]
        except (KeyError, TypeError) as error:
            raise errors.garbled(self.name, json.dumps(answer)) from error

    async def probe(self) -> Capabilities:
        """Ask the server what it is: llama.cpp and its kin say so under /props, others list their models."""
        if not self.model:
            self.model = await self._first_model()
        props = await self._get(f"{self.wire.base_url.removesuffix('/v1')}/props")
        settings = props.get("default_generation_settings") if isinstance(props, dict) else None
        if isinstance(settings, dict) and isinstance(settings.get("n_ctx"), int):
            slots = props.get("total_slots", 1) if isinstance(props, dict) else 1
            self.capabilities = Capabilities(
                structured=LLAMA.structured,
                caches_prefix=True,
                slots=int(slots),
                tokenize=True,
                context_tokens=self.capabilities.context_tokens or settings["n_ctx"],
                samplers=LLAMA_SAMPLERS,
            )
        return self.capabilities

    async def _first_model(self) -> str:
        listed = await self._get(f"{self.wire.base_url}/models")
        data = listed.get("data") if isinstance(listed, dict) else None
        return str(data[0].get("id", "")) if data else ""

    async def _get(self, url: str) -> Any:  # noqa: ANN401 - whatever JSON the server has there
        try:
            response = await self.wire.client.get(url, headers=dict(self.wire.headers), timeout=3)
            return response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            return None

    async def count_tokens(self, text: str) -> int | None:
        if not self.capabilities.tokenize:
            return None
        root = self.wire.base_url.removesuffix("/v1")
        try:
            response = await self.wire.client.post(
                f"{root}/tokenize", json={"content": text}, headers=dict(self.wire.headers), timeout=3
            )
            return len(response.json()["tokens"])
        except (httpx.HTTPError, ValueError, KeyError):
            return None


def _finish(reason: str | None) -> Finish | None:
    if reason is None:
        return None
    return "length" if reason in ("length", "max_tokens") else "stop"


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {key: _cleaned(one) for key, one in value.items()}
    return value
