"""Opening an endpoint from the profile a person configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator

from pipeline.inference.embedded import EmbeddedLlama, bundled_model, checked_model
from pipeline.inference.lines import Patience, Wire
from pipeline.inference.ollama import OllamaEndpoint
from pipeline.inference.openai import STANDARD_SAMPLERS, OpenAIEndpoint
from pipeline.inference.types import Capabilities, Endpoint

DEFAULT_OLLAMA = "http://127.0.0.1:11434"


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
        """A bare address gets the path that OpenAI-compatible servers share."""
        url = url.rstrip("/")
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("must begin with http:// or https://")
        return url

    @model_validator(mode="after")
    def _has_an_address(self) -> "Profile":
        if self.kind == "openai" and not self.base_url:
            raise ValueError("an endpoint of kind openai needs a base_url")
        return self


@asynccontextmanager
async def open_endpoint(profile: Profile, *, patience: Patience | None = None) -> AsyncIterator[Endpoint]:
    """An endpoint that is ready to be asked; closed with the block, its child process included.

    Raises:
        Invalid: the model file is none; EndpointFailed: the embedded model could not be started.
    """
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=16)) as client:
        if profile.kind == "embedded":
            path = checked_model(profile.model_path) if profile.model_path else bundled_model()
            async with EmbeddedLlama.started(path, client, patience or Patience()) as endpoint:
                yield endpoint
        else:
            yield _remote(profile, client, patience or Patience())


def _remote(profile: Profile, client: httpx.AsyncClient, patience: Patience) -> Endpoint:
    headers = {}
    if profile.api_key is not None:
        headers["Authorization"] = f"Bearer {profile.api_key.get_secret_value()}"
    if profile.kind == "ollama":
        wire = Wire(profile.name, profile.base_url or DEFAULT_OLLAMA, client, headers, patience)
        capabilities = Capabilities(structured="json_schema", context_tokens=profile.context_tokens)
        return OllamaEndpoint(profile.name, profile.model, wire, capabilities)
    base_url = profile.base_url
    if not urlsplit(base_url).path:
        base_url = f"{base_url}/v1"
    wire = Wire(profile.name, base_url, client, headers, patience)
    capabilities = Capabilities(context_tokens=profile.context_tokens, samplers=STANDARD_SAMPLERS)
    return OpenAIEndpoint(profile.name, profile.model, wire, capabilities)
