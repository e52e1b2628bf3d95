"""Options that several commands share, and what they open."""

import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, TypeVar

import trio
import typer

from pipeline.config_paths import DataPaths, data_paths
from store.store import Store, open_store
from workers.program import pipeline_of_actors

T = TypeVar("T")
Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder. Default: FABULA_DATA, or ./data.")
]
Model = Annotated[str | None, typer.Option(help="Run this GGUF file instead of the configured endpoint.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
StageOption = Annotated[str | None, typer.Option(help="Only this stage.")]
ChatOption = Annotated[int | None, typer.Option(help="Only this chat.")]


def paths_of(data: Path | None) -> DataPaths:
    return data_paths(data, os.environ)


def store_of(data: Path | None) -> AbstractContextManager[Store]:
    return open_store(paths_of(data).database, pipeline_of_actors().routes)


def acted(data: Path | None, act: Callable[[Store], Awaitable[T]]) -> T:
    """Do one thing with the store, in an event loop of its own."""

    async def attached(store: Store) -> T:
        store.writer.attach(trio.lowlevel.current_trio_token())
        return await act(store)

    with store_of(data) as store:
        return trio.run(attached, store)
