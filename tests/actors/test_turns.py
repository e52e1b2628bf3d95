"""All stages of a turn together: three entities at play, with a model that gets it right, wrong or not."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

import actors
from pipeline.inference.endpoints import Profile
from pipeline.inference.lines import Patience
from pipeline.inference.types import Capabilities, Endpoint
from pipeline.opened import Opened
from pipeline.stage import Lane
from store import queries, relations, views
from store.events import (
    YOU,
    ActivityChanged,
    DecisionDefaulted,
    EdgeUpdated,
    FloorGiven,
    MemoryWritten,
    SignificanceScored,
    TurnAssistant,
)
from tests.actors.bench import (
    ACTIVITIES,
    ADDRESSEE,
    EDGES,
    INTERJECTION,
    SIGNIFICANCE,
    Table,
    empty_table,
    table,
)
from tests.fakes.behaviour import Behaviour, answers, decides, drops, says, stalls
from tests.pipeline.inference import HASTY, upstream
from tests.settling import LIMIT_S, until

RIGHT = {
    ADDRESSEE: decides({"who": "guest", "confidence": 1, "reason": "asked"}),
    INTERJECTION: decides({"interjects": True, "confidence": 1, "reason": "hurt"}),
    SIGNIFICANCE: decides({"score": 3, "reason": "a promise"}),
    EDGES: decides({"changes": [{"about": "Bea", "affinity": 1, "trust": 1}], "learnt": []}),
    ACTIVITIES: decides({"changes": [{"who": "Ada", "what": "activity", "now": "waiting"}]}),
}
WRONG = [
    says("Certainly! Here is what I think."),
    says("I'm sorry, I can't."),
    says("[1, 2, 3]"),
    says('{"score": {"score": {}}}'),
    decides({"who": 3, "interjects": 7, "score": "high", "changes": "all", "what": None}),
    decides({}),
    stalls(0),
    drops(1),
    answers(500),
    answers(429, retry_after="0"),
    Behaviour(raw="data: {\udcff garbage", tokens=0, done=False, finish=None),
]


async def test_three_at_play_with_everything_settled(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", guest={}, judging=RIGHT) as played:
        turn_id = await played.say("What now?")
        assert [one.speaker_id for one in played.told(TurnAssistant)] == [played.guest_id, played.host_id]
        assert len(played.told(MemoryWritten)) == 6
        assert [one.score for one in played.told(SignificanceScored)] == [3, 3, 3]
        assert len(played.told(ActivityChanged)) == 1
        edge = relations.edge(played.store.hot, played.chat_id, played.host_id, played.guest_id)
        assert (edge.affinity, edge.trust) == (3, 3)
        assert views.turn(played.store.hot, turn_id).significance == 3
        assert played.told(DecisionDefaulted) == []
        played.check()


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
async def test_play_never_stops_whatever_the_judge_does(tmp_path: Path, wrong: Behaviour) -> None:
    judging = dict.fromkeys(RIGHT, wrong)
    async with table(tmp_path / "chat.db", guest={}, judging=judging, patience=HASTY) as played:
        await played.say("Look!")
        await played.say("Ada, come.")
        assert played.told(FloorGiven)[0].speaker_id == played.host_id
        assert len(played.told(TurnAssistant)) >= 2
        assert len(played.told(SignificanceScored)) == len(played.told(TurnAssistant)) + 2
        played.check()


async def test_a_reply_speaks_for_nobody_but_its_speaker(tmp_path: Path) -> None:
    lines = "Ada: Then we go.\n\n*She takes the lamp.*\n\n**Beatrix:** I stay.\nAda: As you like."
    others = ("addressee", "narrate", "remember")
    guest = {"aliases": ("Beatrix",)}
    async with empty_table(tmp_path / "chat.db", *others) as played:
        host = await played.bot("Ada")
        await played.start(host, guest_id=await played.bot("Bea", **guest), you_name="Wren")
        played.fake.default = says(lines, tokens=60, pace_ms=0)
        await played.say("Ada?")
        (reply,) = played.told(TurnAssistant)
        assert (reply.text, reply.ended, reply.truncated) == (
            "Then we go.\n\n*She takes the lamp.*",
            "complete",
            False,
        )
        played.fake.default = says("I said I go.\nWren: And I?")
        await played.say("Ada!")
        assert played.told(TurnAssistant)[1].text == "I said I go."
        assert any(one.text == "I said I go." for one in played.told(MemoryWritten))
        played.check()


async def test_a_judge_that_is_down_for_a_moment_is_asked_again_and_right(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "edges", guest={}, judging={EDGES: drops(1)}) as played:
        await played.send("Look!")
        await played.fake.decided(1)
        played.fake.judging = RIGHT
        await played.settled()
        assert any(one.affinity_delta == 1 for one in played.told(EdgeUpdated))
        assert played.told(DecisionDefaulted) == []
        played.check()


def opened(endpoint: Endpoint) -> Opened:
    return Opened(Profile(name="other", kind="embedded"), endpoint, Capabilities())


async def test_a_refusal_goes_to_the_fallback_once(tmp_path: Path) -> None:
    refusal = says("I'm sorry, but I can't judge this.")
    async with AsyncExitStack() as stack:
        other, endpoint = await stack.enter_async_context(upstream())
        other.judging = {SIGNIFICANCE: decides({"score": 2})}
        played = await stack.enter_async_context(
            table(tmp_path / "chat.db", "significance", judging={SIGNIFICANCE: refusal})
        )
        played.endpoints.falling_back.take(opened(endpoint))
        await played.say("Hm.")
        assert [one.score for one in played.told(SignificanceScored)] == [2] * 1
        assert len(other.decisions) == 1
        other.judging = {SIGNIFICANCE: refusal}
        await played.say("Hm.")
        assert played.told(SignificanceScored)[-1].score == 0
        assert [one.error_class for one in played.told(DecisionDefaulted)] == ["refused"]
        played.check()


async def test_the_classifier_judges_where_there_is_one(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        other, endpoint = await stack.enter_async_context(upstream())
        other.judging = {SIGNIFICANCE: decides({"score": 1})}
        played = await stack.enter_async_context(table(tmp_path / "chat.db", "significance"))
        played.endpoints.classifying.take(opened(endpoint))
        await played.say("Hm.")
        assert {one.score for one in played.told(SignificanceScored)} == {1}
        assert played.fake.decisions == []


async def test_a_judge_that_never_answers_delays_no_reply(tmp_path: Path) -> None:
    silent = dict.fromkeys(RIGHT, stalls(0))
    async with table(tmp_path / "chat.db", guest={}, judging=silent, patience=Patience()) as played:
        with trio.fail_after(LIMIT_S):
            for number in range(3):
                await played.send(f"Ada, {number}")
            while len(played.told(TurnAssistant)) < 3:
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert played.told(DecisionDefaulted) == []
        assert played.told(SignificanceScored) == []


async def test_on_our_own_processor_bookkeeping_waits_for_the_reply(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "significance", judging=RIGHT, shares_cpu=True) as played:
        with played.endpoints.narrating():
            await played.send("Hm.")
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert played.fake.decisions == []
        await played.settled()
        assert played.told(SignificanceScored) != []


def test_only_what_a_person_waits_for_is_not_bookkeeping() -> None:
    lanes = {stage.name: stage.lane for stage in actors.ALL}
    assert {lanes.pop(name) for name in ("addressee", "auto", "skip")} == {Lane.PLAY}
    assert lanes.pop("narrate") is Lane.NARRATION
    assert set(lanes.values()) == {Lane.BOOKKEEPING}


async def remembered_by(played: Table, owner: int) -> list[str]:
    return [one.text for one in played.told(MemoryWritten) if one.owner_id == owner]


async def test_you_have_edges_of_your_own_and_no_memories(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", guest={}, judging=RIGHT) as played:
        await played.say("Ada?")
        assert await remembered_by(played, YOU) == []
        assert relations.edge(played.store.hot, played.chat_id, YOU, played.guest_id).affinity > 0


async def test_what_was_shown_is_kept_also_when_the_model_falls_silent_after_it(tmp_path: Path) -> None:
    """No further token comes that could take it along."""
    shown = "w0 w1 w2 w3 w4 w5 w6 w7"
    async with empty_table(tmp_path / "chat.db", "addressee", "narrate") as on:
        await on.start(await on.bot("Ada"))
        on.fake.script(stalls(8, ping_ms=20))
        await on.send("Ada?")
        db = on.store.hot
        await until(on.store, lambda: [one.text for one in queries.partials(db, on.chat_id)] == [shown])
        await on.play.stop(on.chat_id)
        await on.settled()
        assert on.told(TurnAssistant)[-1].text == shown
