"""Time passes: skips land in another scene, bots go on by themselves, what you missed comes to you."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.context import Context
from pipeline.passing import Passing
from pipeline.rewriting import Rewriting
from pipeline.stage import Emits, Lane, Stage, stage
from pipeline.story_time import told
from store import meanwhile, memories, places, queries, relations, views
from store.errors import Conflict, Invalid, Refused
from store.events import (
    DAY,
    NOON,
    YOU,
    AutoModeSet,
    AutoTicked,
    Condition,
    Event,
    FloorGiven,
    MemoryWritten,
    SceneClosed,
    StoryEventPlanned,
    StoryEventStarted,
    StoryPlan,
    TimeSkipped,
    TurnAssistant,
    WorldChanged,
)
from tests.actors.bench import Table, empty_table, table
from tests.fakes.behaviour import decides, says, stalls
from tests.settling import until

LANDS = decides({"memory": "I mended the nets all night.", "activity": "yawning", "weather": "rain"})
LANDING, DIGEST, SCENE = '\\"memory\\"', '\\"learnt\\": {\\"', '\\"hours\\"'
TIME_STAGES = ("addressee", "auto", "skip", "landing", "digest", "remember")


def speaks() -> Stage:
    """A narrator that needs no model, and says where in the dialogue it was asked."""

    @stage("narrate", on=(FloorGiven,), lane=Lane.NARRATION, priority=100)
    async def narrate(floor: Event[FloorGiven], ctx: Context) -> Emits:
        given = floor.payload
        yield TurnAssistant(
            speaker_id=given.speaker_id,
            text=f"Said at {floor.id}.",
            answers=None if given.unprompted else given.turn_id,
            unprompted_at=floor.id if given.unprompted else None,
            alternative_of=given.alternative_of,
        )

    return narrate


def passing(on: Table) -> Passing:
    return Passing(on.store)


def clocks(on: Table) -> list[int]:
    return [one.clock for one in views.turns_before(on.store.hot, on.chat_id, None, 500)]


async def test_a_jump_closes_the_scene_lets_time_pass_and_is_undone_whole(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *TIME_STAGES, judging={LANDING: LANDS}) as on:
        db = on.store.hot
        await on.append(WorldChanged(weather="fog"))
        plan = StoryPlan(title="The storm", triggers=(Condition(kind="time", clock=2 * DAY),))
        await on.append(StoryEventPlanned(plan=plan))
        await on.say("Good night.")
        before, scene_id = views.chat(db, on.chat_id), views.chat(db, on.chat_id).scene_id
        for again in (1, 2):
            await passing(on).skip(on.chat_id, "jump", words="three days later, at dawn")
            await on.settled()
            now = views.chat(db, on.chat_id)
            assert told(now.clock) == "day 4, 06:00"
            assert now.scene_id != scene_id
            assert places.world(db, on.chat_id).time == "early morning of day 4"
            assert places.world(db, on.chat_id).weather == "rain"
            assert len(on.told(StoryEventStarted)) == again
            (kept,) = [
                one for one in memories.of_owner(db, on.chat_id, on.host_id, limit=9) if one.form == "digest"
            ]
            assert (kept.text, kept.witnesses) == ("I mended the nets all night.", (on.host_id,))
            assert relations.states(db, on.chat_id)[on.host_id].activity == "yawning"
            assert "time.skip_requested" in await Rewriting(on.store, tmp_path).undo(on.chat_id)
            assert views.chat(db, on.chat_id).clock == before.clock
            assert views.chat(db, on.chat_id).scene_id == scene_id
            assert memories.of_owner(db, on.chat_id, on.host_id, limit=9)[-1].form == "turn"
        on.check()


async def test_an_elision_stays_in_the_scene_and_asks_no_model(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *TIME_STAGES) as on:
        await on.say("Let us walk.")
        scene_id = views.chat(on.store.hot, on.chat_id).scene_id
        await passing(on).skip(on.chat_id, "elision", minutes=90)
        await on.settled()
        await on.say("There it is.")
        assert views.chat(on.store.hot, on.chat_id).scene_id == scene_id
        assert clocks(on) == [NOON, NOON + 1, NOON + 92, NOON + 93]
        assert on.told(SceneClosed) == [] and on.fake.requests == []
        on.check()


async def test_what_a_person_writes_skips_time_as_the_control_does(tmp_path: Path) -> None:
    answer = decides(
        {"change": "time", "words": "the next morning", "time": "morning", "place": "", "hours": 0}
    )
    async with table(tmp_path / "chat.db", "scene", *TIME_STAGES, judging={SCENE: answer}) as on:
        await on.send("And the next morning we sail.")
        await on.settled()
        (skipped,) = on.events(TimeSkipped)
        turn, reply = views.turns_before(on.store.hot, on.chat_id, None, 9)
        assert told(turn.clock) == "day 2, 08:00"
        assert (skipped.payload.mode, skipped.payload.turn_id, reply.clock) == (
            "jump",
            turn.id,
            turn.clock + 1,
        )
        assert turn.scene_id == reply.scene_id == views.chat(on.store.hot, on.chat_id).scene_id
        assert places.scene(on.store.hot, turn.scene_id or 0).clock == turn.clock
        on.check()


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"minutes": 0}, "goes forward"),
        ({"minutes": -60}, "-60 minutes do not"),
        ({"words": "two hours ago"}, "the words “two hours ago” do not"),
        ({"words": "a thousand years"}, "long"),
        ({"minutes": 2**70}, "long"),
        ({"words": "blue"}, "“blue” tell no time"),
        ({"words": "x" * 3000}, "characters"),
        ({}, "Nothing says how much later"),
    ],
)
async def test_a_skip_that_is_none_is_refused_and_loses_nothing(
    tmp_path: Path, asked: dict[str, Any], wrong: str
) -> None:
    async with table(tmp_path / "chat.db", *TIME_STAGES) as on:
        await on.say("Hello.")
        with pytest.raises(Invalid, match=wrong):
            await passing(on).skip(on.chat_id, "jump", **asked)
        with pytest.raises(Invalid):
            await passing(on).skip(on.chat_id, "elision", minutes=2 * DAY)
        assert on.told(TimeSkipped) == []


async def test_nobody_goes_elsewhere_in_the_middle_of_a_reply(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "narrate", *TIME_STAGES) as on:
        await on.start(await on.bot("Ada"), guest_id=await on.bot("Bea"))
        on.fake.script(stalls(2, ping_ms=20))
        await on.send("Ada?")
        await until(on.store, lambda: queries.partials(on.store.hot, on.chat_id))
        with pytest.raises(Conflict):
            await passing(on).skip(on.chat_id, "jump", words="next morning")
        with pytest.raises(Conflict):
            await passing(on).meanwhile(on.chat_id, 2)
        await on.play.stop(on.chat_id)
        await on.settled()


async def test_a_scene_without_you_is_theirs_and_only_its_digest_comes_to_you(tmp_path: Path) -> None:
    learnt = decides({"learnt": "They have made up."})
    async with table(
        tmp_path / "chat.db", *TIME_STAGES, narrate=speaks(), guest={}, judging={DIGEST: learnt}
    ) as on:
        db, you = on.store.hot, frozenset({YOU})
        await on.say("Ada?")
        place = views.chat(db, on.chat_id).scene_id
        scene_id = await passing(on).meanwhile(on.chat_id, 3, "They quarrel.")
        await on.settled()
        with pytest.raises(Refused):
            await passing(on).meanwhile(on.chat_id, 3)
        said = [one for one in views.turns_before(db, on.chat_id, None, 9) if one.scene_id == scene_id]
        assert [one.speaker_id for one in said] == [on.guest_id, on.host_id, on.guest_id]
        assert {one.present for one in said} == {(on.host_id, on.guest_id)}
        assert not [
            one
            for one in on.told(MemoryWritten)
            if one.turn_id in {t.id for t in said} and you & {*one.witnesses}
        ]
        await on.say("I am back, Ada.")
        back = views.turns_before(db, on.chat_id, None, 2)[0]
        assert back.scene_id not in (place, scene_id) and YOU in back.present
        (digest,) = meanwhile.digests(db, on.chat_id)
        assert (digest.text, digest.told_by) == ("They have made up.", (on.host_id, on.guest_id))
        (fact,) = relations.facts(db, on.chat_id, YOU)
        assert (fact.text, fact.how) == ("They have made up.", "digest")
        edited = await passing(on).edit_digest(
            on.chat_id, digest.id, "They broke up.", seen=digest.changed_by
        )
        (fact,) = relations.facts(db, on.chat_id, YOU)
        assert fact.text == "They broke up."
        await passing(on).edit_digest(on.chat_id, digest.id, "", seen=edited or 0)
        assert relations.facts(db, on.chat_id, YOU) == []
        await on.settled()
        on.check()


async def test_a_scene_without_you_needs_a_guest_and_a_number(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *TIME_STAGES, narrate=speaks()) as on:
        await on.say("Hello.")
        with pytest.raises(Refused, match="no guest"):
            await passing(on).meanwhile(on.chat_id, 3)
        await on.add_guest("Bea")
        for turns in (-1, 0, 51):
            with pytest.raises(Invalid):
                await passing(on).meanwhile(on.chat_id, turns)
        assert on.told(SceneClosed) == []


async def test_they_go_on_for_as_many_turns_as_asked_and_not_again_by_themselves(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *TIME_STAGES, narrate=speaks(), guest={}) as on:
        db, rewriting = on.store.hot, Rewriting(on.store, tmp_path)
        await on.say("Ada?")
        await passing(on).auto(on.chat_id, 4)
        await on.settled()
        turns = views.turns_before(db, on.chat_id, None, 20)
        assert len(turns) == 2 + 4
        assert clocks(on) == list(range(NOON, NOON + 6))
        await rewriting.regenerate(on.chat_id, turns[3].id)
        await on.settled()
        again = views.turns_before(db, on.chat_id, None, 20)
        assert [one.id for one in again[:3]] == [one.id for one in turns[:3]]
        assert [one.alternative_of for one in again[3:]] == [turns[3].id]
        await rewriting.select(on.chat_id, turns[3].id)
        await on.settled()
        assert [one.id for one in views.turns_before(db, on.chat_id, None, 20)] == [one.id for one in turns]
        await rewriting.rewind(on.chat_id, turns[2].id)
        await on.settled()
        assert [one.id for one in views.turns_before(db, on.chat_id, None, 20)] == [
            one.id for one in turns[:3]
        ]
        await rewriting.switch(on.chat_id, on.chat_id)
        await rewriting.retract(on.chat_id, turns[4].id)
        await rewriting.undo(on.chat_id)
        await rewriting.retract(on.chat_id, turns[2].id)
        await on.settled()
        assert len(views.turns_before(db, on.chat_id, None, 20)) == 2
        assert len(on.told(AutoTicked)) == 4
        assert views.chat(db, on.chat_id).auto_left == 0
        on.check()


async def test_whoever_speaks_up_ends_auto_mode_and_is_answered_after_what_was_being_said(
    tmp_path: Path,
) -> None:
    async with empty_table(tmp_path / "chat.db", "narrate", *TIME_STAGES) as on:
        db = on.store.hot
        await on.start(await on.bot("Ada"), guest_id=await on.bot("Bea"))
        on.fake.default = says("Hm.")
        await on.say("Ada?")
        on.fake.default = says("A long way off.", pace_ms=60)
        await passing(on).meanwhile(on.chat_id, 5)
        await until(on.store, lambda: queries.partials(db, on.chat_id))
        await on.say("Ada, I am back.")
        *_, alone, mine, answer = views.turns_before(db, on.chat_id, None, 9)
        assert [one.speaker_id for one in (mine, answer)] == [None, on.host_id]
        assert (alone.answers, YOU in alone.present, YOU in answer.present) == (None, False, True)
        assert clocks(on) == sorted(clocks(on))
        assert [one.turns for one in on.told(AutoModeSet)] == [5, 0]
        assert len(on.told(AutoTicked)) == len([one for one in on.told(TurnAssistant) if one.answers is None])
        assert any("I am back" in asked for asked in on.asked())
        assert all("A long way off." not in str(one) for one in relations.facts(db, on.chat_id, YOU))
        on.check()


async def test_auto_mode_needs_something_to_go_on_from(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *TIME_STAGES, narrate=speaks()) as on:
        with pytest.raises(Refused, match="Nothing has been said"):
            await passing(on).auto(on.chat_id, 2)
        assert await passing(on).auto(on.chat_id, 0) is None
        with pytest.raises(Invalid):
            await passing(on).auto(on.chat_id, 51)
