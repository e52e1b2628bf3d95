"""The past as pages: what can be done with a turn is a form, asked about first where it matters."""

import re

import pytest

from tests.fakes.behaviour import answers, says, stalls
from tests.web.conftest import Site
from tests.web.test_api import Events

PAGE = {"accept": "text/html"}
PIECE = {"hx-request": "true", "accept": "application/json"}


async def played(site: Site, *replies: str) -> tuple[str, list[int]]:
    """A chat's path and the ids of its turns."""
    chat_id = await site.chat("Who goes there?")
    for number, reply in enumerate(replies or ("Come in.",), start=1):
        site.fake.script(says(reply))
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": f"Turn {number}"})
        turns = await site.turns(chat_id, 1 + 2 * number)
    await site.settled()
    return f"/chats/{chat_id}", [int(str(one["id"])) for one in turns]


async def texts(site: Site, path: str) -> list[str]:
    return [one["text"] for one in (await site.client.get(f"/api{path}/turns")).json()]


async def piece(site: Site, path: str) -> str:
    answer = await site.client.get(path, headers=PIECE)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_every_turn_offers_what_can_be_done_with_it(site: Site) -> None:
    path, (first, yours, reply) = await played(site)
    page = (await site.client.get(path, headers=PAGE)).text
    offered = {
        turn: set(re.findall(rf'data-act="([\w-]+)"[^>]*formaction="{path}/turns/{turn}/', page))
        for turn in (first, yours, reply)
    }
    common = {"edit", "hide", "rewind", "branch", "retract"}
    assert offered == {first: common, yours: common, reply: common | {"again", "carry-on"}}
    await site.client.post(f"{path}/archive")
    assert 'class="acts"' not in (await site.client.get(path, headers=PAGE)).text


async def test_alternatives_are_counted_and_swiped_without_scripts(site: Site) -> None:
    path, (_, _, reply) = await played(site)
    site.fake.script(says("Go away."))
    asked = await site.client.post(f"{path}/turns/{reply}/again")
    assert (asked.status_code, asked.headers["location"]) == (303, f"{path}#turn-{reply}")

    async def told() -> bool | None:
        return True if "Go away." in await texts(site, path) else None

    await site.until(told)
    await site.settled()
    page = (await site.client.get(path, headers=PAGE)).text
    assert "2 / 2" in page
    assert f'formaction="{path}/turns/{reply}/select"' in page
    await site.client.post(f"{path}/turns/{reply}/select")
    assert (await texts(site, path))[-1] == "Come in."
    assert "1 / 2" in (await site.client.get(path, headers=PAGE)).text


async def test_what_the_bots_say_by_themselves_can_be_told_again(site: Site) -> None:
    path, _ = await played(site)
    site.fake.script(says("*She hums.*"))
    await site.client.post(f"{path}/auto", data={"form": "auto", "turns": "1"})
    reply = (await site.turns(int(path.rpartition("/")[2]), 4))[-1]
    await site.settled()
    again = f"{path}/turns/{reply['id']}/again"
    assert f'formaction="{again}"' in (await site.client.get(path, headers=PAGE)).text
    site.fake.script(says("*She sings.*"))
    await site.client.post(again)
    await site.settled()
    assert (await texts(site, path))[-1] == "*She sings.*"
    assert "2 / 2" in (await site.client.get(path, headers=PAGE)).text


async def test_a_turn_without_a_reply_is_answered_after_all(site: Site) -> None:
    path, (_, yours, reply) = await played(site)
    again = f"{path}/turns/{yours}/again"
    answered = await site.client.post(again, headers=PIECE)
    assert (answered.status_code, "has its reply" in answered.text) == (409, True)
    await site.client.post(f"{path}/turns/{reply}/retract")
    assert f'formaction="{again}">have it answered' in (await site.client.get(path, headers=PAGE)).text
    site.fake.script(says("Stay out."))
    assert (await site.client.post(again)).status_code == 303
    await site.settled()
    assert (await texts(site, path))[1:] == ["Turn 1", "Stay out."]

    site.fake.script(answers(402))
    await site.client.post(f"/api{path}/turns", json={"text": "Turn 2"})
    await site.settled()
    last = (await site.client.get(f"/api{path}/turns")).json()[-1]["id"]
    again = f"{path}/turns/{last}/again"
    failed = await site.client.post(again, headers=PIECE)
    assert (failed.status_code, "discard it first" in failed.text) == (409, True)
    [dead] = (await site.client.get("/api/runs?state=dead")).json()
    await site.client.post(f"/api/runs/{dead['id']}/discard")
    site.fake.script(says("Well?"))
    await site.client.post(again)
    await site.settled()
    assert (await texts(site, path))[-2:] == ["Turn 2", "Well?"]
    carried = await site.client.post(f"{path}/turns/{last}/carry-on", headers=PIECE)
    assert carried.status_code == 409
    await site.client.post(f"/api{path}/turns", json={"text": "((brb))"})
    await site.settled()
    aside = (await site.client.get(f"/api{path}/turns")).json()[-1]["id"]
    nothing = await site.client.post(f"{path}/turns/{aside}/again", headers=PIECE)
    assert (nothing.status_code, "out of character" in nothing.text) == (409, True)


async def test_undo_says_when_there_is_nothing_to_undo(site: Site) -> None:
    path, (_, yours, _) = await played(site)
    idle = re.compile(
        r'<button id="undo-last" title="There is nothing to undo" (disabled|aria-disabled="true")>'
    )

    async def offered() -> bool:
        shown = (await site.client.get(path, headers=PAGE)).text, await piece(site, f"{path}/undo")
        assert len({idle.search(one) is None for one in shown}) == 1
        return idle.search(shown[0]) is None

    assert not await offered()
    await site.client.post(f"{path}/turns/{yours}/hide")
    assert await offered()
    await site.client.post(f"{path}/undo")
    assert not await offered()
    seen = (await site.client.get(f"/api{path}/state")).json()["you"]["changed_by"]
    await site.client.post(f"/api{path}/corrections/you", json={"name": "Wren", "seen": seen})
    assert await offered()
    await site.client.post(f"{path}/turns/{yours}/retract")
    assert await offered()


async def test_a_preview_that_has_gone_stale_is_shown_again(site: Site) -> None:
    path, (_, yours, reply) = await played(site)
    act = f"{path}/turns/{yours}/retract"
    preview = await piece(site, act)
    assert '<li dir="auto">Turn 1</li>' in preview
    assert "2 memories" in preview
    total = int(re.findall(r'name="total" value="(\d+)"', preview)[0])
    await site.client.post(f"{path}/turns/{reply}/retract")
    stale = await site.client.post(act, data={"total": str(total)}, headers=PIECE)
    assert (stale.status_code, stale.headers["content-type"]) == (409, "text/html; charset=utf-8")
    assert f"not {total}" in stale.text
    now = int(re.findall(r'name="total" value="(\d+)"', stale.text)[0])
    done = await site.client.post(act, data={"total": str(now)}, headers=PIECE)
    assert (done.status_code, done.text) == (200, "Retracted: 1 turn, with all that came of it.")
    assert await texts(site, path) == ["Who goes there?"]
    undone = await site.client.post(f"{path}/undo", headers=PIECE)
    assert undone.text == "Undone: retraction."
    assert (await site.client.post(f"{path}/undo")).headers["location"] == path
    nothing = await site.client.post(f"{path}/undo", headers=PIECE)
    assert (nothing.status_code, nothing.json()["error"]["what"]) == (409, "There is nothing to undo here.")


async def test_an_edit_that_cannot_be_comes_back_with_what_was_typed(site: Site) -> None:
    path, (_, yours, _) = await played(site)
    act = f"{path}/turns/{yours}/edit"
    assert "Turn 1</textarea>" in await piece(site, act)
    wrong = await site.client.post(act, data={"text": " "}, headers=PIECE)
    assert (wrong.status_code, "is empty" in wrong.text) == (422, True)
    done = await site.client.post(act, data={"text": "<i>Hello</i>\r\n& so on"}, headers=PIECE)
    assert done.text == "Edited."
    assert (await texts(site, path))[1] == "<i>Hello</i>\n& so on"
    page = (await site.client.get(path, headers=PAGE)).text
    assert "<i>Hello" not in page
    assert "edited</span>" in page


async def test_a_hidden_turn_is_a_line_that_opens(site: Site) -> None:
    path, (_, yours, _) = await played(site)
    await site.client.post(f"{path}/turns/{yours}/hide")
    page = (await site.client.get(path, headers=PAGE)).text
    assert page.count('<details class="folded">') == 1
    assert "Turn 1" in page
    await site.client.post(f"{path}/turns/{yours}/show")
    assert '<details class="folded">' not in (await site.client.get(path, headers=PAGE)).text


async def test_branches_are_a_tree_and_two_stand_side_by_side(site: Site) -> None:
    path, turns = await played(site, "Come in.", "Sit down.")
    await site.client.post(f"{path}/turns/{turns[2]}/branch", data={"name": "<b>aside</b>"})
    went = await site.client.post(f"{path}/turns/{turns[2]}/rewind", data={"name": ""}, headers=PIECE)
    assert "kept in the branch you left" in went.text
    tree = await piece(site, f"{path}/branches")
    assert "&lt;b&gt;aside&lt;/b&gt;" in tree
    assert tree.count('class="deep-1') == 2
    assert re.search(
        r'class="deep-1 here" aria-current="true">\s*<p><strong dir="auto">from “Come in.”', tree
    )
    main = int(path.rpartition("/")[2])
    active = next(b for b in (await site.client.get(f"/api{path}/branches")).json() if b["active"])
    beside = await piece(site, f"{path}/branches/compare?one={main}&other={active['id']}")
    row = r'<tr class="differs"><th [^>]*>{}<.*?<td dir="auto">{}</td><td dir="auto">{}</td>'
    assert re.search(row.format("Turns", "5", "3"), beside)
    assert re.search(row.format("Said last", "Sit down.", "Come in."), beside)
    assert "affinity 0, trust 0; 0 facts known" in beside
    named = await site.client.post(
        f"{path}/branches/{active['id']}/rename", data={"name": "calm"}, headers=PIECE
    )
    assert named.text == "The branch is called “calm” now."
    wrong = await site.client.post(
        f"{path}/branches/{active['id']}/rename", data={"name": " "}, headers=PIECE
    )
    assert (wrong.status_code, "is empty" in wrong.text) == (422, True)
    switched = await site.client.post(f"{path}/branches/{main}/switch")
    assert switched.headers["location"] == path
    assert (await texts(site, path))[-1] == "Sit down."


@pytest.mark.parametrize(
    ("query", "status"), [("", 422), ("?one=1", 422), ("?one=999&other=998", 404), ("?one=x&other=1", 422)]
)
async def test_what_cannot_be_compared_is_said(site: Site, query: str, status: int) -> None:
    path, _ = await played(site)
    answer = await site.client.get(f"{path}/branches/compare{query}", headers=PIECE)
    assert answer.status_code == status
    assert answer.json()["error"]["do"]


async def test_another_chats_turn_is_nothing_that_can_be_asked_about(site: Site) -> None:
    _, turns = await played(site)
    other = await site.chat()
    for act in ("edit", "retract", "rewind", "branch", "again"):
        assert (await site.client.get(f"/chats/{other}/turns/{turns[1]}/{act}")).status_code == 404
    assert (await site.client.post(f"/chats/{other}/turns/{turns[1]}/hide")).status_code == 404


async def test_what_is_written_for_another_branch_is_not_told_in_this_one(site: Site) -> None:
    path, turns = await played(site)
    chat_id = int(path.rpartition("/")[2])
    site.fake.script(stalls(after=3))
    await site.client.post(f"/api{path}/turns", json={"text": "And now?"})
    await site.fake.next_request()
    async with Events(site, chat_id, after=10**6) as events:
        assert (await events.until("partial"))["text"].startswith("w0")
    forked = await site.client.post(f"/api{path}/branches", json={"turn_id": turns[2], "name": "aside"})
    await site.client.post(f"/api{path}/branches/{forked.json()['id']}", json={"active": True})
    async with Events(site, chat_id) as events:
        run = await events.until("run")
        assert (run["state"], run["live"]) == ("running", False)
        assert run["speaker_id"] == (await site.client.get(f"/api{path}")).json()["host_id"]
        assert not {"partial", "token"} & {kind for kind, _ in events.told}
        lives = {said["payload"]["text"]: said["live"] for kind, said in events.told if kind == "turn.user"}
        assert lives == {"Turn 1": True, "And now?": False}
        await site.client.post(f"/api{path}/branches/{chat_id}", json={"active": True})
        assert (await events.until("partial"))["text"].startswith("w0")
        await site.fake.release()
        assert (await events.until("turn.assistant"))["live"]
    await site.settled()
