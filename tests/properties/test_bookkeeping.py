"""Invariant 7: whatever bookkeeping does, a turn is answered, and its request goes out first.

Bookkeeping stages are drawn with a mood each; the play loop is one stage that gives the floor and one that
narrates, as in the real program.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.addressee import addressee
from actors.remember import remember
from pipeline.context import Context
from pipeline.inference.errors import EndpointFailed
from pipeline.stage import Emits, Lane, Stage, stage
from store import queries, rebuild
from store.errors import ErrorClass
from store.events import Event, FloorGiven, MemoryWritten, TurnAssistant, TurnUser
from store.rows import rows
from tests.properties.test_prompt import ASIDES
from tests.settling import LIMIT_S
from tests.workers.test_consumer import Bench, at_work
from workers.consumer import SLOTS

Mood = Literal["works", "hangs", "breaks", "fails", "is limited"]
MOODS: st.SearchStrategy[Mood] = st.sampled_from(["works", "hangs", "breaks", "fails", "is limited"])
ANSWER_LIMIT_S = LIMIT_S / 3
"""A defect reaches it, and is not to take all day."""
ALL_HANG: list[Mood] = ["hangs"] * (sum(SLOTS.values()) + 1)


def _bookkeeping(name: str, mood: Mood, begun: list[int]) -> Stage:
    @stage(name, on=(TurnUser,), timeout_s=None)
    async def keep_books(turn: Event[TurnUser], ctx: Context) -> Emits:
        begun.append(turn.id)
        if mood == "hangs":
            await trio.sleep_forever()
        if mood == "breaks":
            raise ZeroDivisionError
        if mood in ("fails", "is limited"):
            kind = ErrorClass.CONNECTION if mood == "fails" else ErrorClass.RATE_LIMITED
            raise EndpointFailed("It broke.", error_class=kind)
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="x", witnesses=())

    return keep_books


def _narrating(begun: list[int], early: list[int]) -> Stage:
    """Notes which bookkeeping of its turn had begun before its own request was on its way."""

    @stage("narrate", on=(FloorGiven,), lane=Lane.NARRATION, priority=100)
    async def narrate(floor: Event[FloorGiven], ctx: Context) -> Emits:
        for _ in range(3):
            await trio.to_thread.run_sync(lambda: None)
        early.extend(turn_id for turn_id in begun if turn_id == floor.payload.turn_id)
        ctx.waits_for_others()
        yield TurnAssistant(speaker_id=floor.payload.speaker_id, text="Me.", answers=floor.payload.turn_id)

    return narrate


@settings(max_examples=12)
@given(moods=st.lists(MOODS, min_size=1, max_size=6), turns=st.integers(1, 3))
@example(moods=ALL_HANG, turns=2)
@example(moods=["breaks", "works"], turns=3)
def test_bookkeeping_neither_loses_nor_holds_up_a_turn(
    fresh_path: Callable[[], Path], moods: list[Mood], turns: int
) -> None:
    trio.run(_play_beside, fresh_path(), moods, turns)


async def _play_beside(path: Path, moods: list[Mood], turns: int) -> None:
    begun: list[int] = []
    early: list[int] = []
    books = [_bookkeeping(f"books{number}", mood, begun) for number, mood in enumerate(moods)]
    async with at_work(path, *books, addressee, _narrating(begun, early), grace_s=0.0) as bench:
        for number in range(turns):
            await bench.play.send_turn(bench.chat_id, f"turn {number}")
            await _until(bench, lambda: not _unanswered(bench))
        assert early == []
        async with trio.open_nursery() as hurry:
            for number in range(4):
                hurry.start_soon(bench.play.send_turn, bench.chat_id, f"hurried turn {number}")
        await _until(bench, lambda: not _unanswered(bench))
        if moods.count("hangs") < SLOTS[Lane.BOOKKEEPING]:
            await _until(bench, lambda: not _unsettled(bench, moods))
        assert rebuild.check(bench.store.hot) == []


def _unanswered(bench: Bench) -> list[Any]:
    answers = "SELECT answers FROM turn WHERE answers IS NOT NULL"
    return rows(bench.store.hot, f"SELECT id FROM turn WHERE speaker_id IS NULL AND id NOT IN ({answers})")


def _unsettled(bench: Bench, moods: list[Mood]) -> list[Any]:
    """Runs of stages that can come to an end, dead or done, and have not: a dead one holds up nobody."""
    able = {f"books{number}" for number, mood in enumerate(moods) if mood in ("works", "breaks")}
    pending = rows(bench.store.hot, "SELECT stage FROM run WHERE state NOT IN ('done', 'dead')")
    return [stage for (stage,) in pending if stage in able]


async def _until(bench: Bench, holds: Callable[[], Any]) -> None:
    """Wait for what the next commits must bring."""
    with trio.move_on_after(ANSWER_LIMIT_S):
        while not holds():
            await trio.testing.wait_all_tasks_blocked(0.002)
        return
    pytest.fail(f"still open: {[(run.stage, run.state) for run in queries.runs(bench.store.hot)]}")


@settings(max_examples=20)
@given(said=st.lists(ASIDES, min_size=1, max_size=4))
def test_what_is_out_of_character_is_nobodys_memory(
    fresh_path: Callable[[], Path], said: list[tuple[str, str]]
) -> None:
    """The half of the promise that bookkeeping keeps; the prompt keeps the other."""
    text, seen = "Hello. " + "".join(text for text, _ in said), "Hello. " + "".join(seen for _, seen in said)
    trio.run(_remember, fresh_path(), text, seen.strip())


async def _remember(path: Path, text: str, seen: str) -> None:
    async with at_work(path, remember) as bench:
        await bench.play.send_turn(bench.chat_id, text)
        await bench.settled()
        assert rows(bench.store.hot, "SELECT text FROM memory") == [(seen,)]
