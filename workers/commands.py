"""Commands that are loaded when they are called: a server carries none of the others, and they no server.

To list them (`--help`) is to load them all.
"""

from collections import UserDict
from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


class Commands(UserDict[str, Any]):
    """Given, under the headings of the list, as where each is written (`module:function`, or the name of a
    group there); read as commands."""

    def __init__(self, headings: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__({name: where for under in headings.values() for name, where in under.items()})
        self._headings = {name: heading for heading, under in headings.items() for name in under}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer's own class of commands is private
        written = resolve_name(super().__getitem__(name))
        command: Any = get_command(written if isinstance(written, typer.Typer) else _alone(name, written))
        command.rich_help_panel = self._headings[name]
        return command


def _alone(name: str, written: Any) -> typer.Typer:  # noqa: ANN401 - a function of any options
    one = typer.Typer(add_completion=False)
    one.command(name)(written)
    return one


def group_of(commands: Commands) -> type[TyperGroup]:
    """The group of these commands, as typer wants it."""

    class Group(TyperGroup):
        def __init__(self, **told: Any) -> None:  # noqa: ANN401 - passed on unread
            super().__init__(**told)
            self.commands = commands

        def list_commands(self, ctx: object) -> list[str]:
            return list(commands)

    return Group
