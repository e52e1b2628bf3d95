"""The terminal: how the command line speaks, to people and to programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from store.errors import FabulaError

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


def say_where(what: str, recovered: int) -> None:
    OUT.print(f"Fabula: {what}", markup=False)
    if recovered:
        OUT.print(f"Took back {recovered} unfinished run(s) of a process that ended.", markup=False)


def explain(error: FabulaError) -> None:
    """What happened and the way out, on standard error; the detail in parentheses."""
    ERR.print(error.message, style="bold red", markup=False)
    if error.hint:
        ERR.print(error.hint, markup=False)
    if error.detail:
        ERR.print(f"({error.detail})", style="dim", markup=False)


def first_of(group: BaseException) -> FabulaError:
    """The error of ours inside the groups that nurseries wrap around it."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    if not isinstance(group, FabulaError):
        raise group
    return group


def show_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def show_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(str(row.get(column, ""))) for column in columns))
    OUT.print(table)


def write(text: str) -> None:
    """A piece of a streamed reply, as it comes."""
    sys.stdout.write(text)
    sys.stdout.flush()
