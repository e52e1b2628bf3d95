"""Commands that are loaded when they are called: a server carries none of the others, and they no server.

To list them (`--help`) is to load them all.
"""

from collections import UserDict
from pkgutil import resolve_name
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


class Commands(UserDict[str, Any]):
    """Given as where each is written (`module:function`, or the name of a group there); read as commands."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer's own class of commands is private
        written = resolve_name(super().__getitem__(name))
        return get_command(written if isinstance(written, typer.Typer) else _alone(name, written))


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
