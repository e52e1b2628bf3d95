"""Story time over JSON: skips, scenes without you, auto-mode, and what is refused."""

import json
from typing import Any

import pytest

from tests.fakes.behaviour import says, stalls
from tests.web.conftest import Site


async def _time(site: Site, chat_id: int) -> dict[str, Any]:
    told: dict[str, Any] = (await site.client.get(f"/api/chats/{chat_id}/time")).json()
    return told


async def test_time_is_skipped_they_go_on_without_you_and_you_come_back(site: Site) -> None:
    chat_id = await site.chat("Who goes there?")
    chat = f"/api/chats/{chat_id}"
    assert (await _time(site, chat_id))["told"] == "day 1, 12:01"
    skipped = await site.client.post(f"{chat}/skip", json={"words": "next morning"})
    assert skipped.status_code == 202
    await site.settled()
    told = await _time(site, chat_id)
    assert (told["told"], told["without_you"], told["auto_left"]) == ("day 2, 08:00", False, 0)
    assert [one["words"] for one in told["skips"]] == ["next morning"]
    alone = await site.client.post(f"{chat}/meanwhile", json={"turns": 2})
    assert alone.status_code == 409
    assert "guest" in alone.json()["error"]["what"]
    guest = (await site.client.post("/api/bots", json={"name": "Bea"})).json()["id"]
    await site.client.post(f"{chat}/guest", json={"guest_id": guest})
    site.fake.script(says("Is she gone?"), says("She is."))
    assert (
        await site.client.post(f"{chat}/meanwhile", json={"turns": 2, "premise": "They plot."})
    ).is_success
    await site.settled()
    assert (await _time(site, chat_id))["without_you"]
    assert (await site.client.post(f"{chat}/return")).json()["event_id"]
    assert (await site.client.post(f"{chat}/return")).json() == {"event_id": None}
    await site.settled()
    turns = (await site.client.get(f"{chat}/turns")).json()
    assert [one["text"] for one in turns[-2:]] == ["Is she gone?", "She is."]
    assert (await site.client.post(f"{chat}/auto", json={"turns": 0})).json() == {"event_id": None}


@pytest.mark.parametrize(
    ("path", "sent", "field"),
    [
        ("skip", {"minutes": 0}, "minutes"),
        ("skip", {"minutes": -5}, "minutes"),
        ("skip", {"words": "a thousand years"}, "long"),
        ("skip", {"words": "blue"}, "words"),
        ("skip", {"words": "\ud800"}, "words"),
        ("skip", {"minutes": "many"}, "minutes"),
        ("skip", {"minutes": 10**30}, "long"),
        ("skip", {"mode": "leap", "minutes": 5}, "mode"),
        ("skip", {}, "minutes"),
        ("auto", {"turns": 51}, "turns"),
        ("auto", {"turns": True}, "turns"),
        ("auto", {}, "turns"),
        ("digests/7", {"text": "x", "seen": 0}, "digest"),
    ],
)
async def test_what_is_no_time_is_refused_with_what_would_be_right(
    site: Site, path: str, sent: dict[str, Any], field: str
) -> None:
    chat_id = await site.chat("Who goes there?")
    refused = await site.client.post(f"/api/chats/{chat_id}/{path}", content=json.dumps(sent))
    assert refused.status_code in (404, 422), refused.text
    assert field in refused.json()["error"]["what"]
    assert (await _time(site, chat_id))["skips"] == []


async def test_nobody_skips_in_the_middle_of_a_reply(site: Site) -> None:
    chat_id = await site.chat("Who goes there?")
    site.fake.script(stalls(2))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Only me."})
    refused = await site.client.post(f"/api/chats/{chat_id}/skip", json={"words": "next morning"})
    assert refused.status_code == 409
    await site.client.post(f"/api/chats/{chat_id}/stop")
    await site.settled()
    assert (
        await site.client.post(f"/api/chats/{chat_id}/skip", json={"words": "at dawn"})
    ).status_code == 202
