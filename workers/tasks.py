"""Huey's part: the registry of stages as tasks, their execution, and the signals that say how it went.

A task's body runs in a worker thread and hops back to the event loop for the async actor. It returns when
the run's outcome is committed, so Huey's `complete` means complete.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from huey.api import Huey

from pipeline.stage import Pipeline
from store.huey_storage import LedgerStorage, MessageSerializer
from store.ledger import Claim

Perform = Callable[[Claim], Awaitable[None]]


def huey_for(pipeline: Pipeline, perform: Perform) -> Huey:
    """A Huey whose queue is the ledger and whose tasks are the stages."""

    def body(claim: list[Any], dequeued_at: float) -> None:
        trio.from_thread.run(perform, Claim(*claim))

    routes = {name: stage.route for name, stage in pipeline.stages.items()}
    huey = Huey(
        "fabula",
        results=False,
        serializer=MessageSerializer(),
        storage_class=LedgerStorage,
        routes=routes,
        module=__name__,
    )
    for name in pipeline.stages:
        huey.task(name=name)(body)
    return huey
