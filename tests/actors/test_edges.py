"""Edges: each observer's own view of each other, from what it alone perceived."""

import json
from pathlib import Path

import pytest

from pipeline.answers import MAX_CHANGE
from store import relations
from store.events import YOU, DecisionDefaulted, EdgeUpdated, TurnAssistant, TurnUser
from tests.actors.bench import EDGES, SHORT, Table, table
from tests.fakes.behaviour import Behaviour, decides, drops, says, stalls

STAGES = ("addressee", "edges")


def prompts(played: Table) -> list[str]:
    return [json.dumps(seen.json["messages"], ensure_ascii=False) for seen in played.fake.decisions]


def viewed_by(played: Table, name: str) -> str:
    return "\n".join(prompt for prompt in prompts(played) if f"how {name} sees" in prompt)


async def test_one_decision_per_observer_covers_its_targets(tmp_path: Path) -> None:
    warmer = decides({"changes": [{"about": "Bea", "affinity": 3, "trust": "+1"}], "learnt": []})
    async with table(tmp_path / "chat.db", *STAGES, guest={}, judging={"how Ada sees": warmer}) as played:
        turn_id = await played.say("Ada, what a day.")
        assert len(played.fake.decisions) == 2 * 3
        edge = relations.edge(played.store.hot, played.chat_id, played.host_id, played.guest_id)
        assert (edge.affinity, edge.trust, edge.last_interaction_id) == (6, 2, None)
        mirror = relations.edge(played.store.hot, played.chat_id, played.guest_id, played.host_id)
        assert (mirror.affinity, mirror.changed_by) == (0, 0)
        assert all(turn_id in one.drew_on for one in played.told(EdgeUpdated))
        played.check()


async def test_without_a_guest_there_are_two_edges_and_speaking_is_kept(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *STAGES) as played:
        turn_id = await played.say("Hm.")
        assert len(played.fake.decisions) == 4
        pairs = [(one.observer_id, one.target_id, one.turn_id) for one in played.told(EdgeUpdated)]
        assert pairs[:2] == [(YOU, played.host_id, turn_id), (played.host_id, YOU, turn_id)]
        assert len(pairs) == 4
        played.check()


async def test_with_nothing_new_only_the_pair_that_spoke_is_told(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *STAGES, guest={}) as played:
        await played.say("Bea, hm.")
        told = {(one.observer_id, one.target_id) for one in played.told(EdgeUpdated)}
        assert told == {(YOU, played.guest_id), (played.guest_id, YOU)}


async def test_a_silent_witness_changes_its_mind_too(tmp_path: Path) -> None:
    shocked = decides({"changes": [{"about": "you", "affinity": -4, "trust": -9}]})
    async with table(tmp_path / "chat.db", "edges", guest={}, judging={"how Bea sees": shocked}) as played:
        await played.append(TurnUser(text="I stole it."))
        await played.settled()
        edge = relations.edge(played.store.hot, played.chat_id, played.guest_id, YOU)
        assert (edge.affinity, edge.trust) == (-4, -9)


async def test_one_turn_moves_an_edge_by_no_more_than_its_bound(tmp_path: Path) -> None:
    wild = decides({"changes": [{"about": "Ada", "affinity": 1e5, "trust": -900}]})
    async with table(tmp_path / "chat.db", "edges", judging={EDGES: wild}) as played:
        await played.append(TurnUser(text="Hm."))
        await played.settled()
        mine = next(one for one in played.told(EdgeUpdated) if one.observer_id == YOU)
        assert (mine.affinity_delta, mine.trust_delta) == (MAX_CHANGE, -MAX_CHANGE)
        played.check()


async def test_a_told_fact_is_its_hearers_alone_and_keeps_its_teller(tmp_path: Path) -> None:
    lie = {"about": "Bea", "fact": "Bea is a spy.", "how": "Told", "told_by": "Sam"}
    heard = decides({"learnt": [lie, lie, {"about": "Nobody", "fact": "x"}, "junk"]})
    async with table(
        tmp_path / "chat.db",
        "edges",
        guest={},
        you={"you_name": "Sam"},
        judging={"how Ada sees": heard},
    ) as played:
        await played.append(TurnUser(text="Bea is a spy."))
        await played.settled()
        (fact,) = relations.facts(played.store.hot, played.chat_id, played.host_id)
        assert (fact.text, fact.target_id, fact.how, fact.from_id) == (
            "Bea is a spy.",
            played.guest_id,
            "told",
            YOU,
        )
        assert relations.facts(played.store.hot, played.chat_id, played.guest_id) == []
        await played.append(TurnUser(text="A spy, I say."))
        await played.settled()
        assert len(relations.facts(played.store.hot, played.chat_id, played.host_id)) == 1
        assert "- Bea is a spy." in viewed_by(played, "Ada").replace("\\n", "\n")
        assert "- Bea is a spy." not in viewed_by(played, "Bea").replace("\\n", "\n")
        played.check()


async def test_nobody_learns_from_its_own_words(tmp_path: Path) -> None:
    echo = decides({"learnt": [{"about": "Ada", "fact": "I love Ada.", "how": "told", "told_by": ""}]})
    async with table(tmp_path / "chat.db", "edges", judging={"how You sees": echo}) as played:
        await played.append(TurnUser(text="I love you, Ada."))
        await played.settled()
        assert relations.facts(played.store.hot, played.chat_id, YOU) == []


async def test_an_observer_is_judged_only_by_what_it_perceived(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", *STAGES, host={"personality": "KIND"}) as played:
        await played.say("The treasure is under the OAK.")
        await played.add_guest(name="Bea", personality="GREEDY")
        await played.say("Ada, ((SECRETLY)) be silent.")
        assert "OAK" in viewed_by(played, "Ada")
        assert "OAK" not in viewed_by(played, "Bea")
        assert "GREEDY" in viewed_by(played, "Bea")
        assert "GREEDY" not in viewed_by(played, "Ada")
        assert "SECRETLY" not in "".join(prompts(played))
        played.check()


async def test_a_guest_removed_while_speaking_is_still_judged_by_those_who_heard_it(tmp_path: Path) -> None:
    hurt = decides({"changes": [{"about": "Bea", "affinity": -2, "trust": 0}]})
    async with table(tmp_path / "chat.db", "edges", guest={}, judging={"how Ada sees": hurt}) as played:
        guest = played.guest_id
        await played.remove_guest()
        await played.append(TurnAssistant(speaker_id=guest, text="Farewell, fools."))
        await played.settled()
        assert relations.edge(played.store.hot, played.chat_id, played.host_id, guest).affinity == -2
        played.check()


@pytest.mark.parametrize(
    "answer",
    [
        says("They get along."),
        stalls(0),
        drops(1),
        Behaviour(status=500, body="{}"),
        says("I'm sorry, but I cannot assist."),
        decides({"changes": [{"about": "Ada", "affinity": "much"}]}),
    ],
    ids=["prose", "stall", "drop", "broken", "refusal", "words"],
)
async def test_whatever_the_classifier_does_nothing_changes_and_it_is_on_record(
    tmp_path: Path, answer: Behaviour
) -> None:
    async with table(tmp_path / "chat.db", "edges", judging={EDGES: answer}, patience=SHORT) as played:
        await played.append(TurnUser(text="Hm."))
        await played.settled()
        told = played.told(EdgeUpdated)
        assert [(one.affinity_delta, one.trust_delta, one.facts) for one in told] == [(0, 0, ())] * 2
        assert {one.decision for one in played.told(DecisionDefaulted)} == {"Outlook"}
        played.check()


async def test_two_of_one_name_and_a_person_called_like_a_bot_are_told_apart(tmp_path: Path) -> None:
    warmer = decides({"changes": [{"about": "Ada (guest)", "affinity": 2}, {"about": "Ada", "affinity": 9}]})
    async with table(
        tmp_path / "chat.db",
        "edges",
        guest={"name": "Ada"},
        judging={"how Ada (host) sees": warmer},
    ) as played:
        await played.append(TurnUser(text="Ada!"))
        await played.settled()
        assert relations.edge(played.store.hot, played.chat_id, played.host_id, played.guest_id).affinity == 2
        played.check()


async def test_a_turn_of_a_hundred_kilobytes_is_judged_by_its_beginning_and_end(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "edges") as played:
        await played.append(TurnUser(text="BEGIN " + "blah " * 19_900 + "END"))
        await played.settled()
        assert all("BEGIN" in one and "END" in one and len(one) < 8_000 for one in prompts(played))
        played.check()
