"""Crossing: a synchronous call waits for async code without a thread of its own."""

import threading

import pytest
import trio

from workers.crossing import crossing, wait_for


async def _after(seconds: float, answer: object) -> object:
    await trio.sleep(seconds)
    return answer


async def test_a_call_waits_as_often_as_it_likes_and_gives_its_result() -> None:
    def call() -> list[object]:
        return [wait_for(_after(0, "one")), wait_for(_after(0, "two")), threading.current_thread().name]

    assert await crossing(call) == ["one", "two", threading.current_thread().name]


async def test_a_call_that_waits_for_nothing_gives_its_result() -> None:
    assert await crossing(lambda: 7) == 7


async def test_others_go_on_while_a_call_waits() -> None:
    gate, told = trio.Event(), list[object]()

    def waiting(name: str) -> None:
        wait_for(gate.wait())
        told.append(name)

    async with trio.open_nursery() as nursery:
        for name in ("a", "b"):
            nursery.start_soon(crossing, lambda name=name: waiting(name))
        await trio.testing.wait_all_tasks_blocked()
        assert told == []
        gate.set()
    assert sorted(map(str, told)) == ["a", "b"]


async def test_what_fails_is_raised_where_the_call_waits_and_can_be_caught_there() -> None:
    async def failing() -> None:
        raise ValueError("no")

    def call() -> str:
        try:
            wait_for(failing())
        except ValueError as error:
            return f"caught {error}"
        return "nothing"

    assert await crossing(call) == "caught no"
    with pytest.raises(ZeroDivisionError):
        await crossing(lambda: 1 / 0)


async def test_a_cancellation_passes_through_the_call() -> None:
    seen = []

    def call() -> None:
        try:
            wait_for(trio.Event().wait())
        except BaseException as error:
            seen.append(type(error))
            raise

    with trio.move_on_after(0.01) as scope:
        await crossing(call)
    assert scope.cancelled_caught
    assert seen == [trio.Cancelled]
