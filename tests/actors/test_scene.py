"""Scene: a new one only when the person's own words say so, beginning with the turn that says it."""

from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.stage import Emits, Lane, stage
from store import places, views
from store.events import (
    ChatStarted,
    Container,
    ContainerCreated,
    DecisionDefaulted,
    Event,
    SceneClosed,
    SceneOpened,
    TurnAssistant,
    TurnUser,
    WorldChanged,
)
from tests.actors.bench import SHORT, UNUSABLE, empty_table
from tests.fakes.behaviour import decides

TO_THE_BEACH = {
    "change": "place",
    "words": "drive to the beach",
    "place": "The beach",
    "time": "evening",
    "weather": "",
}


@stage("narrate", on=(TurnUser,), lane=Lane.NARRATION, priority=100)
async def narrate(turn: Event[TurnUser], ctx: Context) -> Emits:
    yield TurnAssistant(speaker_id=1, text="Indeed.", answers=turn.id)


async def test_a_change_of_place_closes_the_scene_and_opens_one_that_begins_with_the_turn(
    tmp_path: Path,
) -> None:
    async with empty_table(tmp_path / "chat.db", "scene", others=(narrate,)) as on:
        chat_id = await on.start(await on.bot("Ada"))
        first = await on.say("Hello.")
        on.fake.script(decides(TO_THE_BEACH))
        moving = await on.say("We get in the car and drive to the beach. It is evening.")
        db = on.store.hot
        old, new = places.scenes(db, chat_id)
        (closed,) = on.events(SceneClosed)
        assert (old.closed_by, new.closed_by) == (closed.id, None)
        assert new.container_id is not None
        assert places.place(db, new.container_id).container.name == "The beach"
        assert places.world(db, chat_id).time == "evening"
        assert views.chat(db, chat_id).scene_id == new.id
        lies_in = {turn.anchor_id: turn.scene_id for turn in views.turns_before(db, chat_id, None, 10)}
        assert lies_in == {first: old.id, moving: new.id}
        on.check()


async def test_a_place_that_is_known_is_the_same_place_again(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "scene") as on:
        await on.start(await on.bot("Ada"))
        beach = await on.append(ContainerCreated(container=Container(name="the BEACH")))
        on.fake.script(decides(TO_THE_BEACH))
        await on.say("We drive to the beach.")
        assert [one.container_id for one in on.told(SceneOpened)] == [None, beach]
        assert len(on.told(ContainerCreated)) == 1
        on.check()


async def test_those_who_share_a_name_are_told_apart_in_what_was_said(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "scene") as on:
        await on.start(await on.bot("🦊 Will", first_message="Hello."), you_name="🦊 WILL")
        await on.say("Shall we go?")
        (prompt,) = on.asked()
        assert "🦊 Will (host): Hello." in prompt
        assert "by 🦊 WILL (you):\nShall we go?" in prompt


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("البحر", "إلى البحر"),
        ("A.*", "to A.*"),
        ("THE 🏖 beach", "to the 🏖\ufe0f beach"),
        ("Mày", "to Ma\u0300y"),
    ],
)
async def test_a_place_and_the_words_for_it_are_found_in_any_script(
    tmp_path: Path, place: str, words: str
) -> None:
    async with empty_table(tmp_path / "chat.db", "scene") as on:
        await on.start(await on.bot("Ada"))
        known = await on.append(ContainerCreated(container=Container(name=place)))
        answer = {
            "change": "place",
            "words": words.upper(),
            "place": place.lower(),
            "time": "",
            "weather": "",
        }
        on.fake.script(decides(answer))
        await on.say(f"We go {words} now.")
        assert [one.container_id for one in on.told(SceneOpened)] == [None, known]


@pytest.mark.parametrize(
    "answer",
    [
        TO_THE_BEACH | {"change": "none"},
        TO_THE_BEACH | {"change": "time", "words": "?"},
        TO_THE_BEACH | {"words": "we fly to the moon"},
        TO_THE_BEACH | {"words": ""},
        TO_THE_BEACH | {"place": " "},
    ],
)
async def test_what_the_message_does_not_bear_out_changes_nothing(
    tmp_path: Path, answer: dict[str, str]
) -> None:
    async with empty_table(tmp_path / "chat.db", "scene") as on:
        await on.start(await on.bot("Ada"))
        on.fake.script(decides(answer))
        await on.say("Shall we drive to the beach?")
        assert on.told(SceneClosed) == []
        assert on.told(WorldChanged) == []


@pytest.mark.parametrize("way", UNUSABLE)
async def test_without_a_usable_answer_the_scene_goes_on_and_that_is_recorded(
    tmp_path: Path, way: str
) -> None:
    async with empty_table(tmp_path / "chat.db", "scene", patience=SHORT) as on:
        await on.start(await on.bot("Ada"))
        on.fake.default = UNUSABLE[way]
        await on.say("We drive to the beach.")
        assert on.told(SceneClosed) == []
        (defaulted,) = on.told(DecisionDefaulted)
        assert (defaulted.stage, defaulted.decision) == ("scene", "SceneChange")
        on.check()


async def test_a_chat_from_before_there_were_scenes_gets_one_at_its_next_turn_unasked(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "scene") as on:
        host_id = await on.bot("Ada")
        on.chat_id = chat_id = await on.store.writer.submit(
            lambda txn: txn.append(ChatStarted(title="old", host_id=host_id)).id
        )
        turn_id = await on.say("Hello.")
        assert on.fake.requests == []
        assert views.turn(on.store.hot, turn_id).scene_id == views.chat(on.store.hot, chat_id).scene_id
        assert views.chat(on.store.hot, chat_id).scene_id is not None
        on.check()


async def test_what_is_said_out_of_character_moves_nobody_and_asks_nobody(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "scene") as on:
        await on.start(await on.bot("Ada"))
        await on.say("((let us drive to the beach next))")
        assert on.fake.requests == []
