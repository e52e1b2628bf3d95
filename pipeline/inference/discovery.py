"""Discovery: which model servers already run on this machine, asked at their usual ports by their own routes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import trio

LIMIT_S = 0.4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program, its usual address, the route only it has, and how its models are listed."""

    name: str
    kind: Literal["openai", "ollama"]
    root: str
    sign: str
    is_it: Callable[[Any], bool]
    models_route: str = "/v1/models"


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered and is what it should be."""

    name: str
    kind: Literal["openai", "ollama"]
    base_url: str
    models: tuple[str, ...]


def _has(key: str) -> Callable[[Any], bool]:
    return lambda answer: isinstance(answer, dict) and key in answer


def _is_kobold(answer: object) -> bool:
    return isinstance(answer, dict) and "kobold" in str(answer.get("result", "")).lower()


USUAL: tuple[Candidate, ...] = (
    Candidate("Ollama", "ollama", "http://127.0.0.1:11434", "/api/tags", _has("models"), "/api/tags"),
    Candidate("llama.cpp", "openai", "http://127.0.0.1:8080", "/props", _has("default_generation_settings")),
    Candidate("LM Studio", "openai", "http://127.0.0.1:1234", "/api/v0/models", _has("data")),
    Candidate("KoboldCpp", "openai", "http://127.0.0.1:5001", "/api/extra/version", _is_kobold),
    Candidate("TabbyAPI", "openai", "http://127.0.0.1:5000", "/v1/models", _has("data")),
)


async def discover(candidates: Sequence[Candidate] = USUAL, *, limit_s: float = LIMIT_S) -> list[Found]:
    """Ask all of them at once; whoever does not answer in time is not there."""
    found: list[Found] = []
    async with httpx.AsyncClient(trust_env=False) as client:

        async def ask(candidate: Candidate) -> None:
            with trio.move_on_after(limit_s):
                here = await _ask(client, candidate)
                if here is not None:
                    found.append(here)

        async with trio.open_nursery() as nursery:
            for candidate in candidates:
                nursery.start_soon(ask, candidate)
    order = [candidate.name for candidate in candidates]
    return sorted(found, key=lambda one: order.index(one.name))


async def _ask(client: httpx.AsyncClient, candidate: Candidate) -> Found | None:
    try:
        sign = await client.get(candidate.root + candidate.sign)
        if sign.status_code != 200 or not candidate.is_it(sign.json()):
            return None
        listed = (await client.get(candidate.root + candidate.models_route)).json()
    except (httpx.HTTPError, ValueError):
        return None
    entries = listed.get("data") or listed.get("models") or [] if isinstance(listed, dict) else []
    names = [str(one.get("id") or one.get("name") or "") for one in entries if isinstance(one, dict)]
    base_url = candidate.root if candidate.kind == "ollama" else f"{candidate.root}/v1"
    return Found(candidate.name, candidate.kind, base_url, tuple(name for name in names if name))
