"""How the fake words its answers: OpenAI's server-sent events and Ollama's JSON lines."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fakes.behaviour import Behaviour

CONTEXT_TOKENS = 8192


@dataclass(frozen=True)
class Dialect:
    """The pieces of a streamed answer as bytes on the wire."""

    content_type: str
    sign_of_life: bytes

    def opening(self, behaviour: Behaviour) -> Iterator[bytes]:
        raise NotImplementedError

    def piece(self, text: str) -> bytes:
        raise NotImplementedError

    def closing(self, behaviour: Behaviour, asked: dict[str, Any]) -> Iterator[bytes]:
        raise NotImplementedError


class _OpenAI(Dialect):
    def opening(self, behaviour: Behaviour) -> Iterator[bytes]:
        yield _event({"role": "assistant", "content": None})
        if behaviour.thinking:
            yield _event({"reasoning_content": behaviour.thinking})

    def piece(self, text: str) -> bytes:
        return _event({"content": text})

    def closing(self, behaviour: Behaviour, asked: dict[str, Any]) -> Iterator[bytes]:
        if behaviour.finish is not None:
            yield _event({}, behaviour.finish)
        if behaviour.usage and (asked.get("stream_options") or {}).get("include_usage"):
            yield _sse({"model": "fake-model", "choices": [], "usage": _usage(behaviour, asked)})
        if behaviour.done:
            yield b"data: [DONE]\n\n"


class _Ollama(Dialect):
    def opening(self, behaviour: Behaviour) -> Iterator[bytes]:
        if behaviour.thinking:
            yield _line({"message": {"role": "assistant", "content": "", "thinking": behaviour.thinking}})

    def piece(self, text: str) -> bytes:
        return _line({"message": {"role": "assistant", "content": text}, "done": False})

    def closing(self, behaviour: Behaviour, asked: dict[str, Any]) -> Iterator[bytes]:
        if behaviour.finish is None:
            return
        last = {
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": behaviour.finish,
        }
        if behaviour.usage:
            usage = _usage(behaviour, asked)
            last |= {"prompt_eval_count": usage["prompt_tokens"], "eval_count": usage["completion_tokens"]}
        yield _line(last)


OPENAI = _OpenAI("text/event-stream", b": still here\n\n")
OLLAMA = _Ollama("application/x-ndjson", b"\n")
OF_PATH = {"/v1/chat/completions": OPENAI, "/api/chat": OLLAMA}


def about(path: str, asked: Any, model: str) -> tuple[int, Any]:
    """What a server says of itself and of its models."""
    card = {"id": model, "object": "model", "owned_by": "fake", "context_length": CONTEXT_TOKENS}
    known: dict[str, Any] = {
        "/v1/models": {"object": "list", "data": [card]},
        "/api/tags": {"models": [{"name": model, "model": model, "details": {"family": "llama"}}]},
        "/api/version": {"version": "0.12.0"},
        "/api/show": {
            "model_info": {"general.architecture": "llama", "llama.context_length": CONTEXT_TOKENS},
            "capabilities": ["completion"],
        },
    }
    if path in known:
        return 200, known[path]
    if path == "/tokenize":
        return 200, {"tokens": list(range(len(asked["content"].split())))}
    return 404, {"error": {"message": f"no such route: {path}"}}


def _usage(behaviour: Behaviour, asked: dict[str, Any]) -> dict[str, Any]:
    prompt = sum(len(str(message["content"]).split()) for message in asked.get("messages", []))
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": len(behaviour.pieces())}
    if behaviour.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": behaviour.cached_tokens}
    return usage


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _sse({"model": "fake-model", "choices": [choice]})


def _sse(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps({"model": "fake-model", **value}).encode() + b"\n"
