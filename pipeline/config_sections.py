"""The sections of `config.toml` and `secrets.toml`, and the variables that stand over them: what may be said
where, and what is right.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from pipeline.inference.types import Sampler
from pipeline.prompt import ooc
from pipeline.prompt.budget import SMALLEST_REPLY, Budgets
from store.recall import TEXT_WEIGHT

HOUSE_SAMPLER = Sampler(temperature=0.8, top_p=0.95, min_p=0.05, repeat_penalty=1.1)
"""What `[sampler]` changes setting by setting: to name one leaves the others as they are."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(Section):
    """`[server]`: where the page is served."""

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535, strict=True)


class EndpointSection(Section):
    """`[endpoint.NAME]`: where a model is. Its key is in secrets.toml or the environment, never here."""

    kind: str = Field(default="openai", pattern="^(openai|ollama|embedded)$")
    base_url: str = ""
    model: str = ""
    model_path: str = ""
    api_key_env: str = ""
    context_tokens: int | None = Field(default=None, ge=512, strict=True)


class SamplerSection(Sampler):
    model_config = ConfigDict(allow_inf_nan=False)
    max_tokens: int = Field(default=512, ge=SMALLEST_REPLY, strict=True)


class ProfileSection(Section):
    """`[profile]`: which endpoint does what."""

    narrate: str = ""
    classify: str = ""
    fallback: str = ""
    embed: str = ""
    text_weight: float = Field(default=TEXT_WEIGHT, ge=0.0, le=1.0, allow_inf_nan=False)


class PromptSection(Section):
    """`[prompt]`: how prompts are laid out; auto is cache wherever the endpoint caches prefixes."""

    layout: Literal["auto", "cache", "classic"] = "auto"


class PlaySection(Section):
    """`[play]`: how a person plays. `ooc_begins` and `ooc_ends` stand around what is out of character."""

    auto_stops_on_typing: bool = Field(default=True, strict=True)
    small_model_notice: bool = Field(default=True, strict=True)
    ooc_begins: str = Field(default=ooc.BEGINS, max_length=ooc.MAX_MARK_CHARS)
    ooc_ends: str = Field(default=ooc.ENDS, max_length=ooc.MAX_MARK_CHARS, validate_default=True)

    @field_validator("ooc_begins", "ooc_ends")
    @classmethod
    def _a_mark(cls, mark: str) -> str:
        return ooc.checked_mark(mark)

    @field_validator("ooc_ends")
    @classmethod
    def _of_a_pair(cls, ends: str, info: ValidationInfo) -> str:
        begins = info.data.get("ooc_begins")
        return ends if begins is None else ooc.checked_pair(begins, ends)


class File(Section):
    server: Server = Server()
    prompt: PromptSection = PromptSection()
    play: PlaySection = PlaySection()
    endpoint: dict[str, EndpointSection] = {}
    sampler: SamplerSection = SamplerSection()
    budget: Budgets = Budgets()
    profile: ProfileSection = ProfileSection()


class ServerSecrets(Section):
    token: SecretStr | None = None


class EndpointSecrets(Section):
    api_key: SecretStr | None = None


class Secrets(Section):
    server: ServerSecrets = ServerSecrets()
    endpoint: dict[str, EndpointSecrets] = {}


class Environment(BaseModel):
    """The variables that stand over the files; an empty one counts as not set."""

    model_config = ConfigDict(frozen=True)
    FABULA_HOST: str | None = None
    FABULA_PORT: int | None = Field(default=None, ge=0, le=65535)
    FABULA_TOKEN: SecretStr | None = None
    FABULA_EMBED: str | None = None
