"""`fabula say` and `fabula drain`: submit from the command line, and work until nothing is left."""

import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import trio

from pipeline.config_paths import DataPaths
from pipeline.engine import Engine
from store import boots, ledger, log, queries
from store.errors import FabulaError
from store.store import Store, open_store
from workers.program import open_program, pipeline_of_actors

LOOK_AGAIN_S = 0.05


async def say(
    paths: DataPaths, chat_id: int, text: str, *, model: str | None, write: Callable[[str], None]
) -> None:
    """Send a turn and write the reply as it comes. Works itself only if nobody else does.

    Raises:
        FabulaError: the turn was refused, or the reply could not be written.
    """
    async with open_program(paths, model=model, work=not _somebody_works(paths)) as program:
        engine = program.engine
        after = log.position(engine.store.hot)
        sent = await engine.play.send_turn(chat_id, text)
        await _follow(engine, chat_id, after, lambda told: told["payload"]["answers"] == sent.event_id, write)


async def tell_again(
    paths: DataPaths,
    chat_id: int,
    turn_id: int,
    *,
    extend: bool,
    branch: str,
    model: str | None,
    write: Callable[[str], None],
) -> None:
    """Ask for another alternative of a reply and write it as it comes; works itself as `say` does.

    Raises:
        FabulaError: it was refused, or could not be written.
    """
    async with open_program(paths, model=model, work=not _somebody_works(paths)) as program:
        engine = program.engine
        after = log.position(engine.store.hot)
        floor = await engine.rewriting.regenerate(chat_id, turn_id, extend=extend, branch=branch)
        await _follow(engine, chat_id, after, lambda told: told["cause_id"] == floor, write)


def _somebody_works(paths: DataPaths) -> bool:
    with open_store(paths.database, pipeline_of_actors().routes) as store:
        return boots.another_works(store.hot, paths.database)


async def _follow(
    engine: Engine,
    chat_id: int,
    after: int,
    awaited: Callable[[dict[str, Any]], bool],
    write: Callable[[str], None],
) -> None:
    """Write what is said until the awaited reply is there."""
    written: dict[int, int] = {}
    with engine.feed.subscribe(chat_id, after) as subscription:
        async with aclosing(aiter(subscription)) as items:
            async for item in items:
                told = json.loads(item.data) if item.data else {}
                if item.event in ("token", "partial"):
                    _write_more(told, written, write)
                elif item.event == "run":
                    _raise_if_dead(told)
                    _raise_if_paused(told)
                elif item.event == "turn.assistant" and awaited(told):
                    write(told["payload"]["text"][written.get(told["run_id"], 0) :] + "\n")
                    return


def _write_more(told: dict[str, object], written: dict[int, int], write: Callable[[str], None]) -> None:
    run_id, text = int(str(told["run_id"])), str(told["text"])
    offset = int(str(told.get("offset", 0)))
    known = written.get(run_id, 0)
    if offset + len(text) > known:
        write(text[known - offset :])
        written[run_id] = offset + len(text)


def _raise_if_dead(told: dict[str, object]) -> None:
    error = told.get("error")
    if told["state"] == "dead" and isinstance(error, dict):
        raise FabulaError(error["what"], hint=f"{error['do']} Then: fabula retry {told['run_id']}")


def _raise_if_paused(told: dict[str, object]) -> None:
    if told["paused"] and told["state"] == "ready":
        raise FabulaError(
            f"The stage {told['stage']!r} is paused, so nothing is written now.",
            hint=f"The turn is safe and is answered when it goes on: fabula resume {told['stage']}",
        )


async def drain(
    paths: DataPaths,
    *,
    stage: str | None,
    chat_id: int | None,
    timeout_s: float | None,
    model: str | None,
    progress: Callable[[int], None],
) -> tuple[int, list[int], frozenset[str]]:
    """Work until nothing that matches is pending, or all that is waits for a paused stage; returns what is
    left, the ids of dead runs and the paused stages."""
    async with open_program(paths, model=model) as program:
        store = program.engine.store
        with trio.move_on_after(float("inf") if timeout_s is None else timeout_s):
            await until_settled(store, stage, chat_id, progress)
        progress(_left(store, stage, chat_id))
        dead = queries.dead(store.hot, stage=stage, chat_id=chat_id)
        return _left(store, stage, chat_id), dead, ledger.paused(store.hot)


async def until_settled(
    store: Store, stage: str | None, chat_id: int | None, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Wait until nothing that matches is pending, or all that is waits for a paused stage."""
    while (left := _left(store, stage, chat_id)) > 0 and ledger.something_moves(store.hot):
        progress(left)
        await trio.sleep(LOOK_AGAIN_S)


def _left(store: Store, stage: str | None, chat_id: int | None) -> int:
    return queries.pending(store.hot, stage=stage, chat_id=chat_id)
