"""Discovery: which model servers already run on this machine, asked at their usual ports by their own routes.

A port proves nothing (macOS itself listens on 5000), so each is recognised by something only it answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import trio

from pipeline.inference.lines import trusting_nobody
from pipeline.inference.ollama import chat_models
from pipeline.inference.openai import model_name

LIMIT_S = 0.4
Kind = Literal["openai", "ollama"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program, its usual address, the route only it has, and how its models are listed."""

    name: str
    kind: Kind
    root: str
    sign: str
    is_it: Callable[[Any], bool]
    models_route: str = "/v1/models"
    limit_s: float = LIMIT_S
    """How long it may take to answer all that it is asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered and is what it should be. With `needs_key` it has not told its models."""

    name: str
    kind: Kind
    base_url: str
    models: tuple[str, ...]
    needs_key: bool = False


def _has(key: str) -> Callable[[Any], bool]:
    return lambda answer: isinstance(answer, dict) and key in answer


def _is_kobold(answer: object) -> bool:
    return isinstance(answer, dict) and "kobold" in str(answer.get("result", "")).lower()


def _is_tabby(answer: object) -> bool:
    return any(str(entry.get("owned_by", "")).lower() == "tabbyapi" for entry in _entries(answer))


USUAL: tuple[Candidate, ...] = (
    Candidate("Ollama", "ollama", "http://127.0.0.1:11434", "/api/tags", _has("models"), "/api/tags"),
    Candidate("llama.cpp", "openai", "http://127.0.0.1:8080", "/props", _has("default_generation_settings")),
    Candidate(
        "LM Studio", "openai", "http://127.0.0.1:1234", "/api/v0/models", _has("data"), "/api/v0/models"
    ),
    Candidate("KoboldCpp", "openai", "http://127.0.0.1:5001", "/api/extra/version", _is_kobold),
    Candidate("TabbyAPI", "openai", "http://127.0.0.1:5000", "/v1/models", _is_tabby),
)
_MAY_WANT_A_KEY = ("llama.cpp", "TabbyAPI")


async def discover(candidates: Sequence[Candidate] = USUAL) -> list[Found]:
    """Ask all of them at once; whoever does not answer within its limit is not there."""
    found: dict[str, Found] = {}
    longest_s = max((one.limit_s for one in candidates), default=LIMIT_S)
    async with httpx.AsyncClient(trust_env=False, timeout=longest_s, verify=trusting_nobody()) as client:

        async def ask(candidate: Candidate) -> None:
            with trio.move_on_after(candidate.limit_s):
                here = await _ask(client, candidate)
                if here is not None:
                    found[candidate.name] = here

        async with trio.open_nursery() as nursery:
            for candidate in candidates:
                nursery.start_soon(ask, candidate)
    return [found[candidate.name] for candidate in candidates if candidate.name in found]


async def _ask(client: httpx.AsyncClient, candidate: Candidate) -> Found | None:
    base_url = candidate.root if candidate.kind == "ollama" else f"{candidate.root}/v1"
    try:
        sign = await client.get(candidate.root + candidate.sign)
        if sign.status_code == 401 and candidate.name in _MAY_WANT_A_KEY:
            health = (await client.get(f"{candidate.root}/health")).json()
            return (
                Found(candidate.name, candidate.kind, base_url, (), True) if _has("status")(health) else None
            )
        if sign.status_code != 200 or not candidate.is_it(sign.json()):
            return None
        listed = (await client.get(candidate.root + candidate.models_route)).json()
    except (httpx.HTTPError, ValueError, RecursionError):
        return None
    models = chat_models(listed) if candidate.kind == "ollama" else _talking(listed)
    return Found(candidate.name, candidate.kind, base_url, models)


def _talking(listed: object) -> tuple[str, ...]:
    """The models in a list that can talk, those in memory first."""
    entries = [entry for entry in _entries(listed) if not str(entry.get("type", "")).startswith("embedding")]
    entries.sort(key=lambda entry: entry.get("state", "loaded") != "loaded")
    names = (model_name(entry.get("id")) for entry in entries)
    return tuple(name for name in names if name)


def _entries(listed: object) -> list[dict[str, Any]]:
    entries = listed.get("data") if isinstance(listed, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
