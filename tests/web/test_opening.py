"""The opening of a drafted chat: shown, corrected and agreed to before anything starts."""

import re

from store import plot
from store.events import (
    Condition,
    Container,
    Opening,
    OpeningActivity,
    OpeningEdge,
    OpeningProposed,
    Prop,
    StoryPlan,
)
from tests.fakes.behaviour import stalls
from tests.web.conftest import Site
from tests.web.play import Play
from tests.web.test_drawer import PAGE, PIECE, bot, page


async def draft(site: Site) -> Play:
    """A chat whose opening is still being read: the model takes its time."""
    site.fake.judging = {"A night train.": stalls(after=0)}
    host = await bot(site, "Ada")
    chosen = {"host_id": str(host), "opening": "A night train. <b>Ada</b> reads."}
    started = await site.client.post("/chats", data=chosen)
    return Play(site, int(started.headers["location"].rpartition("/")[2]), host)


async def test_a_draft_says_that_it_is_being_read_and_takes_no_turn(site: Site) -> None:
    play = await draft(site)
    shown = await page(site, f"/chats/{play.chat_id}")
    assert "is being read" in shown
    assert "A night train. &lt;b&gt;Ada&lt;/b&gt; reads." in shown
    assert re.search(r'<form class="composer"[^>]* hidden>', shown)
    sent = await site.client.post(f"/api/chats/{play.chat_id}/turns", json={"text": "Hello"})
    assert sent.status_code == 409


async def test_a_model_that_read_nothing_is_said_to_have_read_nothing(site: Site) -> None:
    play = await draft(site)
    await play.record(OpeningProposed(opening=Opening()))
    shown = await page(site, f"/chats/{play.chat_id}/opening", PIECE)
    assert "The model read nothing out of it." in shown
    assert "was read" not in shown


async def test_what_was_read_is_corrected_and_agreed_to(site: Site) -> None:
    play = await draft(site)
    train = Container(name="Night train", slots=("window", "aisle"), moving=True)
    dawn = Condition(kind="time", clock=360)
    both = Condition(kind="present", entity_ids=(0, play.host_id))
    read = Opening(
        container=train,
        time="night",
        activities=(OpeningActivity(entity_id=play.host_id, activity="reading"),),
        edges=(OpeningEdge(observer_id=play.host_id, target_id=0, affinity=10, summary="met once"),),
        story_events=(
            StoryPlan(
                title="The border", props=(Prop(name="a stamp"),), triggers=(dawn,), preconditions=(both,)
            ),
            StoryPlan(title="Snow"),
            StoryPlan(title="Alarm", triggers=(dawn,), preconditions=(both,)),
        ),
    )
    await play.record(OpeningProposed(opening=read))
    shown = await page(site, f"/chats/{play.chat_id}/opening", PIECE)
    for value in ("Night train", "night", "reading", "10", "met once"):
        assert f'value="{value}"' in shown
    assert "window\naisle</textarea>" in shown
    assert re.search(r'name="moving" value="on" checked', shown)
    typed = {
        "name": "Sleeper",
        "slots": "bunk\r\n\r\naisle",
        "public": "on",
        "audible_range": "slot",
        "time": "dawn",
        f"activity-{play.host_id}": "asleep",
        f"affinity-{play.host_id}-0": "25",
        f"trust-{play.host_id}-0": "0",
        f"summary-{play.host_id}-0": "old friends",
        "event-0": "The frontier",
        "event-told-0": "Papers, please.",
        "event-waits-0": "on",
        "event-1": "",
        "event-2": "Alarm",
    }
    waiting = "It begins by itself, as soon as it is day 1, 06:00, but only while present are You,"
    assert shown.count(waiting) == 2
    assert 'name="event-waits-1"' not in shown
    wrong = {**typed, f"affinity-{play.host_id}-0": "very"}
    refused = await site.client.post(f"/chats/{play.chat_id}/opening", data=wrong, headers=PAGE)
    assert (refused.status_code, "affinity" in refused.text) == (422, True)
    assert 'value="Sleeper"' in refused.text
    assert (await site.client.get(f"/api/chats/{play.chat_id}")).json()["begun"] is False
    agreed = await site.client.post(f"/chats/{play.chat_id}/opening", data=typed)
    assert (agreed.status_code, agreed.headers["location"]) == (303, f"/chats/{play.chat_id}")
    state = await play.state()
    planned, unbidden = plot.open_story_events(site.program.engine.store.hot, play.chat_id)
    told = StoryPlan(title="The frontier", description="Papers, please.", props=(Prop(name="a stamp"),))
    waits = {"triggers": (dawn,), "preconditions": (both,)}
    assert planned.plan == told.model_copy(update=waits)
    assert unbidden.plan == StoryPlan(title="Alarm"), "its box was not ticked"
    place = state["place"]
    assert (place["name"], place["slots"], place["moving"], place["public"], place["audible_range"]) == (
        "Sleeper",
        ["bunk", "aisle"],
        False,
        True,
        "slot",
    )
    assert (state["world"]["time"], state["present"][1]["activity"]) == ("dawn", "asleep")
    (edge_now,) = [one for one in state["edges"] if one["observer_id"] == play.host_id]
    assert (edge_now["affinity"], edge_now["summary"]) == (25, "old friends")
    twice = await site.client.post(f"/chats/{play.chat_id}/opening", data=typed, headers=PAGE)
    assert (twice.status_code, "begun already" in twice.text) == (409, True)
    play.assert_rebuilds()


async def test_an_opening_over_json(site: Site) -> None:
    host = await bot(site, "Ada")
    chat = await site.client.post("/api/chats", json={"host_id": host, "opening": "A train."})
    path = f"/api/chats/{chat.json()['id']}"
    assert (await site.client.get(path)).json()["begun"] is False
    assert (await site.client.post(f"{path}/opening", json={"tim": "x"})).status_code == 422
    assert (await site.client.post(f"{path}/opening", json={"time": "noon"})).status_code == 200
    assert (await site.client.get(f"{path}/state")).json()["world"]["time"] == "noon"
