"""Activities: only what is really different leaves the stage, in the scene it belongs to."""

import json
from pathlib import Path
from typing import Any

import pytest

from store import places, relations
from store.events import (
    YOU,
    ActivityChanged,
    Container,
    ContainerChanged,
    ContainerCreated,
    DecisionDefaulted,
    EntityChanged,
    InventoryChanged,
    SceneOpened,
    TurnUser,
)
from tests.actors.bench import ACTIVITIES, SHORT, Table, table
from tests.fakes.behaviour import Behaviour, decides, drops, says, stalls


def change(who: str, what: str, now: str) -> dict[str, str]:
    return {"who": who, "what": what, "now": now}


def tells(*changes: dict[str, str], **more: Any) -> Behaviour:
    return decides({"changes": list(changes), **more})


async def turn(played: Table, text: str = "So be it.") -> None:
    await played.append(TurnUser(text=text))
    await played.settled()


async def test_what_is_different_now_leaves_as_events_and_a_repetition_does_not(tmp_path: Path) -> None:
    told = tells(
        change("ada", "Activity", "rowing the boat"),
        change("Ada", "mood", "cheerful"),
        change("You", "gained", "a silver key"),
        change("Ada", "lost", "the moon"),
        change("Clara", "mood", "absent"),
        change("Ada", "goals", "unchanged"),
    )
    async with table(tmp_path / "chat.db", "activities", judging={ACTIVITIES: told}) as played:
        await turn(played)
        await turn(played)
        assert played.told(ActivityChanged) == [
            ActivityChanged(entity_id=played.host_id, activity="rowing the boat")
        ]
        assert played.told(EntityChanged) == [EntityChanged(entity_id=played.host_id, mood="cheerful")]
        assert played.told(InventoryChanged) == [InventoryChanged(entity_id=YOU, gained=("a silver key",))]
        assert len(played.fake.decisions) == 2
        played.check()


async def test_what_is_held_can_be_lost_and_a_thing_both_lost_and_gained_stays(tmp_path: Path) -> None:
    told = tells(
        change("Ada", "lost", "The Key"), change("Ada", "lost", "rope"), change("Ada", "gained", "Rope")
    )
    async with table(tmp_path / "chat.db", "activities", judging={ACTIVITIES: told}) as played:
        await played.append(InventoryChanged(entity_id=played.host_id, gained=("the key", "rope")))
        await turn(played)
        assert relations.states(played.store.hot, played.chat_id)[played.host_id].inventory == ("rope",)
        played.check()


async def carriage(played: Table) -> int:
    inside = Container(name="A carriage", slots=("left seat", "right seat"))
    created = await played.append(ContainerCreated(container=inside))
    await played.append(SceneOpened(container_id=created))
    return created


async def test_the_place_begins_to_move_is_laid_out_anew_and_seats_are_its_own(tmp_path: Path) -> None:
    told = tells(
        change("Ada", "slot", "LEFT seat"), change("You", "slot", "the roof"), place="moving", slots=[]
    )
    async with table(tmp_path / "chat.db", "activities", judging={ACTIVITIES: told}) as played:
        container_id = await carriage(played)
        await turn(played)
        states = relations.states(played.store.hot, played.chat_id)
        assert states[played.host_id].slot == "left seat"
        assert YOU not in states
        assert places.place(played.store.hot, container_id).container.moving
        played.fake.judging = {ACTIVITIES: tells(place="moving", slots=["bench", "bench", "roof"])}
        await turn(played)
        await turn(played)
        assert places.place(played.store.hot, container_id).container.slots == ("bench", "roof")
        assert len(played.told(ContainerChanged)) == 2
        played.check()


async def test_a_turn_of_an_earlier_scene_says_nothing_of_the_one_that_is_now(tmp_path: Path) -> None:
    told = tells(change("Ada", "activity", "packing"), change("Ada", "mood", "sad"), place="moving")
    slow = told.model_copy(update={"stall_after": 0})
    async with table(tmp_path / "chat.db", "activities", judging={ACTIVITIES: slow}) as played:
        await played.append(TurnUser(text="We pack."))
        await played.fake.decided(1)
        container_id = await carriage(played)
        await played.fake.release()
        await played.settled()
        assert played.told(ActivityChanged) == []
        assert played.told(EntityChanged) == [EntityChanged(entity_id=played.host_id, mood="sad")]
        assert not places.place(played.store.hot, container_id).container.moving
        played.check()


async def test_the_turn_that_closes_a_scene_already_tells_of_the_next(tmp_path: Path) -> None:
    told = tells(change("Ada", "activity", "climbing in")).model_copy(update={"stall_after": 0})
    async with table(tmp_path / "chat.db", "activities", judging={ACTIVITIES: told}) as played:
        turn_id = await played.append(TurnUser(text="We get into the carriage."))
        await played.fake.decided(1)
        await played.append(SceneOpened(), cause_id=turn_id)
        await played.fake.release()
        await played.settled()
        assert relations.states(played.store.hot, played.chat_id)[played.host_id].activity == "climbing in"
        played.check()


async def test_a_hand_edit_made_meanwhile_is_what_is_compared_with(tmp_path: Path) -> None:
    told = tells(change("Ada", "mood", "calm")).model_copy(update={"stall_after": 0})
    async with table(tmp_path / "chat.db", "activities", judging={ACTIVITIES: told}) as played:
        await played.append(TurnUser(text="Breathe."))
        await played.fake.decided(1)
        await played.append(EntityChanged(entity_id=played.host_id, mood="Calm"))
        await played.fake.release()
        await played.settled()
        assert len(played.told(EntityChanged)) == 1


async def test_a_guest_removed_meanwhile_changes_no_more(tmp_path: Path) -> None:
    told = tells(change("Bea", "mood", "proud"), change("Ada", "mood", "glad"))
    slow = told.model_copy(update={"stall_after": 0})
    async with table(tmp_path / "chat.db", "activities", guest={}, judging={ACTIVITIES: slow}) as played:
        await played.append(TurnUser(text="Well done."))
        await played.fake.decided(1)
        await played.remove_guest()
        await played.fake.release()
        await played.settled()
        assert played.told(EntityChanged) == [EntityChanged(entity_id=played.host_id, mood="glad")]
        played.check()


async def test_the_judge_sees_only_what_all_present_perceived(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "activities") as played:
        await turn(played, "The treasure is under the OAK.")
        await played.add_guest(name="Bea")
        await turn(played, "Welcome, Bea.")
        assert "OAK" in json.dumps(played.fake.decisions[0].json)
        assert "OAK" not in json.dumps(played.fake.decisions[1].json)


async def test_texts_too_long_for_the_log_are_clipped(tmp_path: Path) -> None:
    long = "very " * 2_000
    told = tells(change("Ada", "activity", long), change("Ada", "gained", long), slots=[long])
    async with table(tmp_path / "chat.db", "activities", judging={ACTIVITIES: told}) as played:
        await carriage(played)
        await turn(played)
        assert len(played.told(ActivityChanged)[0].activity) <= 200
        assert len(played.told(InventoryChanged)[0].gained[0]) <= 200
        assert played.told(DecisionDefaulted) == []
        played.check()


@pytest.mark.parametrize(
    "answer",
    [
        says("Nothing much."),
        decides({"changes": [change("Ada", "height", "taller")]}),
        stalls(0),
        drops(1),
        says("As an AI I won't."),
    ],
    ids=["prose", "unknown", "stall", "drop", "refusal"],
)
async def test_whatever_the_classifier_does_nothing_changes_and_it_is_on_record(
    tmp_path: Path, answer: Behaviour
) -> None:
    async with table(
        tmp_path / "chat.db", "activities", judging={ACTIVITIES: answer}, patience=SHORT
    ) as played:
        await turn(played)
        assert relations.states(played.store.hot, played.chat_id) == {}
        assert [one.decision for one in played.told(DecisionDefaulted)] == ["Differences"]
        played.check()
