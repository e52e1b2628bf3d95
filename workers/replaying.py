"""`fabula replay`: run a bookkeeping stage again for what it has answered, and work until it is done."""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from pipeline.config_paths import DataPaths
from pipeline.desk import checked_note
from store import account, queries, replays, views
from store.store import Store
from store.txn import Txn
from workers.program import open_program, pipeline_of_actors
from workers.saying import LOOK_AGAIN_S


@dataclass(frozen=True, slots=True)
class Replay:
    """What is to be run again: a stage, in one chat, for its events between two ids, both included."""

    stage: str
    chat_id: int
    first: int | None = None
    last: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How it went: the runs enqueued now, those of the chat still pending, and the dead of the stage."""

    enqueued: int
    left: int
    dead: tuple[int, ...]


def events_of(store: Store, asked: Replay) -> list[int]:
    """The events the stage would be run for again, in log order."""
    stage = pipeline_of_actors().replayable(asked.stage)
    views.chat(store.hot, asked.chat_id)
    kinds = [payload.kind for payload in stage.on]
    return store.read_now(
        lambda db: replays.triggers(db, asked.chat_id, kinds, first=asked.first, last=asked.last)
    )


async def replay(
    paths: DataPaths, asked: Replay, *, model: str | None, progress: Callable[[int], None]
) -> Replayed:
    """Enqueue the stage again and work until nothing of the chat is pending.

    Ended in the middle, what was enqueued is worked off by whoever works next; asking again adds nothing to
    what is still to run.
    """
    stage = pipeline_of_actors().replayable(asked.stage)
    async with open_program(paths, model=model) as program:
        store = program.engine.store
        event_ids = events_of(store, asked)
        note = checked_note(asked.note)

        def step(txn: Txn) -> int:
            db, chat_id = txn.connection, asked.chat_id
            made = replays.enqueue(db, stage.route, chat_id, event_ids, now=txn.now).values()
            account.record(db, "replayed", made, now=txn.now, stage=stage.name, chat_id=chat_id, note=note)
            return len(made)

        enqueued = await store.writer.submit(step, durable=True)
        while (left := queries.pending(store.hot, chat_id=asked.chat_id)) > 0:
            progress(left)
            await trio.sleep(LOOK_AGAIN_S)
        progress(0)
        dead = queries.dead(store.hot, stage=asked.stage, chat_id=asked.chat_id)
        return Replayed(enqueued, queries.pending(store.hot, chat_id=asked.chat_id), tuple(dead))
