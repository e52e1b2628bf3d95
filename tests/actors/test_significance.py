"""Significance: a turn's weight, and pins that make room for each other but never for a person's own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pinning import MAX_PINS, pinned
from store import memories, views
from store.events import (
    DecisionDefaulted,
    MemoryPinned,
    MemoryUnpinned,
    MemoryWitnessChanged,
    MemoryWritten,
    SignificanceScored,
)
from store.memories import Memory
from tests.actors.bench import SHORT, SIGNIFICANCE, table
from tests.fakes.behaviour import Behaviour, decides, drops, says, stalls

STAGES = ("addressee", "remember", "significance")
PIVOTAL = decides({"score": 3, "reason": "a confession"})


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (decides({"score": 2, "reason": "a promise"}), 2),
        (decides({"score": "1"}), 1),
        (decides({"score": 0.0, "reason": None}), 0),
        (says('```json\n{"score": 2, "reason": "x",}\n```'), 2),
    ],
)
async def test_both_kinds_of_turn_are_scored(tmp_path: Path, answer: Behaviour, score: int) -> None:
    async with table(tmp_path / "chat.db", *STAGES, judging={SIGNIFICANCE: answer}, patience=SHORT) as played:
        turn_id = await played.say("I promise.")
        assert [one.score for one in played.told(SignificanceScored)] == [score, score]
        assert views.turn(played.store.hot, turn_id).significance == score
        assert played.told(DecisionDefaulted) == []
        played.check()


@pytest.mark.parametrize("answer", [decides({"score": 7}), says("Very!"), stalls(0), drops(1), decides([])])
async def test_an_answer_off_the_scale_or_none_is_routine_and_on_record(
    tmp_path: Path, answer: Behaviour
) -> None:
    async with table(tmp_path / "chat.db", *STAGES, judging={SIGNIFICANCE: answer}, patience=SHORT) as played:
        await played.say("Hm.")
        assert [one.score for one in played.told(SignificanceScored)] == [0, 0]
        assert [one.decision for one in played.told(DecisionDefaulted)] == ["Judgement", "Judgement"]
        played.check()


async def test_a_pivotal_turn_pins_the_memory_of_every_bot_that_perceived_it(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *STAGES, guest={}, judging={SIGNIFICANCE: PIVOTAL}) as played:
        await played.say("Ada, I love you.")
        db = played.store.hot
        for owner in (played.host_id, played.guest_id):
            assert [one.text for one in memories.pinned(db, played.chat_id, owner)] == [
                "Ada, I love you.",
                "Indeed.",
            ]
        assert all(
            memory.significance == 3 for memory in memories.of_owner(db, played.chat_id, played.host_id)
        )
        played.check()


async def test_the_oldest_automatic_pins_make_room_and_those_by_hand_never(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *STAGES, judging={SIGNIFICANCE: PIVOTAL}) as played:
        await played.say("first")
        by_hand = memories.pinned(played.store.hot, played.chat_id, played.host_id)[0]
        await played.append(MemoryPinned(memory_id=by_hand.id, by="manual"))
        for number in range(5):
            await played.say(f"turn {number}")
        pins = memories.pinned(played.store.hot, played.chat_id, played.host_id)
        assert len(pins) == MAX_PINS
        assert by_hand.id in {one.id for one in pins}
        newest = memories.of_owner(played.store.hot, played.chat_id, played.host_id, limit=7)
        assert {one.id for one in pins if one.pinned == "auto"} == {one.id for one in newest}
        played.check()


async def test_a_memory_corrected_to_be_nobodys_is_not_pinned(tmp_path: Path) -> None:
    slow = PIVOTAL.model_copy(update={"stall_after": 0})
    async with table(
        tmp_path / "chat.db", "remember", "significance", judging={SIGNIFICANCE: slow}
    ) as played:
        await played.send("A secret.")
        await played.fake.decided(1)
        memory = memories.of_owner(played.store.hot, played.chat_id, played.host_id)[0]
        await played.append(MemoryWitnessChanged(memory_id=memory.id, witnesses=(0,)))
        await played.fake.release()
        await played.settled()
        assert played.told(MemoryPinned) == []
        played.check()


async def test_the_judge_waits_for_the_memories_it_may_have_to_pin(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *STAGES, guest={}, judging={SIGNIFICANCE: PIVOTAL}) as played:
        for number in range(4):
            await played.send(f"Ada, {number}")
        await played.settled()
        assert len(played.told(MemoryWritten)) == 16
        assert len(played.told(MemoryPinned)) == 16
        assert len(played.told(MemoryUnpinned)) == 0
        played.check()


def memory(number: int, pin: str) -> Memory:
    return Memory(
        number, 1, 5, number, None, "turn", "x", "y", (0, 5), "witnessed", None, (), 3, pin, number, "", 1
    )


@given(st.lists(st.sampled_from(["auto", "auto", "manual", "unpin"]), max_size=60))
def test_pins_stay_within_the_cap_first_in_first_out_and_by_hand_for_good(acts: list[str]) -> None:
    pins: list[Memory] = []
    by_hand: set[int] = set()
    for number, act in enumerate(acts, start=1):
        if act == "manual":
            pins.append(memory(number, "manual"))
            by_hand.add(number)
        elif act == "unpin" and pins:
            by_hand.discard(pins.pop(0).id)
        elif act == "auto":
            for change in pinned(memory(number, ""), pins):
                if isinstance(change, MemoryUnpinned):
                    automatic = [one.id for one in pins if one.pinned == "auto"]
                    assert change.memory_id == automatic[0]
                    pins = [one for one in pins if one.id != change.memory_id]
                else:
                    pins.append(memory(change.memory_id, "auto"))
            assert pins[-1].id == number
            assert len(pins) <= max(MAX_PINS, len(by_hand) + 1)
        assert by_hand <= {one.id for one in pins}
