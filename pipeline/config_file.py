"""Reading and rewriting the two TOML files, with errors a person can act on.

A mistake is told with its file, its key and the way out; the value too, unless it might be a secret.
"""

import difflib
import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import pydantic
import tomlkit
from pydantic import BaseModel, SecretStr
from tomlkit.exceptions import TOMLKitError

from store.errors import Invalid, StoreFailed

M = TypeVar("M", bound=BaseModel)
_IN_TOML = {
    "model_type": "it should be a table",
    "dict_type": "it should be a table",
    "tuple_type": "it should be a list",
}


def parsed(path: Path) -> tomlkit.TOMLDocument:
    """The file with its comments and order; an empty document where there is none.

    Raises:
        Invalid: it is not TOML, with the line; StoreFailed: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)  # tomlkit names no line for a key that stands there twice
        return tomlkit.parse(text)
    except FileNotFoundError:
        return tomlkit.document()
    except (tomllib.TOMLDecodeError, TOMLKitError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{path} is not valid TOML: {error}", hint="Mend that line, or remove the file."
        ) from error
    except OSError as error:
        raise StoreFailed(
            f"{path} cannot be read.", hint="Check its permissions.", detail=str(error)
        ) from error


def check_private(path: Path) -> None:
    """Refuse a file of keys that other people on this machine may read."""
    if os.name == "posix" and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Invalid(
            f"{path} holds keys and can be read by others on this machine.", hint=f"Run: chmod 600 {path}"
        )


def validated(model: type[M], values: Mapping[str, Any], where: Path | str, under: str = "") -> M:
    """The values as a model; `where` and `under` say where a mistake is to be corrected."""
    plain = values.unwrap() if isinstance(values, tomlkit.TOMLDocument) else values
    try:
        return model.model_validate(plain)
    except pydantic.ValidationError as error:
        raise _told(model, error, where, under) from None  # the original quotes its input, keys included


def write_whole(path: Path, text: str, mode: int) -> None:
    """Replace a file whole or not at all; a link is followed, and a file's own mode is kept if stricter."""
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        mode &= stat.S_IMODE(target.stat().st_mode)
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise StoreFailed(
            f"{path} cannot be written.", hint="Check its permissions and the disk.", detail=str(error)
        ) from error


def _told(model: type[BaseModel], error: pydantic.ValidationError, where: Path | str, under: str) -> Invalid:
    """The first thing wrong, naming the file, the key, the value and what would be right."""
    first = error.errors()[0]
    at = [str(part) for part in first["loc"]]
    key = ".".join([under, *at] if under else at)
    if first["type"] == "extra_forbidden":
        return Invalid(f"{where}: there is no setting {key!r}.", hint=_nearest(model, at, under))
    why = _IN_TOML.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    given = f" = {first['input']!r}" if _may_be_shown(model, at, first["input"]) else ""
    return Invalid(f"{where}: {key}{given} is wrong: {why}.", hint="Correct it there.")


def _may_be_shown(model: type[BaseModel], at: Sequence[str], value: object) -> bool:
    """A key is never repeated, nor what stands where a table with a key in it should be."""
    wanted = _kind_at(model, at)
    a_table = get_origin(wanted) is dict or (isinstance(wanted, type) and issubclass(wanted, BaseModel))
    return not a_table and not isinstance(value, dict | list) and SecretStr not in (wanted, *get_args(wanted))


def _nearest(model: type[BaseModel], at: Sequence[str], under: str) -> str:
    table = _kind_at(model, at[:-1])
    names = list(table.model_fields) if isinstance(table, type) and issubclass(table, BaseModel) else []
    near = difflib.get_close_matches(at[-1], names, n=1)
    prefix = [under] if under else []
    if near:
        return f"Did you mean {'.'.join([*prefix, *at[:-1], *near])!r}?"
    return f"These can be set there: {', '.join(names)}."


def _kind_at(model: type[BaseModel], at: Sequence[str]) -> Any:  # noqa: ANN401 - an annotation may be anything
    """The type that is wanted at a place inside a model; None where nothing is."""
    kind: Any = model
    for part in at:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(kind, type) and issubclass(kind, BaseModel) and part in kind.model_fields:
            kind = kind.model_fields[part].annotation
        else:
            return None
    return kind
