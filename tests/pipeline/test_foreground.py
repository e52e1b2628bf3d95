"""Foreground: what is not pressing waits for what is."""

import trio
import trio.testing

from pipeline.foreground import Foreground


async def test_nobody_there_means_no_wait(autojump_clock: trio.testing.MockClock) -> None:
    foreground = Foreground()
    await foreground.calm()
    assert not foreground.busy


async def test_calm_comes_when_the_last_one_leaves() -> None:
    calls: list[str] = []
    foreground = Foreground(on_calm=lambda: calls.append("calm"))
    foreground.enter("a")
    foreground.enter("b")
    async with trio.open_nursery() as nursery:

        async def waiting() -> None:
            await foreground.calm()
            calls.append("waited")

        nursery.start_soon(waiting)
        await trio.testing.wait_all_tasks_blocked()
        foreground.leave("a")
        foreground.leave("a")
        foreground.leave("a stranger")
        await trio.testing.wait_all_tasks_blocked()
        assert calls == []
        foreground.leave("b")
    assert calls == ["calm", "waited"]


async def test_the_wait_has_an_end(autojump_clock: trio.testing.MockClock) -> None:
    foreground = Foreground()
    foreground.enter("a")
    began = trio.current_time()
    await foreground.calm(within_s=0.02)
    assert abs(trio.current_time() - began - 0.02) < 1e-6
    assert foreground.busy
