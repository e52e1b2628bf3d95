"""What a reply was told with, and what would be told next: the account fits what went over the wire."""

import trio

from store import log
from tests.fakes.behaviour import says, stalls
from tests.settling import LIMIT_S
from tests.web.conftest import Site

PAGE = {"accept": "text/html"}


async def told(site: Site, chat_id: int, text: str, number: int) -> int:
    """Say something; the id of the reply, once everything that follows has settled."""
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": text})
    turns = await site.turns(chat_id, number)
    await site.settled()
    return int(str(turns[-1]["id"]))


async def test_the_account_of_a_reply_is_what_was_sent(site: Site) -> None:
    chat_id = await site.chat("<b>Who goes there?</b>")
    site.fake.script(says("It is <script>alert(1)</script> dark."))
    reply = await told(site, chat_id, "Only me, <i>Max</i>.", 3)
    address = f"/api/chats/{chat_id}/turns/{reply}/prompt"
    account = (await site.client.get(address)).json()
    assert account["exact"] is True
    assert account["messages"] == site.fake.requests[-1].json["messages"]
    assert account["sampler"]["temperature"] == site.fake.requests[-1].json["temperature"]
    assert account["not_taken"] == ["min_p", "repeat_penalty"]
    assert [block["name"] for block in account["blocks"]][:3] == ["identity", "persona", "dialogue"]
    words = [piece["text"] for block in account["blocks"] for piece in block["pieces"]]
    assert "Only me, <i>Max</i>." in words
    assert account["total"] == sum(one["tokens"] for one in account["blocks"]) + 32
    assert account["times"]["first_token_s"] is not None
    assert account["counts"]["completion_tokens"] > 0
    shown = (await site.client.get(address.removeprefix("/api"), headers=PAGE)).text
    assert "It is &lt;script&gt;alert(1)&lt;/script&gt; dark." in shown
    assert "Only me, &lt;i&gt;Max&lt;/i&gt;." in shown
    assert "<script>alert" not in shown

    await site.program.engine.store.writer.submit(lambda txn: txn.execute("DELETE FROM sent_prompt"))
    later = (await site.client.get(address)).json()
    assert (later["exact"], later["messages"]) == (False, [])
    assert "Only me, <i>Max</i>." in [p["text"] for one in later["blocks"] for p in one["pieces"]]
    first = (await site.client.get(f"/api/chats/{chat_id}/turns")).json()[0]["id"]
    authored = (await site.client.get(f"/api/chats/{chat_id}/turns/{first}/prompt")).json()
    assert "not told by a model" in authored["missing"]
    for missing in (f"{chat_id}/turns/{first + 1}", f"999/turns/{reply}"):
        assert (await site.client.get(f"/api/chats/{missing}/prompt")).status_code == 404


async def test_a_memory_that_came_back_says_why_and_two_alternatives_stand_side_by_side(site: Site) -> None:
    chat_id = await site.chat()
    saved = await site.client.post("/settings/budget", data={"soft": "420", "hard": "600", "response": "64"})
    assert (saved.status_code, saved.headers["location"]) == (303, "/settings?saved=now#budget")
    await told(site, chat_id, "The silver key lies under the oak.", 2)
    for number in range(6):
        await told(site, chat_id, f"It rains again. {'Rain and rain. ' * 20}", 4 + 2 * number)
    first = await told(site, chat_id, "Where is the silver key?", 16)
    account = (await site.client.get(f"/api/chats/{chat_id}/turns/{first}/prompt")).json()
    assert (account["soft"], account["hard"], account["response"]) == (420, 600, 64)
    best = account["recalled"][0]
    assert best["text"] == "The silver key lies under the oak."
    assert (best["rank"], best["words_rank"], best["sent"]) == (1, 1, True)
    assert best["score"] > best["words"] * 0.99
    assert next(one for one in account["blocks"] if one["name"] == "dialogue")["trimmed"] > 0

    await site.client.post(f"/api/chats/{chat_id}/turns/{first}/alternatives", json={})
    await site.until(lambda: _alternative(site, chat_id, first))
    await site.settled()
    second = (await site.client.get(f"/api/chats/{chat_id}/turns")).json()[-1]["id"]
    address = f"/chats/{chat_id}/turns/{second}/prompt?beside={first}"
    shown = (await site.client.get(address, headers=PAGE)).text
    assert "Alternative 2" in shown
    assert "Alternative 1" in shown
    assert "only here" not in shown  # both were told with the same


async def _alternative(site: Site, chat_id: int, first: int) -> bool | None:
    newest = (await site.client.get(f"/api/chats/{chat_id}/turns")).json()[-1]["id"]
    return newest != first or None


async def test_the_estimate_is_what_is_then_sent_and_records_nothing(site: Site) -> None:
    chat_id = await site.chat("Who goes there?")
    await told(site, chat_id, "Only me.", 3)
    before = log.position(site.program.engine.store.hot)
    text = "Is the lamp lit? ((out of character))"
    estimate = (await site.client.post(f"/api/chats/{chat_id}/estimate", json={"text": text})).json()
    assert log.position(site.program.engine.store.hot) == before
    assert estimate["level"] == "green"
    assert estimate["total"] == sum(estimate["parts"].values())
    reply = await told(site, chat_id, text, 5)
    sent = (await site.client.get(f"/api/chats/{chat_id}/turns/{reply}/prompt")).json()
    assert (estimate["total"], estimate["window"]) == (sent["total"], sent["context_tokens"])
    shown = await site.client.post(f"/chats/{chat_id}/budget", data={"text": "word " * 9000}, headers=PAGE)
    assert "level red" in shown.text
    assert "the model has room for" in shown.text
    assert "Show the parts" in shown.text
    whole = await site.client.get(f"/chats/{chat_id}/budget", headers=PAGE)
    assert "room for the reply" in whole.text
    assert whole.text.count("Is the lamp lit?") == 1, "the words themselves"
    assert "out of character" not in whole.text


async def test_no_estimate_is_made_while_a_reply_is_on_its_way(site: Site) -> None:
    chat_id = await site.chat()
    site.fake.script(stalls(2))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Hello"})
    with trio.fail_after(LIMIT_S):
        while not site.fake.requests:
            await trio.testing.wait_all_tasks_blocked(0.01)
    answer = await site.client.post(f"/chats/{chat_id}/budget", data={"text": "x"})
    assert (answer.status_code, answer.content) == (204, b"")
    await site.fake.release()
