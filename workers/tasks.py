"""Huey's part: the registry of stages as tasks, their execution, and the signals that say how it went.

A task's body waits for the async actor and returns when the run's outcome is committed, so Huey's `complete`
means complete.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from huey.api import Huey

from pipeline.stage import Pipeline
from store.huey_storage import LedgerStorage, MessageSerializer
from store.ledger import Claim
from workers.crossing import wait_for

Perform = Callable[[Claim], Awaitable[None]]


def huey_for(pipeline: Pipeline, perform: Perform) -> Huey:
    """A Huey whose queue is the ledger and whose tasks are the stages."""

    def body(claim: list[Any], dequeued_at: float) -> None:
        wait_for(perform(Claim(*claim)))

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
