"""Kickoff and introduction: what is read out of the person's words, and that nothing starts unagreed."""

from pathlib import Path

import pytest

from pipeline.passing import Passing
from store import places, plot, relations, views
from store.errors import Conflict, Invalid, NotFound, Refused
from store.events import (
    YOU,
    Condition,
    Container,
    DecisionDefaulted,
    Opening,
    OpeningActivity,
    OpeningEdge,
    OpeningProposed,
    Prop,
    StoryPlan,
    TurnAssistant,
)
from tests.actors.bench import SHORT, UNUSABLE, empty_table
from tests.fakes.behaviour import decides

READ = {
    "place": "Night train",
    "description": "A compartment for four.",
    "slots": ["window seat", "door"],
    "moving": True,
    "public": False,
    "audible_range": "slot",
    "time": "midnight",
    "weather": "snow",
    "activities": [{"who": "ada", "activity": "reading"}, {"who": "Nobody", "activity": "lurking"}],
    "relationships": [
        {"who": "Ada", "of": "you", "affinity": 40, "trust": -10, "summary": "An old flame."},
        {"who": "Ada", "of": "Ada", "affinity": 9, "trust": 9, "summary": ""},
    ],
    "coming": [{"title": "The border", "description": "Papers, please.", "things": ["a stamp", ""]}],
}
MET = {
    "first": {"affinity": 30, "trust": 20, "knows": ["Bea sails"], "summary": "A friend."},
    "second": {"affinity": -50, "trust": 0, "knows": [], "summary": ""},
}


async def test_an_opening_is_proposed_corrected_agreed_on_and_only_then_played(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "kickoff") as on:
        ada = await on.bot("Ada", first_message="Hello {{user}}.")
        on.fake.default = decides(READ)
        chat_id = await on.start(ada, opening="On the night train, Ada reads.", you_name="Max")
        with pytest.raises(Refused, match="not begun"):
            await on.play.send_turn(chat_id, "Hello?")
        await on.settled()
        db = on.store.hot
        proposal = views.chat(db, chat_id).proposal
        assert proposal is not None
        assert proposal.container == Container(
            name="Night train",
            description="A compartment for four.",
            slots=("window seat", "door"),
            moving=True,
            audible_range="slot",
        )
        assert proposal.activities == (OpeningActivity(entity_id=ada, activity="reading"),)
        assert [(edge.observer_id, edge.target_id) for edge in proposal.edges] == [(ada, YOU)]
        border = StoryPlan(title="The border", description="Papers, please.", props=(Prop(name="a stamp"),))
        assert proposal.story_events == (border,)
        with pytest.raises(Refused, match="not begun"):
            await on.play.send_turn(chat_id, "Hello?")
        assert (places.scenes(db, chat_id), on.events(TurnAssistant)) == ([], [])
        late = Opening(story_events=(border.model_copy(update={"expires": 3}),))
        with pytest.raises(Invalid, match="expires: 3,"):
            await on.play.confirm_opening(chat_id, late)
        await on.play.confirm_opening(chat_id, proposal.model_copy(update={"time": "dawn"}))
        assert [one.plan for one in plot.open_story_events(db, chat_id)] == [border]
        scene = places.scene(db, views.chat(db, chat_id).scene_id or 0)
        assert places.place(db, scene.container_id or 0).container.moving
        assert places.world(db, chat_id).time == "dawn"
        assert relations.states(db, chat_id)[ada].activity == "reading"
        edge = relations.edge(db, chat_id, ada, YOU)
        assert (edge.affinity, edge.trust, edge.summary) == (40, -10, "An old flame.")
        assert relations.edge(db, chat_id, YOU, ada).affinity == 0
        assert [one.text for one in on.told(TurnAssistant)] == ["Hello Max."]
        await on.play.send_turn(chat_id, "Hello.")
        with pytest.raises(Conflict, match="begun already"):
            await on.play.confirm_opening(chat_id, proposal)
        on.check()


async def test_what_is_to_happen_waits_for_what_the_opening_says_as_far_as_that_can_be_told(
    tmp_path: Path,
) -> None:
    coming = [
        {
            "title": "Border",
            "when": "two hours later",
            "where": "The Night Train",
            "present": ["you", "Nobody"],
        },
        {"title": "Alarm", "when": 7, "where": ["Corridor"], "words": "the brake\x00", "present": "Ada"},
        {"title": "Talk", "when": "some day", "where": "night train", "words": "!", "present": ["Ada"]},
    ]
    async with empty_table(tmp_path / "chat.db", "kickoff") as on:
        ada = await on.bot("Ada")
        on.fake.default = decides(READ | {"coming": coming})
        chat_id = await on.start(ada, opening="On the night train.", you_name="Max")
        await on.settled()
        proposal = views.chat(on.store.hot, chat_id).proposal
        assert proposal is not None
        border, alarm, talk = proposal.story_events
        assert border.triggers == (Condition(kind="time", clock=120),)
        here = Condition(kind="place", place="Night train")
        assert border.preconditions == (here, Condition(kind="present", entity_ids=(YOU,)))
        assert alarm.triggers == (Condition(kind="phrase", phrase="the brake"),)
        corridor = Condition(kind="place", place="Corridor")
        assert alarm.preconditions == (corridor, Condition(kind="present", entity_ids=(ada,)))
        assert (talk.triggers, talk.preconditions) == ((), ()), "all of it is so from the beginning"
        await on.play.confirm_opening(chat_id, proposal)
        assert [one.plan for one in plot.open_story_events(on.store.hot, chat_id)] == [border, alarm, talk]
        on.check()


@pytest.mark.parametrize(
    ("name", "you", "who", "reads"),
    [
        ("Will", "May", "will", "host"),
        ("Will", "May", "May", "you"),
        ("Ada", "ada", "Ada (host)", "host"),
        ("Ada", "ada", "Ada", None),
        ("a+(b", "Max", "A+(B", "host"),
        ("🦊", "Max", "🦊", "host"),
        ("שרה", "Max", "שָׂרָה", "host"),
        ("Ada", "Max", "Queen Bee", "host"),
        ("Ada", "Queen Bee", "Queen Bee", "you"),
        ("Ada", "Max", "I", "you"),
        ("I", "Max", "I", "host"),
        ("Ada", "Max", "the user", "you"),
    ],
)
async def test_whoever_an_opening_tells_of_is_found_by_name_alias_or_part(
    tmp_path: Path, name: str, you: str, who: str, reads: str | None
) -> None:
    async with empty_table(tmp_path / "chat.db", "kickoff") as on:
        bot = await on.bot(name, aliases=("Queen Bee",))
        on.fake.default = decides({"activities": [{"who": who, "activity": "reading"}]})
        await on.start(bot, opening="Somebody reads.", you_name=you)
        await on.settled()
        (proposed,) = on.told(OpeningProposed)
        ids = {"host": bot, "you": YOU}
        assert [one.entity_id for one in proposed.opening.activities] == (
            [ids[reads]] if reads is not None else []
        )


@pytest.mark.parametrize("way", UNUSABLE)
async def test_an_opening_that_cannot_be_read_proposes_only_what_is_certain(tmp_path: Path, way: str) -> None:
    async with empty_table(tmp_path / "chat.db", "kickoff", patience=SHORT) as on:
        on.fake.default = UNUSABLE[way]
        await on.start(await on.bot("Ada"), opening="Somewhere.")
        await on.settled()
        assert [one.opening for one in on.told(OpeningProposed)] == [Opening()]
        assert len(on.told(DecisionDefaulted)) == 1
        on.check()


async def test_whoever_does_not_wait_for_the_proposal_is_not_overruled_by_it(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db") as on:
        chat_id = await on.start(await on.bot("Ada"), opening="A pub.")
        mine = Opening(container=Container(name="Pub"))
        await on.play.confirm_opening(chat_id, mine)
        await on.append(OpeningProposed(opening=Opening(time="never")), cause_id=chat_id)
        assert views.chat(on.store.hot, chat_id).proposal == mine
        on.check()


async def test_an_opening_names_only_those_who_are_there(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db") as on:
        ada, bea = await on.bot("Ada"), await on.bot("Bea")
        chat_id = await on.start(ada, opening="A pub.")
        for wrong in (
            Opening(activities=(OpeningActivity(entity_id=bea, activity="x"),)),
            Opening(edges=(OpeningEdge(observer_id=ada, target_id=ada, affinity=1),)),
        ):
            with pytest.raises(Invalid):
                await on.play.confirm_opening(chat_id, wrong)
        assert not views.chat(on.store.hot, chat_id).begun


async def test_who_may_come_in_as_a_guest(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db") as on:
        ada, bea, cleo, gone = [await on.bot(name) for name in ("Ada", "Bea", "Cleo", "Gone")]
        await on.play.archive_bot(gone)
        chat_id = await on.start(ada)
        with pytest.raises(Refused, match="host"):
            await on.play.add_guest(chat_id, ada)
        with pytest.raises(Refused, match="archived"):
            await on.play.add_guest(chat_id, gone)
        with pytest.raises(NotFound, match="no bot"):
            await on.play.add_guest(chat_id, 999)
        with pytest.raises(NotFound, match="no chat"):
            await on.play.add_guest(999, bea)
        with pytest.raises(Refused, match="no guest"):
            await on.play.remove_guest(chat_id)
        await on.play.add_guest(chat_id, bea)
        with pytest.raises(Refused, match="already here"):
            await on.play.add_guest(chat_id, cleo)
        await on.play.remove_guest(chat_id)
        await on.play.add_guest(chat_id, cleo)
        assert views.chat(on.store.hot, chat_id).guest_id == cleo
        on.check()


async def test_whether_they_have_met_becomes_two_edges_and_no_more(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "introduce") as on:
        ada, bea = await on.bot("Ada"), await on.bot("Bea")
        on.fake.default = decides(MET)
        chat_id = await on.start(ada, guest_id=bea, met="Ada likes Bea; Bea secretly hates her.")
        await on.settled()
        db = on.store.hot
        edges = {(one.observer_id, one.target_id): one for one in relations.edges(db, chat_id)}
        assert set(edges) == {(ada, bea), (bea, ada)}
        assert (edges[ada, bea].affinity, edges[ada, bea].summary) == (30, "A friend.")
        assert (edges[bea, ada].affinity, edges[bea, ada].trust) == (-50, 0)
        assert [(fact.text, fact.how) for fact in relations.facts(db, chat_id, ada)] == [
            ("Bea sails", "witnessed")
        ]
        assert relations.facts(db, chat_id, bea) == []
        on.check()


@pytest.mark.parametrize("way", UNUSABLE)
async def test_strangers_stay_strangers_when_nothing_can_be_read(tmp_path: Path, way: str) -> None:
    async with empty_table(tmp_path / "chat.db", "introduce", patience=SHORT) as on:
        on.fake.default = UNUSABLE[way]
        ada, bea = await on.bot("Ada"), await on.bot("Bea")
        chat_id = await on.start(ada, guest_id=bea, met="They were at school together.")
        await on.settled()
        assert relations.edges(on.store.hot, chat_id) == []
        assert len(on.told(DecisionDefaulted)) == 1
        on.check()


async def test_two_of_one_name_are_introduced_by_their_parts(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "introduce") as on:
        host, guest = await on.bot("Will (x"), await on.bot("will (X")
        await on.start(host, guest_id=guest, met="They are cousins.")
        await on.settled()
        (prompt,) = on.asked()
        assert "The first is Will (x (host), the second is will (X (guest)." in prompt


async def test_nobody_is_asked_about_a_guest_of_whom_nothing_is_told(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "introduce") as on:
        await on.start(await on.bot("Ada"), guest_id=await on.bot("Bea"), met="  ")
        await on.settled()
        assert on.fake.requests == []


async def test_what_is_out_of_character_reaches_no_model_before_play_either(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "kickoff", "introduce") as on:
        ada, bea = await on.bot("Ada"), await on.bot("Bea")
        on.fake.default = decides({})
        told = {"opening": "A train. ((ASIDE))", "met": "Sisters. ((ASIDE))"}
        await on.start(ada, guest_id=bea, **told)
        await on.settled()
        asked = "\n".join(on.asked())
        assert "A train." in asked
        assert "Sisters." in asked
        assert "ASIDE" not in asked
        await on.play.confirm_opening(on.chat_id, Opening())
        await on.say("Hm.")
        scene_id = await Passing(on.store).meanwhile(on.chat_id, 1, "They quarrel. ((ASIDE))")
        assert places.scene(on.store.hot, scene_id).title == "They quarrel."
