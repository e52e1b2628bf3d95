"""The dialects of OpenAI-compatible servers: who takes which sampler setting under which name.

A server is recognised by what it says of itself under `/v1/models` (`owned_by`) or by its address; one that
is not known gets only what the standard has, because many refuse a request over a field they do not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

_STANDARD = {
    name: name
    for name in (
        "temperature",
        "top_p",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "max_tokens",
        "stop",
    )
}
_WIDER = {**_STANDARD, "top_k": "top_k", "min_p": "min_p"}
_REPEAT = {**_WIDER, "repeat_penalty": "repeat_penalty"}
_REPETITION = {**_WIDER, "repeat_penalty": "repetition_penalty"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """`samplers` maps our names to the server's. `context_route` is where it tells its context, and
    `count_route` where it counts tokens; both from the server's root."""

    name: str
    samplers: Mapping[str, str] = field(default_factory=lambda: _STANDARD)
    structured: Literal["json_schema"] | None = None
    caches_prefix: bool = False
    context_route: str = ""
    count_route: str = ""


STANDARD = Dialect("OpenAI-compatible")
LLAMA_CPP = Dialect(
    "llama.cpp", _REPEAT, "json_schema", caches_prefix=True, context_route="/props", count_route="/tokenize"
)
DIALECTS: Mapping[str, Dialect] = {
    "llamacpp": LLAMA_CPP,
    "koboldcpp": Dialect(
        "KoboldCpp",
        _REPETITION,
        caches_prefix=True,
        context_route="/api/extra/true_max_context_length",
        count_route="/api/extra/tokencount",
    ),
    "tabbyapi": Dialect(
        "TabbyAPI",
        _REPETITION,
        caches_prefix=True,
        context_route="/v1/model",
        count_route="/v1/token/encode",
    ),
    "vllm": Dialect("vLLM", _REPETITION, "json_schema", caches_prefix=True, count_route="/tokenize"),
    "organization_owner": Dialect(
        "LM Studio", _REPEAT, "json_schema", caches_prefix=True, context_route="/api/v0/models"
    ),
    "openrouter.ai": Dialect("OpenRouter", _REPETITION, "json_schema"),
    "api.featherless.ai": Dialect("Featherless", _REPETITION),
    "api.openai.com": Dialect(
        "OpenAI", {**_STANDARD, "max_tokens": "max_completion_tokens"}, "json_schema", caches_prefix=True
    ),
}


def dialect_of(base_url: str, owned_by: str) -> Dialect:
    """The dialect a server speaks, by its address or by what it calls the owner of its models."""
    host = urlsplit(base_url).hostname or ""
    return DIALECTS.get(host) or DIALECTS.get(owned_by.lower()) or STANDARD


def count_request(dialect: Dialect, model: str, text: str) -> dict[str, str]:
    """The body with which this server is asked to count a text's tokens."""
    if dialect.count_route == "/tokenize":
        return {"content": text} if dialect is LLAMA_CPP else {"model": model, "prompt": text}
    return {"prompt": text} if "tokencount" in dialect.count_route else {"text": text}


def counted(answer: object) -> int | None:
    """The count in a server's answer: a number under one of the usual names, or a list of tokens."""
    if not isinstance(answer, dict):
        return None
    for key in ("count", "length", "value"):
        if isinstance(answer.get(key), int):
            return int(answer[key])
    tokens = answer.get("tokens")
    return len(tokens) if isinstance(tokens, list) else None


_CONTEXT_KEYS = (
    "loaded_context_length",
    "n_ctx",
    "max_seq_len",
    "max_model_len",
    "context_length",
    "max_context_length",
    "value",
)


def context_in(answer: object) -> int | None:
    """The context size somewhere in what a server says of itself or of a model."""
    if not isinstance(answer, dict):
        return None
    for key in _CONTEXT_KEYS:
        if isinstance(answer.get(key), int) and answer[key] > 1:  # `true` is one
            return int(answer[key])
    inner = (answer.get(key) for key in ("default_generation_settings", "parameters", "meta", "top_provider"))
    return next((size for one in inner if (size := context_in(one)) is not None), None)
