"""A chat's past over JSON: alternatives, edits, retraction with its preview, branches, undo."""

from collections.abc import Sequence
from typing import Any

import pytest

from store import snapshots
from store.events import MAX_TEXT_CHARS
from tests.fakes.behaviour import says, stalls
from tests.web.conftest import Site


async def _played(site: Site, *replies: str) -> tuple[int, list[dict[str, Any]]]:
    """A chat with a turn of yours and a reply for each of the texts."""
    chat_id = await site.chat("Who goes there?")
    for number, reply in enumerate(replies, start=1):
        site.fake.script(says(reply))
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": f"Turn {number}"})
        await site.turns(chat_id, 1 + 2 * number)
    return chat_id, await _turns(site, chat_id)


async def _turns(site: Site, chat_id: int) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = (await site.client.get(f"/api/chats/{chat_id}/turns")).json()
    return turns


async def _texts(site: Site, chat_id: int) -> list[str]:
    return [one["text"] for one in (await _turns(site, chat_id))[1:]]


async def _again(site: Site, chat_id: int, turn: dict[str, Any], reply: str, **how: object) -> dict[str, Any]:
    """Ask for another alternative and wait until it is the one shown."""
    site.fake.script(says(reply))
    asked = await site.client.post(f"/api/chats/{chat_id}/turns/{turn['id']}/alternatives", json=how)
    assert asked.status_code == 202, asked.text
    return await site.until(lambda: _shown_with(site, chat_id, reply))


async def _shown_with(site: Site, chat_id: int, text: str) -> dict[str, Any] | None:
    return next((one for one in await _turns(site, chat_id) if text in one["text"]), None)


async def test_an_alternative_takes_the_place_of_a_reply_and_gives_it_back(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.")
    first = turns[-1]
    second = await _again(site, chat_id, first, "The lamp is out.")
    assert second["alternatives"] == [first["id"], second["id"]]
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is out."]
    await site.settled()
    back = await site.client.post(f"/api/chats/{chat_id}/turns/{first['id']}/select")
    assert back.json()["event_id"] > second["id"]
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is lit."]
    assert (await site.client.post(f"/api/chats/{chat_id}/turns/{first['id']}/select")).json() == {
        "event_id": None
    }


async def test_a_reply_is_carried_on(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit")
    longer = await _again(site, chat_id, turns[-1], "and warm.", extend=True)
    assert longer["text"] == "The lamp is lit and warm."
    assert site.fake.requests[-1].json["messages"][-1] == {"role": "assistant", "content": "The lamp is lit"}


async def test_a_model_that_does_not_end_fills_a_turn_and_no_more(site: Site) -> None:
    chat_id, (_, _, reply) = await _played(site, " ".join(["evermore" * 100] * 200))
    assert (len(reply["text"]), reply["ended"], reply["truncated"]) == (MAX_TEXT_CHARS, "length", False)
    path = f"/api/chats/{chat_id}/turns/{reply['id']}/alternatives"
    refused = await site.client.post(path, json={"extend": True})
    assert (refused.status_code, "as long as" in refused.json()["error"]["what"]) == (409, True)


async def test_a_turn_is_edited_and_hidden_and_that_is_undone(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.")
    path = f"/api/chats/{chat_id}/turns/{turns[-1]['id']}/change"
    assert (await site.client.post(path, json={"text": "The lamp is red."})).json()["event_id"]
    assert (await site.client.post(path, json={"text": "The lamp is red."})).json() == {"event_id": None}
    assert (await site.client.post(path, json={"hidden": True})).json()["event_id"]
    shown = (await _turns(site, chat_id))[-1]
    assert (shown["text"], shown["edited"], shown["hidden"]) == ("The lamp is red.", True, True)
    undo = f"/api/chats/{chat_id}/undo"
    assert (await site.client.post(undo)).json() == {"kinds": ["turn.hidden"]}
    assert (await site.client.post(undo)).json() == {"kinds": ["turn.edited"]}
    shown = (await _turns(site, chat_id))[-1]
    assert (shown["text"], shown["edited"], shown["hidden"]) == ("The lamp is lit.", False, False)
    nothing = await site.client.post(undo)
    assert nothing.status_code == 409, nothing.text
    assert (nothing.status_code, nothing.json()["error"]["what"]) == (409, "There is nothing to undo here.")


async def test_what_is_hidden_is_in_no_prompt(site: Site) -> None:
    chat_id, turns = await _played(site, "The password is swordfish.", "Quite.")
    path = f"/api/chats/{chat_id}/turns/{turns[2]['id']}/change"
    await site.client.post(path, json={"hidden": True})
    site.fake.script(says("Well."))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "And?"})
    await site.turns(chat_id, 7)
    asked = site.fake.requests[-1].json["messages"]
    assert "Quite." in str(asked)
    dialogue = [one for one in asked if one["role"] != "system"]
    assert all("swordfish" not in one["content"].split("[At this moment")[0] for one in dialogue)


async def test_exactly_what_the_preview_shows_falls(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.", "It burns.")
    await site.settled()
    path = f"/api/chats/{chat_id}/turns/{turns[1]['id']}"
    preview = (await site.client.get(f"{path}/falls")).json()
    assert preview["texts"] == ["Turn 1", "The lamp is lit."]
    assert preview["kinds"]["memory.written"] >= 2
    stale = await site.client.post(f"{path}/retract", json={"total": preview["total"] - 1})
    assert stale.status_code == 409
    assert (await site.client.post(f"{path}/retract", json={"total": preview["total"]})).json() == preview
    assert await _texts(site, chat_id) == ["Turn 2", "It burns."]
    assert (await site.client.post(f"/api/chats/{chat_id}/undo")).json() == {"kinds": ["turn.retracted"]}
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is lit.", "Turn 2", "It burns."]


async def test_a_rewind_leaves_the_future_in_its_branch(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.", "It burns.")
    await site.settled()
    made = await site.client.post(f"/api/chats/{chat_id}/rewind", json={"turn_id": turns[2]["id"]})
    assert made.status_code == 201, made.text
    kept = snapshots.listed(site.program.paths.snapshots)
    assert [(one.chat_id, one.why) for one in kept] == [(chat_id, "before-rewind")]
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is lit."]
    branches = (await site.client.get(f"/api/chats/{chat_id}/branches")).json()
    assert [(one["id"], one["active"], one["last_said"]) for one in branches] == [
        (chat_id, False, "It burns."),
        (made.json()["id"], True, "The lamp is lit."),
    ]
    site.fake.script(says("Elsewhere."))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Another way"})
    await site.turns(chat_id, 5)
    await site.client.post(f"/api/chats/{chat_id}/branches/{chat_id}", json={"active": True, "name": "old"})
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is lit.", "Turn 2", "It burns."]
    assert (await site.client.post(f"/api/chats/{chat_id}/undo")).json() == {"kinds": ["branch.switched"]}
    assert (await _texts(site, chat_id))[-2:] == ["Another way", "Elsewhere."]


async def test_a_reply_goes_to_the_branch_it_began_on(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.")
    await site.settled()
    site.fake.script(stalls(after=2))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "And now?"})
    await site.fake.next_request()
    where = f"/api/chats/{chat_id}/branches"
    forked = await site.client.post(where, json={"turn_id": turns[2]["id"], "name": "aside"})
    await site.client.post(f"{where}/{forked.json()['id']}", json={"active": True})
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is lit."]
    await site.fake.release()
    await site.settled()
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is lit."]
    await site.client.post(f"{where}/{chat_id}", json={"active": True})
    told = await _texts(site, chat_id)
    assert told[2] == "And now?"
    assert told[3].startswith("w0 w1")
    await site.settled()


WRONG: Sequence[tuple[str, str, dict[str, Any], int, str]] = (
    ("post", "turns/{you}/alternatives", {}, 409, "has its reply"),
    ("post", "turns/{first}/alternatives", {}, 409, "not an answer"),
    ("post", "turns/999/alternatives", {}, 404, "no turn 999"),
    ("post", "turns/{you}/select", {}, 200, ""),
    ("post", "turns/999/select", {}, 404, "no alternative 999"),
    ("post", "turns/{you}/change", {}, 422, "one thing to change"),
    ("post", "turns/{you}/change", {"text": "  "}, 422, "text"),
    ("post", "turns/999/retract", {}, 404, "no turn 999"),
    ("post", "rewind", {"turn_id": 999}, 404, "no turn 999"),
    ("post", "rewind", {"turn_id": "{last}"}, 409, "Nothing was said after"),
    ("post", "branches", {"turn_id": "{last}", "name": " "}, 422, "name"),
    ("post", "branches/999", {"active": True}, 404, "no branch 999"),
)


@pytest.mark.parametrize(("method", "path", "sent", "status", "what"), WRONG)
async def test_what_cannot_be_is_refused_with_its_reason(
    site: Site, method: str, path: str, sent: dict[str, Any], status: int, what: str
) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.")
    named = {"first": turns[0]["id"], "you": turns[1]["id"], "last": turns[2]["id"]}
    filled = {k: int(v.format(**named)) if isinstance(v, str) and "{" in v else v for k, v in sent.items()}
    answer = await site.client.request(method, f"/api/chats/{chat_id}/{path.format(**named)}", json=filled)
    assert answer.status_code == status, answer.text
    if what:
        assert what in str(answer.json()["error"])
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is lit."]


async def test_the_first_message_can_be_retracted_and_comes_back(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.")
    path = f"/api/chats/{chat_id}/turns/{turns[0]['id']}/retract"
    assert (await site.client.post(path, json={})).status_code == 200
    assert [one["text"] for one in await _turns(site, chat_id)] == ["Turn 1", "The lamp is lit."]
    await site.client.post(f"/api/chats/{chat_id}/undo")
    assert len(await _turns(site, chat_id)) == 3


async def test_another_chats_turn_is_none_of_this_one(site: Site) -> None:
    _, turns = await _played(site, "The lamp is lit.")
    other = await site.chat()
    answer = await site.client.post(f"/api/chats/{other}/rewind", json={"turn_id": turns[1]["id"]})
    assert answer.status_code == 404
    assert f"in chat {other}" in answer.json()["error"]["what"]


async def test_whoever_goes_back_finds_the_turns_as_they_stood(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.", "It burns.")
    await site.settled()
    path = f"/api/chats/{chat_id}/turns"
    await site.client.post(f"{path}/{turns[1]['id']}/change", json={"text": "Other words"})
    await site.client.post(f"{path}/{turns[0]['id']}/change", json={"hidden": True})
    await site.client.post(f"/api/chats/{chat_id}/rewind", json={"turn_id": turns[2]["id"]})
    now = await _turns(site, chat_id)
    assert [one["text"] for one in now] == ["Who goes there?", "Other words", "The lamp is lit."]
    assert now[0]["hidden"]
    await site.client.post(f"/api/chats/{chat_id}/undo")
    assert await _texts(site, chat_id) == ["Other words", "The lamp is lit.", "Turn 2", "It burns."]


async def test_an_alternative_told_later_is_in_no_branch_from_there(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.", "It burns.")
    await site.settled()
    later = await _again(site, chat_id, turns[2], "The lamp is out.")
    await site.settled()
    refused = await site.client.post(f"/api/chats/{chat_id}/rewind", json={"turn_id": later["id"]})
    assert refused.status_code == 409
    assert "told after the story had gone on" in refused.json()["error"]["what"]
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is out.", "Turn 2", "It burns."]
    assert len((await site.client.get(f"/api/chats/{chat_id}/branches")).json()) == 1


async def test_an_older_reply_is_told_again_in_a_branch(site: Site) -> None:
    chat_id, turns = await _played(site, "The lamp is lit.", "It burns.")
    await site.settled()
    await _again(site, chat_id, turns[2], "The lamp is out.", branch="dark")
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is out."]
    await site.settled()
    await site.client.post(f"/api/chats/{chat_id}/branches/{chat_id}", json={"active": True})
    assert await _texts(site, chat_id) == ["Turn 1", "The lamp is lit.", "Turn 2", "It burns."]
    assert [one["alternatives"] for one in await _turns(site, chat_id)] == [[], [], [], [], []]
