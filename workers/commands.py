"""Commands that are loaded when they are called: a server carries none of the others, and they no server.

To list them (`--help`) is to load them all.
"""

from collections import UserDict
from collections.abc import Callable, Mapping
from functools import wraps
from pkgutil import resolve_name
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from store.errors import Invalid

MOST = 2**63 - 1
"""No number is larger in a database."""
SHOWN_CHARS = 60


class Commands(UserDict[str, Any]):
    """Given, under the headings of the list, as where each is written (`module:function`, or the name of a
    group there); read as commands."""

    def __init__(self, headings: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__({name: where for under in headings.values() for name, where in under.items()})
        self._headings = {name: heading for heading, under in headings.items() for name in under}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer's own class of commands is private
        written = resolve_name(super().__getitem__(name))
        command = _checked(
            get_command(written if isinstance(written, typer.Typer) else _alone(name, written))
        )
        command.rich_help_panel = self._headings[name]
        return command


def _alone(name: str, written: Any) -> typer.Typer:  # noqa: ANN401 - a function of any options
    one = typer.Typer(add_completion=False)
    one.command(name)(written)
    return one


def _checked(command: Any) -> Any:  # noqa: ANN401 - see above
    """The command, or group of them, which is called only with what a database can hold."""
    for one in getattr(command, "commands", {}).values():
        _checked(one)
    if command.callback is not None:
        command.callback = _called_with_what_fits(command.callback)
    return command


def _called_with_what_fits(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def called(**given: Any) -> Any:  # noqa: ANN401 - whatever the command takes and gives
        for name, value in given.items():
            for one in value if isinstance(value, list) else (value,):
                _check_fits(name.strip("_"), one)
        return call(**given)

    return called


def _check_fits(name: str, value: object) -> None:
    """Raises Invalid for a number beyond all ids, and for bytes that are no text (Python hands them on as
    halves of characters)."""
    if isinstance(value, int) and abs(value) > MOST:
        raise Invalid(
            f"{name}: {str(value)[:SHOWN_CHARS]} is larger than any number here.", hint=f"Correct {name}."
        )
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value):
        raise Invalid(f"{name}: {ascii(value)[:SHOWN_CHARS]} is not text in UTF-8.", hint=f"Correct {name}.")


def group_of(commands: Commands) -> type[TyperGroup]:
    """The group of these commands, as typer wants it."""

    class Group(TyperGroup):
        def __init__(self, **told: Any) -> None:  # noqa: ANN401 - passed on unread
            super().__init__(**told)
            self.commands = commands

        def list_commands(self, ctx: object) -> list[str]:
            return list(commands)

    return Group
