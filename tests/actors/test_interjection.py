"""Interjection: the other bot breaks in seldom, once, and never on what was cut off."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.stage import Lane, Stage, stage
from store.events import DecisionDefaulted, Event, FloorGiven, TurnAssistant
from tests.actors.bench import INTERJECTION, SHORT, replies, table
from tests.fakes.behaviour import Behaviour, decides, drops, says, stalls

STAGES = ("addressee", "interjection")
BREAKS_IN = decides({"interjects": True, "confidence": 0.9, "reason": "attacked"})


async def test_the_other_bot_breaks_in_once_and_nobody_breaks_in_on_that(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *STAGES, guest={}, judging={INTERJECTION: BREAKS_IN}) as played:
        await played.say("Ada?")
        first, second = played.told(FloorGiven)
        assert (first.speaker_id, second.speaker_id) == (played.host_id, played.guest_id)
        assert second.reason == "attacked"
        assert len(played.told(TurnAssistant)) == 2
        assert len(played.fake.decisions) == 1
        await played.say("Bea?")
        assert [floor.speaker_id for floor in played.told(FloorGiven)[2:]] == [
            played.guest_id,
            played.host_id,
        ]
        played.check()


@pytest.mark.parametrize(
    "answer",
    [
        decides({"interjects": False, "confidence": 1}),
        decides({"interjects": "yes", "confidence": 0.4}),
        decides({"interjects": True}),
        decides({}),
    ],
)
async def test_a_no_and_a_doubtful_yes_mean_silence(tmp_path: Path, answer: Behaviour) -> None:
    async with table(tmp_path / "chat.db", *STAGES, guest={}, judging={INTERJECTION: answer}) as played:
        await played.say("Ada?")
        assert len(played.told(FloorGiven)) == 1
        assert played.told(DecisionDefaulted) == []


@pytest.mark.parametrize("answer", [says("Maybe!"), stalls(0), drops(1), says("I cannot do that.")])
async def test_whatever_the_classifier_does_silence_is_kept_at_once(
    tmp_path: Path, answer: Behaviour
) -> None:
    async with table(
        tmp_path / "chat.db", *STAGES, guest={}, judging={INTERJECTION: answer}, patience=SHORT
    ) as played:
        await played.say("Ada?")
        assert len(played.told(FloorGiven)) == 1
        assert [one.decision for one in played.told(DecisionDefaulted)] == ["BreakingIn"]
        played.check()


def breaking_off() -> Stage:
    @stage("narrate", on=(FloorGiven,), lane=Lane.NARRATION, priority=100)
    async def narrate(floor: Event[FloorGiven], ctx: Context) -> AsyncIterator[TurnAssistant]:
        speaker, answers = floor.payload.speaker_id, floor.payload.turn_id
        yield TurnAssistant(speaker_id=speaker, text="Hm", answers=answers, truncated=True, ended="dropped")

    return narrate


async def test_nobody_is_asked_about_what_was_cut_off_authored_or_said_to_the_host_alone(
    tmp_path: Path,
) -> None:
    async with table(tmp_path / "a.db", *STAGES, guest={}, narrate=breaking_off()) as played:
        await played.say("Ada?")
        await played.append(TurnAssistant(speaker_id=played.host_id, text="Welcome.", ended="authored"))
        await played.settled()
        assert played.fake.decisions == []
    async with table(tmp_path / "b.db", *STAGES) as played:
        await played.say("Ada?")
        assert played.fake.decisions == []


async def test_nobody_breaks_in_when_you_have_spoken_on_or_the_guest_has_left(tmp_path: Path) -> None:
    slow = BREAKS_IN.model_copy(update={"stall_after": 0})
    for leave in (True, False):
        async with table(
            tmp_path / f"{leave}.db", *STAGES, guest={}, judging={INTERJECTION: slow}, narrate=replies("Yes.")
        ) as played:
            await played.send("Ada?")
            await played.fake.decided(1)
            if leave:
                await played.remove_guest()
            else:
                await played.send("Ada, go on.")
            played.fake.judging = {}
            await played.fake.release()
            await played.settled()
            assert {floor.speaker_id for floor in played.told(FloorGiven)} == {played.host_id}
            played.check()
