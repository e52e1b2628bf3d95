"""Addressee: names decide without a model; where they do not, the classifier, and else the host."""

from pathlib import Path

import pytest

import actors
from pipeline.stage import Lane
from store.events import DecisionDefaulted, FloorGiven, TurnAssistant
from tests.actors.bench import ADDRESSEE, SHORT, replies, table
from tests.fakes.behaviour import Behaviour, decides, says, stalls


async def test_without_a_guest_the_host_answers_and_no_model_is_asked(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "addressee") as played:
        turn_id = await played.say("Bea, come here!")
        assert played.told(FloorGiven)[0].speaker_id == played.host_id
        assert played.told(FloorGiven)[0].turn_id == turn_id
        assert played.fake.decisions == []
        played.check()


@pytest.mark.parametrize(
    ("text", "speaks"), [("Bea?", "guest"), ("ada, tell me", "host"), ("What does B. say?", "guest")]
)
async def test_exactly_one_named_answers_and_no_model_is_asked(
    tmp_path: Path, text: str, speaks: str
) -> None:
    async with table(tmp_path / "chat.db", "addressee", guest={"aliases": ("B.",)}) as played:
        await played.say(text)
        assert played.told(FloorGiven)[0].speaker_id == getattr(played, f"{speaks}_id")
        assert played.fake.decisions == []


@pytest.mark.parametrize("text", ["Ada and Bea, look!", "Look at that!", "Look! ((Ada is the host, yes?))"])
async def test_both_or_neither_named_is_for_the_classifier(tmp_path: Path, text: str) -> None:
    chosen = decides({"who": "Guest", "confidence": "80%", "reason": "she was looked at"})
    async with table(tmp_path / "chat.db", "addressee", guest={}, judging={ADDRESSEE: chosen}) as played:
        await played.say(text)
        (floor,) = played.told(FloorGiven)
        assert (floor.speaker_id, floor.confidence) == (played.guest_id, 0.8)
        assert floor.reason == "she was looked at"
        assert len(played.fake.decisions) == 1
        assert "Ada is the host, yes?" not in str(played.fake.decisions[0].json)
        played.check()


async def test_a_turn_out_of_character_asks_nobody(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "addressee", guest={}) as played:
        await played.say("((brb, Bea))")
        assert played.told(FloorGiven)[0].speaker_id == played.host_id
        assert played.fake.decisions == []


async def test_an_alias_of_both_names_neither(tmp_path: Path) -> None:
    names = {"host": {"aliases": ("Doc",)}, "guest": {"aliases": ("doc",)}}
    async with table(
        tmp_path / "chat.db",
        "addressee",
        judging={ADDRESSEE: decides({"who": "guest"})},
        host=names["host"],
        guest=names["guest"],
    ) as played:
        await played.say("Doc, help!")
        assert played.told(FloorGiven)[0].speaker_id == played.guest_id
        assert len(played.fake.decisions) == 1


async def test_two_bots_of_one_name_are_told_apart_by_their_part(tmp_path: Path) -> None:
    async with table(
        tmp_path / "chat.db",
        "addressee",
        guest={"name": "ada"},
        judging={ADDRESSEE: decides({"who": "guest"})},
    ) as played:
        await played.say("Ada?")
        assert played.told(FloorGiven)[0].speaker_id == played.guest_id


@pytest.mark.parametrize(
    "answer",
    [
        says("I think Ada."),
        decides({"who": "nobody"}),
        says("I'm sorry, I can't help with that."),
        stalls(0),
        Behaviour(drop_after=2),
        Behaviour(status=500, body="{}"),
        Behaviour(status=429, body="{}", headers={"retry-after": "60"}),
    ],
    ids=["prose", "unknown", "refusal", "stall", "drop", "broken", "limited"],
)
async def test_whatever_the_classifier_does_the_host_answers_at_once(
    tmp_path: Path, answer: Behaviour
) -> None:
    async with table(
        tmp_path / "chat.db", "addressee", guest={}, judging={ADDRESSEE: answer}, patience=SHORT
    ) as played:
        await played.say("Look at that!")
        (floor,) = played.told(FloorGiven)
        assert (floor.speaker_id, floor.confidence) == (played.host_id, 0.0)
        (defaulted,) = played.told(DecisionDefaulted)
        assert (defaulted.stage, defaulted.decision) == ("addressee", "Answerer")
        assert [said.text for said in played.told(TurnAssistant)] == ["Indeed."]
        played.check()


async def test_a_guest_who_leaves_while_it_is_decided_is_not_given_the_floor(tmp_path: Path) -> None:
    slow = decides({"who": "guest"}).model_copy(update={"stall_after": 0})
    async with table(
        tmp_path / "chat.db", "addressee", guest={}, judging={ADDRESSEE: slow}, narrate=replies("Well.")
    ) as played:
        await played.send("Look at that!")
        await played.fake.decided(1)
        await played.remove_guest()
        await played.fake.release()
        await played.settled()
        assert played.told(FloorGiven)[0].speaker_id == played.host_id
        played.check()


async def test_a_guest_who_came_in_since_does_not_answer_what_it_has_not_heard(tmp_path: Path) -> None:
    slow = decides({"who": "guest"}).model_copy(update={"stall_after": 0})
    async with table(
        tmp_path / "chat.db", "addressee", guest={}, judging={ADDRESSEE: slow}, narrate=replies("Well.")
    ) as played:
        await played.send("Look at that!")
        await played.fake.decided(1)
        await played.send("Where is Cy?")
        await played.remove_guest()
        await played.add_guest("Cy")
        await played.fake.release()
        await played.settled()
        assert [one.speaker_id for one in played.told(FloorGiven)] == [played.host_id, played.host_id]
        assert len(played.fake.decisions) == 1
        played.check()


def test_it_runs_with_the_play_and_on_the_clock_of_its_decision() -> None:
    (stage,) = (one for one in actors.ALL if one.name == "addressee")
    assert stage.lane is Lane.PLAY
    assert stage.timeout_s is None
