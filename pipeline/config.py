"""Configuration: `data/config.toml`, the environment over it, keys in a file of their own.

Everything is checked when it is read, and an error names the file, the key and what would be right.
"""

from collections.abc import Mapping

import tomlkit
from pydantic import BaseModel, ConfigDict, SecretStr

from pipeline.config_endpoints import check_embeds, known, secrets_of
from pipeline.config_file import parsed, validated
from pipeline.config_paths import DataPaths
from pipeline.config_sections import (
    HOUSE_SAMPLER,
    Environment,
    File,
    PlaySection,
    PromptSection,
    Secrets,
    Server,
)
from pipeline.inference.embedder import BUNDLED, MODEL, OFF, Choice
from pipeline.inference.endpoints import LOOPBACK, Profile
from pipeline.inference.types import Sampler
from pipeline.prompt.budget import Budgets
from store.errors import Invalid
from store.recall import TEXT_WEIGHT


class Config(BaseModel):
    """What a program starts from. `token` is needed by whoever visits from another machine."""

    model_config = ConfigDict(frozen=True)
    server: Server
    sampler: Sampler
    budget: Budgets
    prompt: PromptSection
    play: PlaySection
    narrator: Profile | None
    classifier: Profile | None = None
    """Who answers structured decisions; None: the narrator."""
    fallback: Profile | None = None
    """Who is asked once when a decision is refused."""
    embed: Choice = BUNDLED
    text_weight: float = TEXT_WEIGHT
    token: SecretStr | None

    def check_open(self, host: str) -> None:
        """Refuse an address that lets other machines in without a token."""
        if host not in LOOPBACK and self.token is None:
            raise Invalid(
                f"The host {host!r} would let other machines in, and no token is set.",
                hint="Set FABULA_TOKEN, or a token under [server] in secrets.toml, or use 127.0.0.1.",
            )


def load(paths: DataPaths, environ: Mapping[str, str]) -> Config:
    """Read the configuration; a missing file means the defaults.

    Raises:
        Invalid: a key or value is wrong, or the host is open to others without a token.
    """
    return config_of(parsed(paths.config), paths, environ)


def config_of(document: tomlkit.TOMLDocument, paths: DataPaths, environ: Mapping[str, str]) -> Config:
    """What a program would start from if this were config.toml."""
    read = validated(File, document, paths.config)
    secrets = secrets_of(paths)
    over = validated(Environment, {key: value for key, value in environ.items() if value}, "The environment")
    given = {"host": over.FABULA_HOST, "port": over.FABULA_PORT}
    token = over.FABULA_TOKEN or secrets.server.token
    config = Config(
        server=read.server.model_copy(
            update={key: value for key, value in given.items() if value is not None}
        ),
        sampler=HOUSE_SAMPLER.model_copy(update=read.sampler.model_dump(exclude_unset=True)),
        budget=_budget(read, paths),
        prompt=read.prompt,
        play=read.play,
        narrator=_opened(read, "narrate", secrets, environ, paths),
        classifier=_opened(read, "classify", secrets, environ, paths),
        fallback=_opened(read, "fallback", secrets, environ, paths),
        embed=_embedder(over.FABULA_EMBED or read.profile.embed, read, secrets, environ, paths),
        text_weight=read.profile.text_weight,
        token=token if token and token.get_secret_value().strip() else None,
    )
    config.check_open(config.server.host)
    return config


def _budget(read: File, paths: DataPaths) -> Budgets:
    """[sampler] max_tokens and [budget] response are one thing: the room of a reply."""
    if "max_tokens" not in read.sampler.model_fields_set:
        return read.budget
    wanted = read.sampler.max_tokens
    if "response" in read.budget.model_fields_set and read.budget.response != wanted:
        raise Invalid(
            f"{paths.config}: [sampler] max_tokens is {wanted} and [budget] response {read.budget.response};"
            " both say how long a reply may be.",
            hint="Keep one of the two.",
        )
    return read.budget.model_copy(update={"response": wanted})


def _opened(
    read: File, use: str, secrets: Secrets, environ: Mapping[str, str], paths: DataPaths
) -> Profile | None:
    """The endpoint of one use; naming the narrator for another use opens no second one."""
    name = getattr(read.profile, use)
    if not name or (use != "narrate" and name == read.profile.narrate):
        return None
    return _named(name, read, use, secrets, environ, paths)


def _embedder(
    name: str, read: File, secrets: Secrets, environ: Mapping[str, str], paths: DataPaths
) -> Choice:
    """An endpoint by its name, "off" for none, and otherwise the bundled model."""
    if name not in read.endpoint and name in ("", BUNDLED, MODEL):
        return BUNDLED
    if name not in read.endpoint and name == OFF:
        return OFF
    found = _named(name, read, "embed", secrets, environ, paths)
    check_embeds(name, read.endpoint[name], paths)
    return found


def _named(
    name: str, read: File, use: str, secrets: Secrets, environ: Mapping[str, str], paths: DataPaths
) -> Profile:
    section = read.endpoint.get(name)
    if section is None:
        there = ", ".join(sorted(read.endpoint)) or "none"
        raise Invalid(
            f"{paths.config}: [profile] {use} names the endpoint {name!r}, which is not there.",
            hint=f"Name one of these: {there}; or add [endpoint.{name}].",
        )
    return known(name, section, secrets, environ, paths).profile
