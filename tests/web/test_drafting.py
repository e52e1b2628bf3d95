"""A draft of the person's next line: asked of the narrator, given to the composer, recorded nowhere."""

import trio

from store import log
from tests.fakes.behaviour import answers, says, stalls
from tests.settling import LIMIT_S
from tests.web.conftest import Site


async def _played(site: Site) -> str:
    bot = await site.client.post("/api/bots", json={"name": "Ada", "first_message": "Who goes there?"})
    wanted = {"host_id": bot.json()["id"], "you_name": "Mira", "you_persona": "A smuggler with a limp."}
    chat_id = (await site.client.post("/api/chats", json=wanted)).json()["id"]
    site.fake.script(says("Come in."))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Only me. ((testing))"})
    await site.turns(chat_id, 3)
    await site.settled()
    return f"/api/chats/{chat_id}"


async def test_the_narrator_drafts_a_line_and_nothing_is_recorded(site: Site) -> None:
    path = await _played(site)
    before = log.position(site.program.engine.store.hot)
    site.fake.script(says("Mira: I brought fish."))
    drafted = await site.client.post(f"{path}/draft")
    assert (drafted.status_code, drafted.json()) == (200, {"text": "I brought fish."})
    assert log.position(site.program.engine.store.hot) == before
    system, *dialogue = site.fake.requests[-1].json["messages"]
    assert "A smuggler with a limp." in system["content"]
    assert [(one["role"], one["content"]) for one in dialogue] == [
        ("user", "Ada: Who goes there?"),
        ("assistant", "Only me."),
        ("user", "Ada: Come in.\n\n[It is Mira's turn.]"),
    ]


async def test_what_is_hidden_is_not_drafted_from(site: Site) -> None:
    path = await _played(site)
    turns = (await site.client.get(f"{path}/turns")).json()
    await site.client.post(f"{path}/turns/{turns[0]['id']}/change", json={"hidden": True})
    site.fake.script(says("Well."))
    await site.client.post(f"{path}/draft")
    assert "Who goes there" not in str(site.fake.requests[-1].json)


async def test_a_draft_that_fails_says_why(site: Site) -> None:
    path = await _played(site)
    site.fake.script(answers(401, {"error": {"message": "bad key"}}))
    failed = await site.client.post(f"{path}/draft")
    assert failed.status_code == 502
    assert "key" in str(failed.json()["error"])
    assert (await site.client.post("/api/chats/999/draft")).status_code == 404


async def test_whoever_leaves_gives_the_draft_up(site: Site) -> None:
    path = await _played(site)
    before = len(site.fake.requests)
    site.fake.script(stalls(after=1))
    async with trio.open_nursery() as person:
        person.start_soon(site.client.post, f"{path}/draft")
        for _ in range(before + 1):
            asked = await site.fake.next_request()
        person.cancel_scope.cancel()
    with trio.fail_after(LIMIT_S):
        await asked.disconnected.wait()
        site.fake.script(says("Back again."))
        assert (await site.client.post(f"{path}/draft")).json() == {"text": "Back again."}


async def test_there_is_no_draft_while_a_reply_is_written(site: Site) -> None:
    path = await _played(site)
    site.fake.script(stalls(after=1))
    await site.client.post(f"{path}/turns", json={"text": "And?"})
    await site.fake.next_request()
    refused = await site.client.post(f"{path}/draft")
    assert refused.status_code == 409
    await site.fake.release()
    await site.settled()
