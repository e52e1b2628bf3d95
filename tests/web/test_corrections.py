"""Every correction by hand: one event without a run, refused with both values when it changed meanwhile."""

from typing import Any

import pytest

from store import interventions, ledger, views
from store.events import (
    ActivityChanged,
    EdgeUpdated,
    EntityChanged,
    Fact,
    MemoryPinned,
    MemoryWritten,
    OutcomeSuperseded,
)
from store.ledger import Route
from store.txn import Txn
from tests.web.conftest import Site
from tests.web.play import CASES, Case, Play, edge_of, host_of

PAGE = {"accept": "text/html"}
PIECE = {"hx-request": "true", "accept": "text/html"}


@pytest.fixture
async def play(site: Site) -> Play:
    chat_id = await site.chat()
    host_id = (await site.client.get(f"/api/chats/{chat_id}")).json()["host_id"]
    begun = Play(site, chat_id, host_id)
    await begun.correct("place", name="Kitchen", slots=["stove", "table"])
    told = MemoryWritten(owner_id=host_id, speaker_name="You", text="Hello.", witnesses=(0, host_id))
    begun.memory_id = await begun.record(told)
    return begun


async def _shown(play: Play, case: Case) -> dict[str, Any]:
    return await (play.memory() if case.of_memory else play.state())


def _seen(case: Case, shown: dict[str, Any], typed: dict[str, Any]) -> int:
    """The `changed_by` of what the case corrects."""
    if case.name in ("edge", "edge-summary"):
        return int(edge_of(shown)["changed_by"])
    if "entity_id" in typed:
        return int(next(one for one in shown["present"] if one["id"] == typed["entity_id"])["changed_by"])
    return int(shown["changed_by"] if case.of_memory else shown[case.name]["changed_by"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_correction_is_one_event_without_a_run_and_shows(play: Play, case: Case) -> None:
    typed, before = case.typed(play), play.position()
    seen = _seen(case, await _shown(play, case), typed)
    answer = await play.correct(case.name, **typed, seen=seen)
    assert answer.status_code == 200, answer.text
    ((kind, payload, run_id),) = play.logged(before)
    assert (kind, run_id) == (case.kind, None)
    assert case.payload.items() <= payload.items()
    assert case.shows(await _shown(play, case)) == case.as_typed
    again = await play.correct(case.name, **typed, seen=_seen(case, await _shown(play, case), typed))
    assert again.json() == {"event_id": None}
    play.assert_rebuilds()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_has_changed_meanwhile_is_told_with_both_values(play: Play, case: Case) -> None:
    typed = case.typed(play)
    seen = _seen(case, await _shown(play, case), typed)
    before = await play.record(case.meanwhile(play))
    answer = await play.correct(case.name, **typed, seen=seen)
    assert answer.status_code == 409
    told = answer.json()["error"]["what"]
    assert "changed meanwhile" in told
    assert all(value in told for value in case.both), told
    assert play.logged(before) == []
    sent_again = await play.correct(case.name, **typed, seen=_seen(case, await _shown(play, case), typed))
    assert sent_again.status_code == 200
    assert case.shows(await _shown(play, case)) == case.as_typed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_form_shows_both_values_and_keeps_what_was_typed(play: Play, case: Case) -> None:
    typed = case.typed(play)
    seen = _seen(case, await _shown(play, case), typed)
    await play.record(case.meanwhile(play))
    form = {name: _form_value(value) for name, value in typed.items()}
    ids = [
        str(typed[name]) for name in ("entity_id", "observer_id", "target_id", "memory_id") if name in typed
    ]
    key = {"edge-summary": "summary", "memory": "memory-text"}.get(case.name, case.name)
    if case.name == "pin":
        form["act"] = "yes"
    form |= {"seen": str(seen), "form": "-".join([key, *ids])}
    for headers in (PAGE, PIECE):
        answer = await play.site.client.post(
            f"/chats/{play.chat_id}/drawer/{case.name}", data=form, headers=headers
        )
        assert answer.status_code == 409
        assert "changed meanwhile" in answer.text
        shown = answer.text.replace("&#39;", "'").replace("&minus;", "-")
        assert all(value in shown for value in case.both), shown
        assert 'role="alert"' in shown
    if isinstance(case.as_typed, str) and case.name != "pin":
        assert f'value="{case.as_typed}"' in shown or f"\n{case.as_typed}</textarea>" in shown


def _form_value(value: object) -> object:
    if isinstance(value, bool):
        return "on"
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


async def test_what_else_goes_on_is_no_conflict(play: Play) -> None:
    """A mood that changes does not stop a correction of the activity, nor a fact one of the numbers."""
    await play.record(EntityChanged(entity_id=play.host_id, mood="calm"))
    fact = Fact(text="You cannot swim.")
    await play.record(EdgeUpdated(observer_id=play.host_id, target_id=0, facts=(fact,)))
    state = await play.state()
    await play.record(EntityChanged(entity_id=play.host_id, mood="furious"))
    await play.record(EdgeUpdated(observer_id=play.host_id, target_id=0, facts=(fact,)))
    activity = {"entity_id": play.host_id, "activity": "reads", "seen": host_of(state)["changed_by"]}
    edge = {"observer_id": play.host_id, "target_id": 0, "affinity": 5, "trust": 5}
    assert (await play.correct("activity", **activity)).status_code == 200
    assert (await play.correct("edge", **edge, seen=edge_of(state)["changed_by"])).status_code == 200


async def test_facts_are_added_with_their_teller_and_removed(play: Play) -> None:
    pair = {"observer_id": play.host_id, "target_id": 0}
    added = await play.correct("fact", **pair, text="You lie.", how="told", from_id=0)
    assert added.status_code == 200
    (fact,) = edge_of(await play.state())["facts"]
    assert (fact["text"], fact["how"], fact["from_name"]) == ("You lie.", "told", "You")
    assert (await play.correct("fact-removed", fact_id=fact["id"])).status_code == 200
    assert edge_of(await play.state())["facts"] == []
    gone = await play.correct("fact-removed", fact_id=fact["id"])
    assert (gone.status_code, str(fact["id"]) in gone.text) == (404, True)
    form = {"fact_id": str(fact["id"]), "form": f"fact-{fact['id']}", "act": "yes", "pair": "x"}
    shown = await play.site.client.post(
        f"/chats/{play.chat_id}/drawer/fact-removed", data=form, headers=PIECE
    )
    assert (shown.status_code, "There is no fact" in shown.text) == (404, True)
    play.assert_rebuilds()


async def test_a_pin_is_taken_away_by_hand(play: Play) -> None:
    await play.record(MemoryPinned(memory_id=play.memory_id, by="auto"))
    form = {"memory_id": str(play.memory_id), "seen": str((await play.memory())["changed_by"])}
    answer = await play.site.client.post(f"/chats/{play.chat_id}/drawer/pin", data=form, headers=PIECE)
    assert (answer.status_code, ">Pin<" in answer.text) == (200, True)
    assert (await play.memory())["pinned"] == ""


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("activity", {"entity_id": 999, "activity": "x"}, "entity_id: 999"),
        ("activity", {"entity_id": 0, "activity": "x" * 2001}, "activity"),
        ("activity", {"entity_id": 0, "activity": "a\x00b"}, "NUL"),
        ("inventory", {"entity_id": 0, "inventory": [" "]}, "inventory.0: is empty"),
        ("inventory", {"entity_id": 0, "inventory": [str(n) for n in range(51)]}, "inventory"),
        ("place", {"name": ""}, "name: is empty"),
        ("place", {"name": "Hall", "audible_range": "far"}, "audible_range"),
        ("edge", {"observer_id": 0, "target_id": 0, "affinity": 1, "trust": 1}, "target_id: 0"),
        ("edge", {"observer_id": 0, "target_id": 77, "affinity": 1, "trust": 1}, "target_id: 77"),
        ("edge", {"observer_id": 1, "target_id": 0, "affinity": 101, "trust": 1}, "affinity"),
        ("edge", {"observer_id": 1, "target_id": 0, "affinity": 0, "trust": "much"}, "trust"),
        ("note", {"text": "x", "depth": 101}, "depth"),
        ("memory", {"memory_id": 10**15, "text": "x"}, f"no memory {10**15}"),
        ("memory", {"memory_id": 1, "text": " "}, "text: is empty"),
        ("witnesses", {"memory_id": 0, "witnesses": [999]}, "witnesses: 999"),
        ("pin", {"memory_id": 1, "pinned": "perhaps"}, "pinned"),
        ("world", {"time": "x", "wether": "y"}, "wether"),
    ],
)
async def test_a_value_that_cannot_be_is_named(
    play: Play, name: str, typed: dict[str, Any], words: str
) -> None:
    if typed.get("memory_id") == 0:
        typed = {**typed, "memory_id": play.memory_id}
    before = play.position()
    answer = await play.correct(name, **typed, seen=play.position())
    assert answer.status_code in (404, 422)
    assert words in answer.json()["error"]["what"]
    assert answer.json()["error"]["do"]
    assert play.logged(before) == []


async def test_an_archived_chat_is_only_read(play: Play) -> None:
    await play.site.client.post(f"/chats/{play.chat_id}/archive")
    answer = await play.correct("note", text="x", seen=play.position())
    assert (answer.status_code, "archived" in answer.text) == (409, True)
    shown = (await play.site.client.get(f"/chats/{play.chat_id}/drawer", headers=PAGE)).text
    assert 'method="post"' not in shown  # to ask is not to change


async def test_a_memory_of_another_chat_is_none_of_this_one(play: Play) -> None:
    other = await play.site.chat()
    path = f"/api/chats/{other}/corrections/memory"
    typed = {"memory_id": play.memory_id, "text": "x", "seen": play.memory_id}
    assert (await play.site.client.post(path, json=typed)).status_code == 404


async def test_naming_a_place_leaves_everyone_doing_what_they_did(site: Site) -> None:
    chat_id = await site.chat("Hello.")
    host_id = (await site.client.get(f"/api/chats/{chat_id}")).json()["host_id"]
    play = Play(site, chat_id, host_id)
    await play.record(ActivityChanged(entity_id=host_id, activity="reads", slot="window"))
    shown = await site.client.get(f"/chats/{chat_id}/drawer/scene", headers=PIECE)
    assert "Nobody has said yet where this is" in shown.text
    form = {"name": "Train", "audible_range": "container", "seen": "0", "form": "place"}
    named = await site.client.post(f"/chats/{chat_id}/drawer/place", data=form, headers=PIECE)
    assert (named.status_code, "Train" in named.text) == (200, True)
    state = await play.state()
    assert (state["place"]["name"], host_of(state)["activity"], host_of(state)["slot"]) == (
        "Train",
        "reads",
        "window",
    )
    (first,) = await site.turns(chat_id, 1)
    moved = views.turn(site.program.engine.store.hot, int(str(first["id"])))
    assert moved.scene_id == state["scene"]["id"]
    play.assert_rebuilds()


async def test_a_superseded_outcome_takes_back_what_was_seen(play: Play) -> None:
    """What the person saw is no more: that is a conflict too, and looking again mends it."""
    writer = play.site.program.engine.store.writer
    said = EntityChanged(entity_id=0, mood="glad")

    def record(txn: Txn) -> int:
        """As the outcome of a run that nobody works on."""
        ledger.enqueue(txn.connection, Route("once", "nowhere", 0), play.chat_id, play.chat_id, now=txn.now)
        run_id = txn.connection.last_insert_rowid()
        interventions.discard(txn.connection, [run_id], now=txn.now)
        txn.append(said, chat_id=play.chat_id, run_id=run_id)
        return run_id

    run_id = await writer.submit(record)
    seen = (await play.state())["present"][0]["changed_by"]
    await play.record(OutcomeSuperseded(superseded_run_id=run_id))
    typed = {"entity_id": 0, "mood": "calm"}
    assert (await play.correct("entity", **typed, seen=seen)).status_code == 409
    seen = (await play.state())["present"][0]["changed_by"]
    assert (await play.correct("entity", **typed, seen=seen)).status_code == 200
    play.assert_rebuilds()
