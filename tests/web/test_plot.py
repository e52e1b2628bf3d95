"""The plot over JSON: a story event through its life, a thread, and what is refused."""

from typing import Any

from tests.web.conftest import Site


async def test_a_story_event_through_its_life_over_json(site: Site) -> None:
    chat_id = await site.chat()
    path = f"/api/chats/{chat_id}"
    host_id = (await site.client.get(path)).json()["host_id"]

    async def sent(address: str, **typed: Any) -> tuple[int, Any]:
        answer = await site.client.post(path + address, json=typed)
        return answer.status_code, answer.json()

    async def story() -> dict[str, Any]:
        return dict((await site.client.get(path + "/story")).json())

    status, made = await sent(
        "/story-events",
        title="The feast",
        props=[{"name": "the bowl"}],
        triggers=[{"kind": "phrase", "phrase": "the bell"}],
        on_start=[{"kind": "gains", "entity_id": host_id, "text": "the bowl"}],
    )
    assert status == 201
    event = f"/story-events/{made['id']}"
    ((shown,), clock) = ((await story())["story_events"], (await story())["clock"])
    assert (shown["state"], shown["held"], clock >= 720) == ("planned", [], True)
    plan = {
        "title": "The great feast",
        "props": [{"name": "the bowl"}],
        "on_start": shown["plan"]["on_start"],
    }
    assert (await sent(event, **plan, seen=shown["changed_by"]))[0] == 200
    status, refused = await sent(event, title="A wake", seen=shown["changed_by"])
    assert (status, "great feast" in str(refused), "wake" in str(refused)) == (409, True, True)
    assert (await sent(event + "/start"))[0] == 200
    (shown,) = (await story())["story_events"]
    assert (shown["state"], shown["held"]) == ("active", [{"prop": "the bowl", "by": [host_id]}])
    status, refused = await sent(event + "/complete", gist="We ate.")
    assert (status, "the bowl" in str(refused)) == (409, True)
    keeps = [{"prop": "the bowl", "by": 0}]
    assert (await sent(event + "/complete", gist="We ate.", keeps=keeps))[0] == 200
    (shown,) = (await story())["story_events"]
    assert (shown["state"], shown["gist"]) == ("completed", "We ate.")
    state = (await site.client.get(path + "/state")).json()
    assert [one["inventory"] for one in state["present"]] == [["the bowl"], []]
    for again in ("/complete", "/cancel"):
        status, refused = await sent(event + again)
        assert (status, "completed already" in str(refused)) == (422, True)
    for wrong, named in (
        ({"title": ""}, "title"),
        ({"title": "X", "triggers": [{"kind": "time"}]}, "clock"),
        ({"title": "X", "triggers": [{"kind": "event", "event_id": 10**30}]}, "event"),
        ({"title": "X", "expires": 10**30}, "expires"),
        ({"title": "X", "on_complete": [{"kind": "weather", "text": "fog"}]}, "weather"),
    ):
        status, refused = await sent("/story-events", **wrong)
        assert (status, named in str(refused)) == (422, True), refused
    assert (await sent("/story-events/999999/start"))[0] == 404
    status, opened = await sent("/threads", title="Who rang?")
    assert status == 201
    (thread,) = (await story())["threads"]
    assert (thread["open"], thread["known_to"]) == (True, [0, host_id])
    assert (await sent(f"/threads/{opened['id']}", summary="Ada?", seen=thread["changed_by"]))[0] == 200
    assert (await sent(f"/threads/{opened['id']}/close", resolution="The wind."))[0] == 200
    (thread,) = (await story())["threads"]
    assert (thread["open"], thread["summary"], thread["resolution"]) == (False, "Ada?", "The wind.")
    assert (await site.client.post(path + "/undo")).json() == {"kinds": ["thread.closed"]}
