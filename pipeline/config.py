"""Configuration: `data/config.toml`, the environment over it, keys in a file of their own.

Everything is checked when it is read, and an error names the file, the key and what would be right. Rewriting
keeps a person's comments and order.
"""

import re
from collections.abc import Mapping, MutableMapping
from itertools import count
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import tomlkit
from pydantic import BaseModel, ConfigDict, SecretStr
from tomlkit.items import InlineTable

from pipeline.config_file import check_private, parsed, validated, write_whole
from pipeline.config_paths import DataPaths
from pipeline.config_sections import (
    HOUSE_SAMPLER,
    EndpointSecrets,
    EndpointSection,
    Environment,
    File,
    PlaySection,
    PromptSection,
    Secrets,
    Server,
)
from pipeline.inference.embedder import BUNDLED, MODEL, OFF, Choice
from pipeline.inference.endpoints import Profile
from pipeline.inference.types import Sampler
from pipeline.prompt.budget import Budgets
from store.errors import Conflict, Invalid
from store.recall import TEXT_WEIGHT

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_IT = "The endpoint"


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
    secrets = _secrets(paths)
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


def _secrets(paths: DataPaths) -> Secrets:
    check_private(paths.secrets)
    return validated(Secrets, parsed(paths.secrets), paths.secrets)


class Known(NamedTuple):
    """An endpoint that config.toml has, and where its key is kept, if it has one."""

    section: EndpointSection
    profile: Profile
    key_in: Literal["secrets.toml", "environment", ""]


def known_endpoints(paths: DataPaths, environ: Mapping[str, str]) -> dict[str, Known]:
    """Name → endpoint, as the next start would open it."""
    read = validated(File, parsed(paths.config), paths.config)
    secrets = _secrets(paths)
    return {name: _known(name, section, secrets, environ, paths) for name, section in read.endpoint.items()}


def _known(
    name: str, section: EndpointSection, secrets: Secrets, environ: Mapping[str, str], paths: DataPaths
) -> Known:
    given = environ.get(section.api_key_env or key_variable(name))
    stored = secrets.endpoint.get(name, EndpointSecrets()).api_key
    profile = _profile(name, section, SecretStr(given) if given else stored, paths)
    return Known(section, profile, "environment" if given else "secrets.toml" if stored else "")


class Planned(NamedTuple):
    """An endpoint as config.toml would have it, and as the next start would open it."""

    name: str
    section: EndpointSection
    profile: Profile


def plan_endpoint(
    paths: DataPaths,
    environ: Mapping[str, str],
    section: EndpointSection,
    *,
    name: str = "",
    key: str | None = None,
    suggested: str = "",
) -> Planned:
    """What `save_endpoint` would leave; nothing is written. An endpoint that the file already has at this
    address keeps its name, its key and its other settings; a new one is called `suggested`, or by its host.

    Raises:
        Invalid: the endpoint or a file is not right; Conflict: a key kept for one address would go elsewhere.
    """
    url = validated(Profile, {"name": "it", "kind": section.kind, "base_url": section.base_url}, _IT).base_url
    section = section.model_copy(update={"base_url": url})
    read = validated(File, parsed(paths.config), paths.config)
    secrets = _secrets(paths)
    name = name or _name_for(section, read.endpoint, secrets, suggested)
    there = read.endpoint.get(name)
    stored = secrets.endpoint.get(name, EndpointSecrets()).api_key
    if there is not None and _place(there) == _place(section):
        section = there.model_copy(update={"model": section.model})
    elif (stored and not key) or (there is not None and environ.get(key_variable(name))):
        raise Conflict(
            f"The key kept for {name!r} belongs to another address.",
            hint="Give this address another name, or its own key where the other is in secrets.toml.",
        )
    given = environ.get(section.api_key_env or key_variable(name)) or key
    return Planned(name, section, _profile(name, section, SecretStr(given) if given else stored, paths))


def _name_for(
    section: EndpointSection, known: Mapping[str, EndpointSection], secrets: Secrets, suggested: str
) -> str:
    """The name the file has for this address, else a free one."""
    here = [name for name, one in known.items() if _place(one) == _place(section)]
    if here:
        return here[0]
    host = urlsplit(section.base_url).hostname or section.kind
    called = suggested or ("local" if host in LOOPBACK else host)
    wanted = re.sub("[^a-z0-9]+", "-", called.lower()).strip("-") or section.kind
    free = (name for n in count(1) if (name := f"{wanted}-{n}" if n > 1 else wanted) not in known)
    return next(name for name in free if name not in secrets.endpoint)


def _place(section: EndpointSection) -> tuple[str, str, str]:
    """What makes two endpoints the same server: how it is spoken to, and where it is."""
    address = section.base_url.strip().rstrip("/").removesuffix("/chat/completions").removesuffix("/v1")
    return section.kind, address, section.model_path


def save_endpoint(
    paths: DataPaths,
    name: str,
    section: EndpointSection,
    key: str | None = None,
    *,
    make_narrator: bool = True,
) -> None:
    """Write an endpoint into config.toml; comments and all else stay as they are. The key is written first,
    so that an endpoint never stands there without it.

    Raises:
        Invalid: the endpoint or the file would not be right; neither file is changed.
    """
    document = parsed(paths.config)
    validated(File, document, paths.config)
    _put(_table_of(document, name), section)
    if make_narrator:
        document.setdefault("profile", tomlkit.table())["narrate"] = name
    validated(File, document, paths.config)
    _profile(name, section, SecretStr(key) if key else None, paths)
    if key:
        _save_key(paths, name, key)
    write_whole(paths.config, tomlkit.dumps(document), 0o644)


def _table_of(document: tomlkit.TOMLDocument, name: str) -> MutableMapping[str, Any]:
    """The table [endpoint.NAME], made if need be, in the style in which the others are written."""
    endpoints = document.setdefault("endpoint", tomlkit.table(is_super_table=True))
    inline = isinstance(endpoints, InlineTable)
    table: MutableMapping[str, Any] = endpoints.setdefault(
        name, tomlkit.inline_table() if inline else tomlkit.table()
    )
    return table


def _put(table: MutableMapping[str, Any], section: EndpointSection) -> None:
    """Make a table say what the section says, touching only the lines that differ."""
    wanted = {"kind": section.kind, **section.model_dump(exclude_defaults=True)}
    for field in EndpointSection.model_fields:
        if field not in wanted:
            table.pop(field, None)
        elif table.get(field) != wanted[field]:
            table[field] = wanted[field]


def _save_key(paths: DataPaths, name: str, key: str) -> None:
    check_private(paths.secrets)
    secrets = parsed(paths.secrets)
    validated(Secrets, secrets, paths.secrets)
    _table_of(secrets, name)["api_key"] = key
    write_whole(paths.secrets, tomlkit.dumps(secrets), 0o600)


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
    if found.kind == "embedded" or not found.model:
        raise Invalid(
            f"{paths.config}: [profile] embed names the endpoint {name!r}, which names no embedding model.",
            hint=f"Set `model` under [endpoint.{name}] to an embedding model of that server.",
        )
    return found


def _named(
    name: str, read: File, use: str, secrets: Secrets, environ: Mapping[str, str], paths: DataPaths
) -> Profile:
    section = read.endpoint.get(name)
    if section is None:
        known = ", ".join(sorted(read.endpoint)) or "none"
        raise Invalid(
            f"{paths.config}: [profile] {use} names the endpoint {name!r}, which is not there.",
            hint=f"Name one of these: {known}; or add [endpoint.{name}].",
        )
    return _known(name, section, secrets, environ, paths).profile


def key_variable(name: str) -> str:
    """The environment variable that holds an endpoint's key: my-host is FABULA_API_KEY_MY_HOST."""
    return f"FABULA_API_KEY_{re.sub('[^A-Z0-9]', '_', name.upper())}"


def _profile(name: str, section: EndpointSection, key: SecretStr | None, paths: DataPaths) -> Profile:
    given = section.model_dump(exclude={"api_key_env"}, exclude_defaults=True)
    values = {**given, "name": name, "kind": section.kind, "api_key": key}
    return validated(Profile, values, paths.config, f"endpoint.{name}")
