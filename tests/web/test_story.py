"""The page of the story and the clock on the chat's page: their forms, what they refuse, untrusted words."""

from collections.abc import Mapping
from typing import Any

from store.events import ChatArchived, InventoryChanged
from tests.fakes.behaviour import decides
from tests.web.conftest import Site
from tests.web.play import Play
from tests.web.test_drawer import PAGE, PIECE, begun, bot, page

HOSTILE = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


async def sent(play: Play, address: str, headers: Mapping[str, str] = PIECE, /, **typed: Any) -> Any:
    path = f"/chats/{play.chat_id}/{address}"
    return await play.site.client.post(path, data=typed, headers=dict(headers))


async def story(play: Play) -> dict[str, Any]:
    return dict((await play.site.client.get(f"/api/chats/{play.chat_id}/story")).json())


async def test_a_plan_is_written_in_words_edited_and_comes_back_as_it_was(site: Site) -> None:
    play = await begun(site)
    assert (await sent(play, "story/plan", form="plan", title="The storm")).status_code == 200
    written = {
        "title": "The feast",
        "description": "Bread and eel.",
        "props": "the bowl: cracked\n\n a lamp ",
        "triggers-kind": ["time", "", "phrase"],
        "triggers-what": ["day 2, 02:00", "", "the bell"],
        "preconditions-kind": ["present", "event", "place"],
        "preconditions-what": ["you, Ada", "the storm", "The hall"],
        "on_start-kind": ["weather", ""],
        "on_start-who": ["", ""],
        "on_start-text": ["fog", ""],
        "on_complete-kind": ["feels"],
        "on_complete-who": [str(play.host_id)],
        "on_complete-about": ["0"],
        "on_complete-text": ["is not used"],
        "on_complete-affinity": ["-5"],
        "on_complete-trust": [""],
        "significance": "2",
        "expires": "day 3, 12:00",
    }
    shown = await sent(play, "story/plan", form="plan", **written)
    assert shown.status_code == 200, shown.text
    storm, feast = (await story(play))["story_events"]
    plan = feast["plan"]
    assert [one["name"] for one in plan["props"]] == ["the bowl", "a lamp"]
    assert [one["clock"] for one in plan["triggers"]] == [24 * 60 + 120, None]
    assert plan["preconditions"][0]["entity_ids"] == [0, play.host_id]
    assert plan["preconditions"][1]["event_id"] == storm["id"]
    assert (plan["significance"], plan["expires"]) == (2, 2 * 24 * 60 + 720)
    assert plan["on_complete"][0]["affinity"] == -5

    event = {"story_event_id": str(feast["id"]), "seen": str(feast["changed_by"])}
    again = await sent(play, "story/edit", form="edit", **event, **(written | {"title": "The great feast"}))
    assert again.status_code == 200, again.text
    after = (await story(play))["story_events"][1]["plan"]
    assert after == plan | {"title": "The great feast"}
    conflict = await sent(
        play, "story/edit", form=f"edit-{feast['id']}", **event, **(written | {"title": "A wake"})
    )
    assert (conflict.status_code, "great feast" in conflict.text, 'value="A wake"' in conflict.text) == (
        409,
        True,
        True,
    )


async def test_a_form_changes_nothing_of_a_plan_that_it_was_not_asked_to(site: Site) -> None:
    """Also what no form could write: a prop with a colon in its name, lines in a description."""
    play = await begun(site)
    path = f"/api/chats/{play.chat_id}/story-events"
    props = [{"name": "note: torn", "description": "wet\nand cold"}, {"name": "bowl", "description": ""}]
    await site.client.post(path, json={"title": "The feast", "props": props})
    (event,) = (await story(play))["story_events"]
    piece = await page(site, f"/chats/{play.chat_id}/story/events", PIECE)
    shown = piece[piece.index(f'id="edit-edit-{event["id"]}"') :]
    lines = shown.split('name="props"')[1].split(">\n")[1].split("</textarea>")[0]
    named = {"story_event_id": str(event["id"]), "seen": str(event["changed_by"])}
    assert (await sent(play, "story/edit", **named, title="The wake", props=lines)).status_code == 200
    (event,) = (await story(play))["story_events"]
    assert (event["plan"]["title"], event["plan"]["props"]) == ("The wake", props)


async def test_what_cannot_be_planned_is_said_in_its_form_and_nothing_typed_is_lost(site: Site) -> None:
    play = await begun(site)
    for wrong, named in (
        ({"title": " "}, "title"),
        ({"triggers-kind": ["time"], "triggers-what": ["some day"]}, "Begins as soon as, row 1"),
        ({"triggers-kind": ["phrase", "time"], "triggers-what": ["x", "yesterday"]}, "row 2"),
        (
            {"preconditions-kind": ["present"], "preconditions-what": ["Ada, Nemo"]},
            "&#39;Nemo&#39; is nobody",
        ),
        (
            {"preconditions-kind": ["event"], "preconditions-what": ["The end"]},
            "no story event &#39;The end&#39;",
        ),
        ({"triggers-kind": [""], "triggers-what": ["what?"]}, "Begins as soon as, row 1"),
        (
            {"on_start-kind": ["gains"], "on_start-who": ["99"], "on_start-text": ["a cup"]},
            "When it begins, row 1: 99",
        ),
        ({"on_complete-kind": ["learns"], "on_complete-who": ["0"], "on_complete-text": ["x"]}, "about whom"),
        ({"expires": "day 1, 00:01"}, "expires"),
        ({"significance": "9"}, "significance"),
    ):
        typed = {"form": "plan", "title": "Kept", "description": "Typed at length.", **wrong}
        for headers in (PIECE, PAGE):
            answer = await sent(play, "story/plan", headers, **typed)
            assert answer.status_code == 422, (wrong, answer.text)
            assert named in answer.text, (wrong, answer.text)
            assert "Typed at length." in answer.text
            assert answer.text.count('role="alert"') == 1
    assert (await story(play))["story_events"] == []
    for act in ("start", "cancel", "complete", "edit"):
        answer = await sent(play, f"story/{act}", form="x", story_event_id="999", title="X")
        assert answer.status_code == 404


async def test_ending_one_asks_who_keeps_what_somebody_holds(site: Site) -> None:
    play = await begun(site)
    learns = {"on_complete-kind": ["learns", "learns"], "on_complete-who": ["0", "0"]}
    learns |= {"on_complete-about": [str(play.host_id)] * 2, "on_complete-text": ["she sings", "she cheats"]}
    await sent(play, "story/plan", form="plan", title="The feast", props="the bowl", **learns)
    (event,) = (await story(play))["story_events"]
    named = {"story_event_id": str(event["id"])}
    assert "Going on" in (await sent(play, "story/start", **named, act="yes", form="s")).text
    await play.record(InventoryChanged(entity_id=play.host_id, gained=("the bowl",)))
    (event,) = (await story(play))["story_events"]
    piece = await page(site, f"/chats/{play.chat_id}/story/events", PIECE)
    assert "Who keeps <bdi>the bowl</bdi>" in piece
    typed = named | {"form": f"complete-{event['id']}", "seen": str(event["changed_by"]), "gist": "We ate."}
    typed |= {"prop": "the bowl", "keeper": "", "survives": "1"}
    refused = await sent(play, "story/complete", **typed)
    assert (refused.status_code, "Say for each who keeps it" in refused.text, "We ate." in refused.text) == (
        409,
        True,
        True,
    )
    stale = await sent(play, "story/complete", **(typed | {"seen": "1"}))
    assert (stale.status_code, "changed meanwhile" in stale.text) == (409, True)
    assert (await sent(play, "story/complete", **(typed | {"keeper": "0"}))).status_code == 200
    (event,) = (await story(play))["story_events"]
    assert (event["state"], event["gist"]) == ("completed", "We ate.")
    state = await play.state()
    assert [one["inventory"] for one in state["present"]] == [["the bowl"], []]
    assert [one["text"] for edge in state["edges"] for one in edge["facts"]] == ["she cheats"]
    play.assert_rebuilds()


async def test_a_thread_is_opened_edited_and_closed(site: Site) -> None:
    play = await begun(site)
    nameless = await sent(play, "story/thread", form="thread", title=" ", summary="Who rang?")
    assert (nameless.status_code, "title" in nameless.text, "Who rang?" in nameless.text) == (422, True, True)
    both = {"known_to": ["0", str(play.host_id)]}
    assert (await sent(play, "story/thread", form="thread", title="The bell", **both)).status_code == 200
    (thread,) = (await story(play))["threads"]
    named = {"thread_id": str(thread["id"]), "seen": str(thread["changed_by"]), "title": "The bell"}
    shown = await sent(play, "story/thread-edit", **named, known_to="0", summary="It rang.")
    assert (shown.status_code, "It rang." in shown.text, "moved last" in shown.text) == (200, True, True)
    stale = await sent(play, "story/thread-edit", **named, known_to="0", summary="It broke.")
    assert (stale.status_code, "It rang." in stale.text) == (409, True)
    closed = await sent(play, "story/thread-close", PAGE, thread_id=named["thread_id"], resolution="Wind.")
    assert (closed.status_code, closed.headers["location"]) == (
        303,
        f"/chats/{play.chat_id}/story#part-threads",
    )
    (thread,) = (await story(play))["threads"]
    assert (thread["open"], thread["resolution"], thread["known_to"]) == (False, "Wind.", [0])
    again = await sent(play, "story/thread-close", thread_id=named["thread_id"])
    assert (again.status_code, "closed already" in again.text) == (422, True)


async def test_script_in_the_words_of_a_plan_is_shown_and_not_run(site: Site) -> None:
    play = await begun(site)
    typed = {
        "title": HOSTILE,
        "description": HOSTILE,
        "props": f"{HOSTILE}: {HOSTILE}",
        "triggers-kind": "phrase",
        "triggers-what": f'"{HOSTILE}',
        "on_start-kind": "weather",
        "on_start-text": HOSTILE,
    }
    assert (await sent(play, "story/plan", form="plan", **typed)).status_code == 200
    await sent(play, "story/thread", form="thread", title=HOSTILE, summary=HOSTILE)
    shown = await page(site, f"/chats/{play.chat_id}/story")
    assert HOSTILE not in shown
    assert shown.count(ESCAPED) >= 8


async def test_time_passes_by_a_form_and_the_transcript_says_so(site: Site) -> None:
    play = await begun(site)
    await site.client.post(f"/api/chats/{play.chat_id}/turns", json={"text": "Hello."})
    await site.settled()
    for typed, said in (
        ({"words": "some day"}, "tell no time"),
        ({"words": "yesterday"}, "forward"),
        ({"words": "1000 years", "mode": "jump"}, "hundred years"),
        ({"words": "two days later", "mode": "elision"}, "jump"),
    ):
        answer = await sent(play, "skip", form="skip", **typed)
        assert (answer.status_code, said in answer.text, typed["words"] in answer.text) == (422, True, True)
    skipped = await sent(play, "skip", PAGE, form="skip", words="the next <b>morning", mode="jump")
    assert (skipped.status_code, skipped.headers["location"]) == (303, f"/chats/{play.chat_id}#composer")
    await site.settled()
    shown = await page(site, f"/chats/{play.chat_id}")
    assert "day 2, 08:00" in shown
    assert "the next &lt;b&gt;morning · day 2, 08:00" in shown[shown.index('id="since"') :]
    await site.client.post(f"/api/chats/{play.chat_id}/turns", json={"text": "Good morning."})
    await site.settled()
    turns = await page(site, f"/chats/{play.chat_id}/turns")
    assert turns.count("&lt;b&gt;morning · day 2") == 1
    assert turns.index("&lt;b&gt;morning · day 2") < turns.index("Good morning.")
    scenes = await page(site, f"/chats/{play.chat_id}/story/timeline", PIECE)
    assert scenes.count('class="scene') == 2
    assert "later · <q" in scenes


async def test_the_others_go_on_without_you_and_you_come_back(site: Site) -> None:
    play = await begun(site)
    assert 'id="way-meanwhile"' not in await page(site, f"/chats/{play.chat_id}")
    alone = await sent(play, "meanwhile", form="meanwhile", turns="2")
    assert (alone.status_code, "no guest" in alone.text) == (409, True)
    guest = await bot(site, "Bo")
    await site.client.post(f"/api/chats/{play.chat_id}/guest", json={"guest_id": guest})
    await site.client.post(f"/api/chats/{play.chat_id}/turns", json={"text": "Ada, hello."})
    await site.settled()
    for turns in ("0", "", "x", "9" * 40):
        answer = await sent(play, "auto", form="auto", turns=turns)
        assert answer.status_code in (200, 422)
        assert (answer.status_code == 200) == (turns == "0")
    assert (await sent(play, "meanwhile", form="meanwhile", turns="99", premise="Kept.")).status_code == 422
    shown = await sent(play, "meanwhile", form="meanwhile", turns="2", premise=HOSTILE)
    assert (shown.status_code, "The scene is without you" in shown.text) == (200, True)
    await site.settled()
    assert (await sent(play, "return", form="return")).status_code == 200
    shown = await page(site, f"/chats/{play.chat_id}")
    assert shown.count(f"Without you · {ESCAPED}") == 1
    assert shown.count("You are back") == 1
    assert "The scene is without you" not in shown
    assert "without you" in await page(site, f"/chats/{play.chat_id}/story/timeline", PIECE)
    play.assert_rebuilds()


async def test_every_scene_can_be_put_in_other_words(site: Site) -> None:
    play = await begun(site)
    site.fake.judging = {'\\"quotes\\"': decides({"summary": "OLD WORDS"})}
    await site.client.post(f"/api/chats/{play.chat_id}/turns", json={"text": "Hello."})
    await site.settled()
    await sent(play, "skip", form="skip", words="next morning", mode="jump")
    await site.settled()

    async def scenes() -> list[dict[str, Any]]:
        return list((await site.client.get(f"/api/chats/{play.chat_id}/scenes")).json())

    over, running = await scenes()
    assert ([over["running"], running["running"]], over["significance"]) == ([False, True], 0)
    for wrong, status, said in (
        ({"scene_id": "999"}, 404, "no scene 999"),
        ({"scene_id": "x"}, 404, "no scene -1"),
        ({"significance": "9"}, 422, "significance"),
        ({"place": "x" * 201}, 422, "place"),
        ({"title": "x" * 2001}, 422, "title"),
        ({"title": "Kept", "seen": "99999999"}, 409, "changed meanwhile"),
    ):
        typed = {"form": f"scene-{over['id']}", "scene_id": str(over["id"]), "seen": str(over["changed_by"])}
        answer = await sent(play, "story/scene", **(typed | {"title": "Kept", "place": "Kept"} | wrong))
        assert (answer.status_code, said in answer.text) == (status, True), (wrong, answer.text)
        assert answer.text.count('role="alert"') == 1
        assert "Kept" in answer.text
    typed = {"scene_id": str(over["id"]), "seen": str(over["changed_by"]), "significance": "3"}
    done = await sent(play, "story/scene", PAGE, **typed, title=HOSTILE, place="The pier")
    assert (done.status_code, done.headers["location"]) == (303, f"/chats/{play.chat_id}/story#part-timeline")
    over, running = await scenes()
    assert (over["title"], over["place"], over["significance"], over["by_hand"]) == (
        HOSTILE,
        "The pier",
        3,
        True,
    )
    assert (running["title"], running["place"], running["significance"]) == ("", "", 0)
    (told,) = over["summaries"]
    named = {"form": f"told-{told['memory_id']}", "memory_id": str(told["memory_id"])}
    named |= {"seen": str(told["changed_by"])}
    empty = await sent(play, "story/told", **named, text=" ")
    assert (empty.status_code, "text" in empty.text) == (422, True)
    assert (await sent(play, "story/told", **named, text="NEW WORDS")).status_code == 200
    assert (await sent(play, "story/told", **named, text="OTHERS")).status_code == 409
    quoted = {"form": "quotes-1", "scene_id": str(over["id"]), "owner_id": str(told["owner_id"])}
    quoted |= {"seen": str(told["quotes_by"])}
    kept = await sent(play, "story/quotes", **quoted, quotes=f" One. \n\n{HOSTILE}\n")
    assert (kept.status_code, ESCAPED in kept.text, HOSTILE in kept.text) == (200, True, False)
    assert (await scenes())[0]["summaries"][0]["quotes"] == ["One.", HOSTILE]
    for wrong, status, said in (
        ({"quotes": "Two."}, 409, "changed meanwhile"),
        ({"quotes": "x" * 2001}, 422, "quotes"),
        ({"quotes": "\n".join("abcdefghijklmnopqrstu")}, 422, "21 lines"),
        ({"owner_id": "999"}, 404, "999 tells nothing"),
    ):
        answer = await sent(play, "story/quotes", **(quoted | {"quotes": "Two."} | wrong))
        assert (answer.status_code, said in answer.text) == (status, True), (wrong, answer.text)
    over, running = await scenes()
    for given, status, said in (
        ({"begins": "soon"}, 422, "tells no time"),
        ({"ends": "day 9, 12:00"}, 422, "day 2, 07:59 at the latest"),
        ({"begins": "day 1, 23:00"}, 422, "too short"),
        ({"begins": "day 1, 09:00", "weather": "hail"}, 200, "hail"),
    ):
        typed = {"form": f"scene-{over['id']}", "scene_id": str(over["id"]), "seen": str(over["changed_by"])}
        answer = await sent(play, "story/scene", **(typed | given))
        assert (answer.status_code, said in answer.text) == (status, True), (given, answer.text)
    assert (await scenes())[0]["clock"] == 9 * 60
    goes_on = {"scene_id": str(running["id"]), "seen": str(running["changed_by"]), "ends": "23:00"}
    assert "goes on" in (await sent(play, "story/scene", form="x", **goes_on)).text
    assert (await sent(play, "story/around", form="around", seen="0", time="x" * 2001)).status_code == 422
    world = (await play.state())["world"]
    fog = {"form": "around", "time": world["time"], "weather": "fog", "seen": str(world["changed_by"])}
    assert (await sent(play, "story/around", **fog)).status_code == 200
    assert (await play.state())["world"]["weather"] == "fog"
    shown = await page(site, f"/chats/{play.chat_id}/story")
    assert ("NEW WORDS" in shown, "OLD WORDS" in shown, HOSTILE in shown) == (True, False, False)
    assert 'aria-label="Significance 3 of 3, by hand"' in shown
    play.assert_rebuilds()
    path = f"/api/chats/{play.chat_id}/scenes/{running['id']}"
    given = {"title": "Dawn", "seen": running["changed_by"]}
    assert (await site.client.post(path, json=given)).json()["event_id"]
    assert (await site.client.post(path, json=given)).json() == {"event_id": None}
    for other in ({"significance": "much"}, {"place": 7}, {"mood": "calm"}, {"title": "a\x00b"}):
        assert (await site.client.post(path, json=given | other)).status_code == 422
    await play.record(ChatArchived())
    assert (await sent(play, "story/scene", **typed, title="y")).status_code == 409
