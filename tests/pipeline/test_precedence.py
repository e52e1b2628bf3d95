"""Precedence: narration before decisions, where both compute on our own cores; elsewhere side by side."""

from functools import partial

import trio
import trio.testing

from pipeline.precedence import Precedence


def always() -> bool:
    return True


def never() -> bool:
    return False


class Asking:
    """Decisions that end when told; `begun` counts how often one was put to the model."""

    def __init__(self) -> None:
        self.begun = 0
        self.running = 0
        self.may_end = trio.Event()

    async def __call__(self) -> str:
        self.begun += 1
        self.running += 1
        try:
            await self.may_end.wait()
        finally:
            self.running -= 1
        return "decided"


async def test_one_bookkeeping_decision_at_a_time() -> None:
    precedence, first, second = Precedence(), Asking(), Asking()
    async with trio.open_nursery() as nursery:
        for asking in (first, second):
            nursery.start_soon(partial(precedence.between, asking, yields=never))
            await trio.testing.wait_all_tasks_blocked()
        assert (first.running, second.begun) == (1, 0)
        first.may_end.set()
        second.may_end.set()
    assert (first.begun, second.begun) == (1, 1)


async def test_a_decision_waits_while_a_reply_is_written() -> None:
    precedence, asking = Precedence(), Asking()
    asking.may_end.set()
    async with trio.open_nursery() as nursery:
        with precedence.ahead(), precedence.ahead():
            nursery.start_soon(partial(precedence.between, asking, yields=always))
            await trio.testing.wait_all_tasks_blocked()
            assert asking.begun == 0
    assert asking.begun == 1


async def test_a_decision_under_way_is_broken_off_and_asked_again() -> None:
    precedence, asking = Precedence(), Asking()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(precedence.between, asking, yields=always))
        await trio.testing.wait_all_tasks_blocked()
        with precedence.ahead():
            await trio.testing.wait_all_tasks_blocked()
            assert (asking.begun, asking.running) == (1, 0)
        await trio.testing.wait_all_tasks_blocked()
        assert asking.running == 1
        asking.may_end.set()
    assert asking.begun == 2


async def test_with_a_model_elsewhere_nothing_is_held() -> None:
    precedence, asking = Precedence(), Asking()
    asking.may_end.set()
    with precedence.ahead():
        assert await precedence.between(asking, yields=never) == "decided"
    assert asking.begun == 1


async def test_a_cancelled_decision_gives_its_turn_back() -> None:
    precedence, hanging, next_one = Precedence(), Asking(), Asking()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(precedence.between, hanging, yields=always))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    next_one.may_end.set()
    assert await precedence.between(next_one, yields=always) == "decided"
