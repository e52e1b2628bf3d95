"""Options that several commands share, and what they open."""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Annotated, TypeVar

import apsw
import trio
import typer

from pipeline.config_paths import DataPaths, data_paths
from store import queries
from store.copies import opened_for_reading
from store.errors import FabulaError, NotFound
from store.ledger import STATES
from store.store import Store, open_store
from workers.program import pipeline_of_actors

T = TypeVar("T")
Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder. Default: FABULA_DATA, or ./data.")
]
Model = Annotated[str | None, typer.Option(help="Run this GGUF file instead of the configured endpoint.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def complete_stage(begun: str) -> list[str]:
    """Names of stages, for the shell."""
    return [name for name in pipeline_of_actors().stages if name.startswith(begun)]


def complete_state(begun: str) -> list[str]:
    """States of runs, for the shell."""
    return [state for state in STATES if state.startswith(begun)]


def complete_chat(context: typer.Context, begun: str) -> Iterator[tuple[str, str]]:
    """Ids of chats with their titles, for the shell; nothing where there is no database to ask."""
    paths = paths_of(context.params.get("data"))
    if not paths.database.exists():
        return
    with suppress(FabulaError, apsw.Error), opened_for_reading(paths.database) as db:
        for one in queries.chats(db):
            if str(one.id).startswith(begun):
                yield str(one.id), one.title


StageOption = Annotated[str | None, typer.Option(help="Only this stage.", autocompletion=complete_stage)]
ChatOption = Annotated[int | None, typer.Option(help="Only this chat.", autocompletion=complete_chat)]


def paths_of(data: Path | None) -> DataPaths:
    return data_paths(data, os.environ)


def lived_in(data: Path | None) -> DataPaths:
    """The data folder, if anything was ever kept there.

    Raises:
        NotFound: it has no database. One made in passing would look as if everything were lost.
    """
    paths = paths_of(data)
    if not paths.database.exists():
        raise NotFound(
            f"There is no database at {paths.database.absolute()}.",
            hint="Name the data folder with --data or FABULA_DATA; `fabula serve` begins a new one.",
        )
    return paths


def store_of(data: Path | None) -> AbstractContextManager[Store]:
    return open_store(lived_in(data).database, pipeline_of_actors().routes)


def begun_store_of(data: Path | None) -> AbstractContextManager[Store]:
    """For what may be the first thing that is ever kept in a data folder."""
    return open_store(paths_of(data).database, pipeline_of_actors().routes)


def acted(data: Path | None, act: Callable[[Store], Awaitable[T]]) -> T:
    """Do one thing with the store, in an event loop of its own."""
    with store_of(data) as store:
        return alone_in(store, act)


def alone_in(store: Store, act: Callable[[Store], Awaitable[T]]) -> T:
    async def attached() -> T:
        store.writer.attach(trio.lowlevel.current_trio_token())
        return await act(store)

    return trio.run(attached)
