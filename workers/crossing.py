"""Crossing: synchronous code that waits for async code, in the same thread.

Huey executes a task by calling it; our tasks are async. A thread that hops back costs two switches between
threads per run, each of them waking a sleeper. A greenlet suspends the call where it waits instead, and goes
on when the event loop has the answer.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from greenlet import getcurrent, greenlet

T = TypeVar("T")


async def crossing(call: Callable[[], T]) -> T:
    """Run a synchronous call that may `wait_for` async ones. What is thrown into the wait, a cancellation
    for one, is raised in the call, where it waits."""
    bridge = greenlet(call)
    outcome = bridge.switch()
    while not bridge.dead:
        try:
            answer = await outcome
        except BaseException as error:
            outcome = bridge.throw(error)
        else:
            outcome = bridge.switch(answer)
    return cast("T", outcome)


def wait_for(awaitable: Awaitable[T]) -> T:
    """The awaitable's result; only within a call that is `crossing`."""
    return cast("T", getcurrent().parent.switch(awaitable))
