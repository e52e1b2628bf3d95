"""The endpoints of config.toml: which there are and where their keys are kept, and one added or changed.

Rewriting keeps a person's comments and order; keys stand in a file of their own.
"""

import re
from collections.abc import Mapping, MutableMapping
from itertools import count
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import tomlkit
from pydantic import SecretStr
from tomlkit.items import InlineTable

from pipeline.config_file import check_private, parsed, validated, write_whole
from pipeline.config_paths import DataPaths
from pipeline.config_sections import EndpointSecrets, EndpointSection, File, Secrets
from pipeline.inference.endpoints import LOOPBACK, Profile
from pipeline.inference.lines import checked_key
from store.errors import Conflict, Invalid

_IT = "The endpoint"


class Known(NamedTuple):
    """An endpoint that config.toml has, and where its key is kept, if it has one."""

    section: EndpointSection
    profile: Profile
    key_in: Literal["secrets.toml", "environment", ""]


def known_endpoints(paths: DataPaths, environ: Mapping[str, str]) -> dict[str, Known]:
    """Name → endpoint, as the next start would open it."""
    read = validated(File, parsed(paths.config), paths.config)
    secrets = secrets_of(paths)
    return {name: known(name, section, secrets, environ, paths) for name, section in read.endpoint.items()}


def known(
    name: str, section: EndpointSection, secrets: Secrets, environ: Mapping[str, str], paths: DataPaths
) -> Known:
    """An endpoint of config.toml as the next start would open it: a key in the environment goes first."""
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
    secrets = secrets_of(paths)
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
    section: EndpointSection, there: Mapping[str, EndpointSection], secrets: Secrets, suggested: str
) -> str:
    """The name the file has for this address, else a free one."""
    here = [name for name, one in there.items() if _place(one) == _place(section)]
    if here:
        return here[0]
    host = urlsplit(section.base_url).hostname or section.kind
    called = suggested or ("local" if host in LOOPBACK else host)
    wanted = re.sub("[^a-z0-9]+", "-", called.lower()).strip("-") or section.kind
    free = (name for n in count(1) if (name := f"{wanted}-{n}" if n > 1 else wanted) not in there)
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
    if validated(File, document, paths.config).profile.embed == name:
        check_embeds(name, section, paths)
    _profile(name, section, SecretStr(key) if key else None, paths)
    if key:
        _save_key(paths, name, checked_key(key))
    write_whole(paths.config, tomlkit.dumps(document), 0o644)


def check_embeds(name: str, section: EndpointSection, paths: DataPaths) -> None:
    """Raises Invalid where an endpoint that is to embed cannot."""
    if section.kind == "embedded" or not section.model:
        raise Invalid(
            f"{paths.config}: [profile] embed names the endpoint {name!r}, which names no embedding model.",
            hint=f"Set `model` under [endpoint.{name}] to an embedding model of that server.",
        )


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


def secrets_of(paths: DataPaths) -> Secrets:
    """What secrets.toml holds, if nobody else may read it."""
    check_private(paths.secrets)
    return validated(Secrets, parsed(paths.secrets), paths.secrets)


def key_variable(name: str) -> str:
    """The environment variable that holds an endpoint's key: my-host is FABULA_API_KEY_MY_HOST."""
    return f"FABULA_API_KEY_{re.sub('[^A-Z0-9]', '_', name.upper())}"


def _profile(name: str, section: EndpointSection, key: SecretStr | None, paths: DataPaths) -> Profile:
    given = section.model_dump(exclude={"api_key_env"}, exclude_defaults=True)
    values = {**given, "name": name, "kind": section.kind, "api_key": key}
    return validated(Profile, values, paths.config, f"endpoint.{name}")
