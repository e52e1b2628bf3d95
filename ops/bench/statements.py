"""How often SQLite is asked between a turn's arrival and its request to the model.

A count is the same on a busy machine, and shows at once what a time would only hint at.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import trio
import trio.lowlevel

from ops.bench.ground import folder
from ops.bench.pages import long_chat
from ops.bench.report import median
from ops.bench.server import narrate_with
from ops.bench.upstream import Upstream, upstream
from pipeline.config_paths import data_paths
from store import queries
from workers.program import Program, open_program

TURNS = 7
NO_EMBEDDER = {"FABULA_EMBED": "off"}


@contextmanager
def noted() -> Iterator[list[float]]:
    """When each statement began, on every connection that is opened within. What a search index asks of its
    own tables does not count: it depends on how the index happens to be merged."""
    begun: list[float] = []

    def note(statement: dict[str, Any]) -> None:
        if not statement["trigger"]:
            begun.append(time.perf_counter())

    def follow(connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, note)

    apsw.connection_hooks.append(follow)
    try:
        yield begun
    finally:
        apsw.connection_hooks.remove(follow)


async def statements(turns: int, guest: bool) -> float:
    """Of a turn in a chat of so many, by whatever thread, until its request arrives at the model."""
    with folder() as data, noted() as begun:
        _, chat_id = await long_chat(data / "chat.db", turns, guest=guest)
        async with upstream(2, 0) as model:
            narrate_with(data, f"http://127.0.0.1:{model.port}/v1")
            async with open_program(data_paths(data, NO_EMBEDDER), environ=NO_EMBEDDER) as program:
                counts = [await _of_turn(program, model, chat_id, begun) for _ in range(TURNS)]
    return median(counts)


async def _of_turn(program: Program, model: Upstream, chat_id: int, begun: list[float]) -> int:
    store, asked = program.engine.store, len(model.arrived)
    before = len(begun)
    await program.engine.play.send_turn(chat_id, "And then, Bo?")
    await model.asked(asked)
    counted = sum(at <= model.arrived[-1] for at in begun[before:])
    while queries.pending(store.hot):
        await trio.lowlevel.checkpoint()
    return counted
