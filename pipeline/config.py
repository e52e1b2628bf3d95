"""Configuration: `data/config.toml`, the environment over it, keys in a file of their own.

Everything is checked when it is read, and an error names the file, the key and what would be right. Rewriting
keeps a person's comments and order.
"""

import difflib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import tomlkit
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from tomlkit.exceptions import ParseError

from pipeline.config_paths import DataPaths
from pipeline.inference.endpoints import Profile
from pipeline.inference.types import Sampler
from pipeline.prompt.budget import Budgets
from store.errors import Invalid, StoreFailed

M = TypeVar("M", bound=BaseModel)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Server(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)


class EndpointSection(BaseModel):
    """`[endpoint.NAME]`: where a model is. Its key is in secrets.toml or the environment, never here."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str = Field(default="openai", pattern="^(openai|ollama|embedded)$")
    base_url: str = ""
    model: str = ""
    model_path: str = ""
    api_key_env: str = ""
    context_tokens: int | None = Field(default=None, ge=512)


class ProfileSection(BaseModel):
    """`[profile]`: which endpoint does what."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    narrate: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    server: Server = Server()
    endpoint: dict[str, EndpointSection] = {}
    sampler: Sampler = Sampler(temperature=0.8, top_p=0.95, min_p=0.05, repeat_penalty=1.1)
    budget: Budgets = Budgets()
    profile: ProfileSection = ProfileSection()


class Config(BaseModel):
    """What a program starts from. `token` is needed by whoever visits from another machine."""

    model_config = ConfigDict(frozen=True)
    server: Server
    sampler: Sampler
    budget: Budgets
    narrator: Profile | None
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
    read = _validated(_File, _parse(paths.config), paths.config)
    secrets = _secrets(paths.secrets)
    server = _validated(Server, read.server.model_dump() | _server_from(environ), paths.config)
    token = environ.get("FABULA_TOKEN") or secrets.get("server", {}).get("token")
    config = Config(
        server=server,
        sampler=read.sampler,
        budget=read.budget,
        narrator=_narrator(read, secrets, environ, paths),
        token=SecretStr(token) if token else None,
    )
    config.check_open(server.host)
    return config


def save_endpoint(paths: DataPaths, name: str, section: EndpointSection, key: str | None = None) -> None:
    """Write an endpoint into config.toml and let it narrate; comments and all else stay as they are."""
    document = _parse(paths.config)
    endpoints = document.setdefault("endpoint", tomlkit.table(is_super_table=True))
    table = tomlkit.table()
    table["kind"] = section.kind
    table.update(section.model_dump(exclude_defaults=True, exclude={"kind"}))
    endpoints[name] = table
    document.setdefault("profile", tomlkit.table())["narrate"] = name
    _validated(_File, document, paths.config)
    _write(paths.config, tomlkit.dumps(document), 0o644)
    if key:
        secrets = _parse(paths.secrets)
        secrets.setdefault("endpoint", tomlkit.table(is_super_table=True))[name] = {"api_key": key}
        _write(paths.secrets, tomlkit.dumps(secrets), 0o600)


def _server_from(environ: Mapping[str, str]) -> dict[str, str]:
    given = {"host": environ.get("FABULA_HOST"), "port": environ.get("FABULA_PORT")}
    return {key: value for key, value in given.items() if value}


def _narrator(
    read: _File, secrets: Mapping[str, Any], environ: Mapping[str, str], paths: DataPaths
) -> Profile | None:
    name = read.profile.narrate
    if not name:
        return None
    section = read.endpoint.get(name)
    if section is None:
        known = ", ".join(sorted(read.endpoint)) or "none"
        raise Invalid(
            f"{paths.config}: [profile] narrate names the endpoint {name!r}, which is not there.",
            hint=f"Name one of these: {known}; or add [endpoint.{name}].",
        )
    variable = section.api_key_env or f"FABULA_API_KEY_{name.upper()}"
    key = environ.get(variable) or secrets.get("endpoint", {}).get(name, {}).get("api_key")
    given = section.model_dump(exclude={"api_key_env"}, exclude_defaults=True)
    return _validated(Profile, {**given, "name": name, "kind": section.kind, "api_key": key}, paths.config)


def _parse(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (ParseError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{path} is not valid TOML: {error}", hint="Mend that line, or remove the file."
        ) from error
    except OSError as error:
        raise StoreFailed(
            f"{path} cannot be read.", hint="Check its permissions.", detail=str(error)
        ) from error


def _secrets(path: Path) -> Mapping[str, Any]:
    if path.exists() and os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Invalid(
            f"{path} holds keys and can be read by others on this machine.", hint=f"Run: chmod 600 {path}"
        )
    return _parse(path).unwrap()


def _validated(model: type[M], values: Mapping[str, Any], path: Path) -> M:
    plain = values.unwrap() if isinstance(values, tomlkit.TOMLDocument) else values
    try:
        return model.model_validate(plain)
    except pydantic.ValidationError as error:
        raise _told(model, error, path) from error


def _told(model: type[BaseModel], error: pydantic.ValidationError, path: Path) -> Invalid:
    """The first thing wrong, naming the file, the key, the value and what would be right."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys_of(model), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "docs/configuration.md lists the keys there are."
        return Invalid(f"{path}: there is no setting {key!r}.", hint=hint)
    return Invalid(f"{path}: {key} = {first['input']!r} is wrong: {first['msg']}.", hint="Correct it there.")


def _keys_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        keys.append(f"{prefix}{name}")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += _keys_of(field.annotation, f"{prefix}{name}.")
    return keys


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
