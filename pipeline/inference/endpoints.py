"""Opening an endpoint from the profile a person configured."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator

from pipeline.inference.embedded import DEFAULT_CONTEXT, OWN_MODEL_CONTEXT, EmbeddedLlama
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.gguf import bundled_model, checked_model
from pipeline.inference.lines import Patience, Wire, checked_key, trusting_nobody
from pipeline.inference.metering import Meter, unmetered
from pipeline.inference.ollama import OllamaEndpoint, chat_models
from pipeline.inference.openai import PROBE_S, OpenAIEndpoint, listed_models
from pipeline.inference.types import Endpoint

DEFAULT_OLLAMA = "http://127.0.0.1:11434"
LISTS = {"openai": "models", "ollama": "/api/tags"}
"""Where a server lists its models."""
_CONNECTIONS = 16
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_KEPT_LOCAL = 2
"""Each line that waits for the next turn holds a thread of a llama.cpp server."""
_KEPT_S = 120.0


class Profile(BaseModel):
    """Where a model is and how to speak to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    kind: Literal["openai", "ollama", "embedded"]
    base_url: str = ""
    model: str = ""
    model_path: str = ""
    api_key: SecretStr | None = None
    context_tokens: int | None = None

    @field_validator("base_url")
    @classmethod
    def _complete(cls, url: str) -> str:
        """The address of a server, without what people paste along with it."""
        url = url.strip().rstrip("/").removesuffix("/chat/completions")
        if url and not _is_address(url):
            raise ValueError("must be an address that begins with http:// or https://")
        return url

    @model_validator(mode="after")
    def _has_an_address(self) -> "Profile":
        if self.kind == "openai" and not self.base_url:
            raise ValueError("an endpoint of kind openai needs a base_url")
        return self


def _is_address(url: str) -> bool:
    """Whether a request can be sent there at all; a host or port that is none would fail only then."""
    try:
        address, port = httpx.URL(url), urlsplit(url).port
    except (httpx.InvalidURL, ValueError):
        return False
    labels = address.raw_host.decode("ascii").removesuffix(".").split(".")
    return address.scheme in ("http", "https") and port != 0 and all(0 < len(one) < 64 for one in labels)


@asynccontextmanager
async def open_endpoint(
    profile: Profile, *, patience: Patience | None = None, meter: Meter = unmetered
) -> AsyncIterator[Endpoint]:
    """An endpoint that is ready to be asked; closed with the block, its child process included.

    Raises:
        Invalid: the model file or the key is none; EndpointFailed: the embedded model could not be started.
    """
    patient = patience or Patience()
    if profile.kind == "embedded":
        file = checked_model(profile.model_path) if profile.model_path else bundled_model()
        window = profile.context_tokens or (OWN_MODEL_CONTEXT if profile.model_path else DEFAULT_CONTEXT)
        async with (
            _client("http://127.0.0.1") as client,
            EmbeddedLlama.started(
                file, client, patient, name=profile.name, context_tokens=window, meter=meter
            ) as endpoint,
        ):
            yield endpoint
        return
    base_url = profile.base_url or DEFAULT_OLLAMA
    key = checked_key(profile.api_key.get_secret_value()) if profile.api_key else ""
    async with _client(base_url) as client:
        yield _remote(
            profile, Wire(profile.name, _rooted(profile.kind, base_url), client, key, patient, meter)
        )


async def models_at(profile: Profile) -> tuple[str, ...]:
    """The models a server lists; none where it has no such list, or is the embedded one.

    Raises:
        EndpointFailed: it cannot be reached, or refuses the key.
    """
    if profile.kind == "embedded":
        return ()
    base_url = profile.base_url or DEFAULT_OLLAMA
    key = checked_key(profile.api_key.get_secret_value()) if profile.api_key else ""
    async with _client(base_url) as client:
        wire = Wire(profile.name, _rooted(profile.kind, base_url), client, key)
        try:
            listed = await wire.ask("GET", LISTS[profile.kind], within_s=PROBE_S)
        except EndpointFailed as error:
            if error.status == 404:
                return ()
            raise
    return chat_models(listed) if profile.kind == "ollama" else listed_models(listed)


def _remote(profile: Profile, wire: Wire) -> Endpoint:
    opened = OllamaEndpoint if profile.kind == "ollama" else OpenAIEndpoint
    return opened(profile.name, profile.model, wire, profile.context_tokens)


def _rooted(kind: str, base_url: str) -> str:
    """A bare address gets the path that OpenAI-compatible servers share."""
    if kind == "openai" and not urlsplit(base_url).path:
        return f"{base_url}/v1"
    return base_url


def _client(base_url: str) -> httpx.AsyncClient:
    """Lines are kept for the next turn, as long as the server keeps them: a new one costs half a millisecond
    here and much more far away. No proxy stands between us and our own machine."""
    address = urlsplit(base_url)
    local = address.hostname in LOOPBACK
    limits = httpx.Limits(
        max_connections=_CONNECTIONS,
        max_keepalive_connections=_KEPT_LOCAL if local else _CONNECTIONS,
        keepalive_expiry=_KEPT_S,
    )
    trust: ssl.SSLContext | bool = address.scheme == "https" or trusting_nobody()
    return httpx.AsyncClient(trust_env=not local, limits=limits, verify=trust)
