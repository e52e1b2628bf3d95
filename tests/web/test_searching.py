"""Search over all chats: what counts is found in any form of its words; nothing typed is more than words."""

import re
from pathlib import Path
from typing import Any

from tests.fakes.behaviour import says
from tests.fakes.endpoint import fake_endpoint
from tests.web.conftest import Site, open_site

PAGE = {"accept": "text/html"}


async def found(site: Site, **asked: object) -> list[dict[str, Any]]:
    answer = await site.client.get("/api/search", params={key: str(value) for key, value in asked.items()})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["found"])


def marked(one: dict[str, Any]) -> list[str]:
    return [piece["text"] for piece in one["snippet"] if piece["hit"]]


async def said(site: Site, chat_id: int, text: str, number: int) -> list[dict[str, Any]]:
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": text})
    turns = await site.turns(chat_id, number)
    await site.settled()
    return turns


async def test_turns_are_found_as_the_story_stands(site: Site) -> None:
    one, other = await site.chat(), await site.chat()
    site.fake.script(says("The lighthouse was dark, and 灯台の光 was out."), says("Nobody walks here."))
    yours, reply = await said(site, one, "I walked to the old <b>lamp</b>.", 2)
    await said(site, other, "An old lighthouse keeper walks by.", 2)
    assert {hit["chat_id"] for hit in await found(site, q="walk")} == {one, other}
    [hit] = await found(site, q="WALKING lamps")
    assert (hit["turn_id"], hit["speaker"], marked(hit)) == (yours["id"], "You", ["walked", "lamp"])
    assert [hit["turn_id"] for hit in await found(site, q="灯台")] == [reply["id"]]
    assert marked((await found(site, q="灯台"))[0]) == ["灯台"]
    assert await found(site, q='"lamp old"') == []
    assert len(await found(site, q='"old lighthouse"')) == 1
    assert len(await found(site, q="lighth*")) == 2
    assert [hit["chat_id"] for hit in await found(site, q="lighthouse", chat=other)] == [other]
    assert [hit["turn_id"] for hit in await found(site, q="lighthouse", speaker=reply["speaker_id"])] == [
        reply["id"]
    ]
    await site.client.post(f"/api/chats/{one}/significance", json={"turn_ids": [yours["id"]], "score": 3})
    assert [hit["turn_id"] for hit in await found(site, significance=2)] == [yours["id"]]

    await site.client.post(f"/api/chats/{one}/turns/{reply['id']}/change", json={"text": "A bright beam."})
    assert await found(site, q="灯台") == []
    assert len(await found(site, q="beam")) == 1
    await site.client.post(f"/api/chats/{one}/undo")
    assert len(await found(site, q="灯台")) == 1
    await site.client.post(f"/api/chats/{one}/turns/{yours['id']}/retract", json={})
    assert await found(site, q="lamp") == []
    await said(site, one, "*He takes the brass lantern*, and leaves.", 2)
    shown = (await site.client.get("/search", params={"q": "lantern"}, headers=PAGE)).text
    assert "<em>He takes the brass <mark>lantern</mark></em>, and leaves." in shown
    shown = (await site.client.get("/search", params={"q": "nobody"}, headers=PAGE)).text
    assert "<mark>Nobody</mark>" in shown


TYPED = ('" OR text:x', "NEAR(a b)", "text:x", "-lamp ^x {a}", "' OR 1=1 --", '"""', "*", "x" * 2000)


async def test_nothing_typed_is_more_than_words(site: Site) -> None:
    chats = {typed: await site.chat(f"Once <i>& {typed}") for typed in TYPED}
    for typed, chat_id in chats.items():
        answer = await site.client.get("/api/search", params={"q": typed})
        assert answer.status_code == 200
        shown = (await site.client.get("/search", params={"q": typed}, headers=PAGE)).text
        assert "<i>" not in shown
        hits = [one["chat_id"] for one in answer.json()["found"]]
        assert (chat_id in hits) == bool(re.search(r"[a-z0-9]", typed.lower()) and len(typed) < 1000)


async def test_wrong_filters_are_told_and_an_empty_question_finds_nothing(site: Site) -> None:
    for query, words in (("q=", "nothing to look for"), ("q=x&chat=y", "chat: 'y' is no whole number")):
        answer = await site.client.get(f"/api/search?{query}")
        assert (answer.status_code, words in answer.text) == (422, True)
    assert (await site.client.get("/search?q=x&chat=y", headers=PAGE)).status_code == 422


async def test_a_turn_far_back_is_shown_with_what_stands_around_it(tmp_path: Path) -> None:
    async with fake_endpoint() as fake, open_site(tmp_path, fake, work=False) as site:
        await _far_back(site)


async def _far_back(site: Site) -> None:
    chat_id = await site.chat("The first words.")
    for number in range(72):
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": f"turn {number}"})
    turns = (await site.client.get(f"/api/chats/{chat_id}/turns?limit=200")).json()
    assert len(turns) == 73
    far = await site.client.get(f"/chats/{chat_id}?turn={turns[5]['id']}", headers=PAGE)
    shown = [int(one) for one in re.findall(r'id="turn-(\d+)"', far.text)]
    assert shown[: len(turns[:31])] == [turn["id"] for turn in turns[:31]]
    assert len(shown) < len(turns)
    gone = await site.client.get(f"/chats/{chat_id}?turn=999999", headers=PAGE)
    assert gone.status_code == 404
