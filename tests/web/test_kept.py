"""Snapshots, backups and what came of a turn, on the page and over JSON; refusals in their place."""

import re
from typing import Any

import httpx
import pytest
import trio

from pipeline.restoring import LONG_EVENTS
from store import backups
from store.events import ChatRenamed
from tests.web.conftest import Site
from tests.web.test_past import PAGE, played, texts
from web.security import MAX_BODY_BYTES


def form(name: str, found: bytes) -> dict[str, tuple[str, bytes, str]]:
    return {"file": (name, found, "application/json")}


async def previewed(site: Site, answer: httpx.Response) -> str:
    """The page that an upload or a link led to."""
    return (await site.client.get(answer.headers["location"], headers=PAGE)).text


async def test_a_snapshot_is_taken_looked_into_and_restored_both_ways(site: Site) -> None:
    path, turns = await played(site)
    held = await texts(site, path)
    taken = await site.client.post(f"{path}/snapshots", data={"note": "before <b>it</b>"}, headers=PAGE)
    assert (taken.status_code, taken.headers["location"]) == (303, f"{path}/snapshots")
    listed = (await site.client.get(f"{path}/snapshots", headers=PAGE)).text
    assert "before &lt;b&gt;it&lt;/b&gt;" in listed
    (file,) = re.findall(r'href="/snapshots/([^"/]+)"', listed)
    one = f"/snapshots/{file}"
    shown = (await site.client.get(one, headers=PAGE)).text
    assert "Who goes there?" in shown
    assert 'value="branch"' in shown

    # what was done since does not stand in the branch, and what is there stays as another branch
    await site.client.post(f"{path}/turns/{turns[1]}/edit", data={"text": "Nobody."})
    await site.client.post(f"{path}/turns/{turns[2]}/retract")
    back = await site.client.post(f"{one}/restore", data={"to": "branch"}, headers=PAGE)
    assert (back.status_code, back.headers["location"]) == (303, path)
    assert await texts(site, path) == held
    branches = (await site.client.get(f"/api{path}/branches")).json()
    assert [(each["name"], each["active"]) for each in branches] == [
        ("main", False),
        ("snapshot: before <b>it</b>", True),
    ]
    await site.client.post(f"{path}/undo")
    assert await texts(site, path) == [held[0], "Nobody."]

    new = await site.client.post(f"{one}/restore", data={"to": "chat"}, headers=PAGE)
    assert new.headers["location"] != path
    assert await texts(site, new.headers["location"]) == held

    # a purged chat or one that never was here: said before anything is tried, refused all the same
    whole = (await site.client.get(f"{one}/file")).content
    other = whole.replace(b"Who goes there?", b"Who comes here?")
    edited = await previewed(site, await site.client.post("/snapshots", files=form("mine.json", other)))
    assert "was edited by hand" in edited
    assert 'value="branch"' not in edited
    (away,) = re.findall(r'action="(/snapshots/[^"]+)/restore"', edited)
    refused = await site.client.post(f"{away}/restore", data={"to": "chat"}, headers=PAGE)
    assert (refused.status_code, "digest does not match" in refused.text) == (409, True)
    accepted = {"to": "chat", "accept_edited": "yes"}
    came = await site.client.post(f"{away}/restore", data=accepted, headers=PAGE)
    assert (await texts(site, came.headers["location"]))[0] == "Who comes here?"
    await site.client.post(f"{path}/archive")
    assert "Only a new chat can be made of it" in (await site.client.get(one, headers=PAGE)).text
    assert "rchived" in (await site.client.post(f"/api{one}/restore", json={"to": "branch"})).text


async def test_a_file_that_is_brought_is_kept_once_or_refused_in_its_place(site: Site) -> None:
    path, _ = await played(site)
    await site.client.post(f"/api{path}/snapshots", json={})
    ((kept,), folder) = ((await site.client.get("/api/snapshots")).json(), site.program.paths.snapshots)
    assert (kept["why"], kept["head"]["turns"]) == ("by-hand", 3)
    whole = (await site.client.get(f"/api/snapshots/{kept['file']}/file")).content
    again = await site.client.post("/snapshots", files=form("again.json", whole))
    assert again.headers["location"] == f"/snapshots/{kept['file']}"
    wrong = [
        (whole[:-50], 422, "mine.json is cut off"),
        (b"Once upon a time.", 422, "mine.json is no JSON"),
        (whole.replace(b'"version":1', b'"version":9', 1), 422, "newer Fabula"),
        (whole.replace(b'"kind":"turn.user"', b'"kind":"turn.dragon"', 1), 422, "turn.dragon"),
    ]
    for found, status, words in wrong:
        refused = await site.client.post("/snapshots", files=form("../mine.json", found), headers=PAGE)
        assert (refused.status_code, words in refused.text) == (status, True), words
        assert 'type="file"' in refused.text
        refused = await site.client.post("/api/snapshots", content=found)
        assert (refused.status_code, refused.json()["error"]["do"] != "") == (status, True)
    nothing = await site.client.post("/snapshots", files=form("", b""), headers=PAGE)
    assert (nothing.status_code, "No file was chosen" in nothing.text) == (422, True)
    assert [one.name for one in folder.iterdir()] == [kept["file"]]
    padded = whole + b" " * MAX_BODY_BYTES  # a page's room is too small for it, a snapshot's is not
    assert (await site.client.post("/snapshots", files=form("large.json", padded))).status_code == 303
    stream = await trio.open_tcp_stream("127.0.0.1", int(site.address.rpartition(":")[2]))
    async with stream:  # five hundred megabytes are refused before they are sent
        await stream.send_all(
            b"POST /snapshots HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 500000000\r\n\r\n"
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 413")
    for name in ("none.json", "..%2Fconfig.toml", kept["file"].replace("chat-", "chat-9")):
        lost = await site.client.get(f"/snapshots/{name}/file")
        assert lost.status_code == 404, name


async def test_a_backup_is_made_and_the_page_says_how_to_go_back_to_it(site: Site) -> None:
    assert "There is no backup yet" in (await site.client.get("/backups", headers=PAGE)).text
    assert (await site.client.post("/backups")).headers["location"] == "/backups"
    (made,) = (await site.client.get("/api/backups")).json()
    paths = site.program.paths
    assert [one.path.name for one in backups.listed(paths.backups)] == [made["file"]]
    command = f"fabula restore {paths.backups / made['file']} --data {paths.folder}"
    assert made["restore"] == command
    assert command in (await site.client.get("/backups", headers=PAGE)).text


async def test_an_edited_turn_is_derived_again_stage_by_stage_and_never_by_itself(site: Site) -> None:
    path, (first, yours, _) = await played(site)
    derived = f"/api{path}/turns/{yours}/derived"

    async def told() -> dict[str, tuple[list[str], bool]]:
        return {
            one["stage"]: (one["told"], one["of_old_words"])
            for one in (await site.client.get(derived)).json()
        }

    assert 'data-act="derive"' not in (await site.client.get(path, headers=PAGE)).text
    assert (await told())["remember"] == (["Ada remembers “Turn 1”"], False)
    await site.client.post(f"{path}/turns/{yours}/edit", data={"text": "It is <i>me</i>."})
    await site.settled()
    assert 'data-act="derive"' in (await site.client.get(path, headers=PAGE)).text
    before = await told()
    assert before["remember"] == (["Ada remembers “Turn 1”"], True)
    assert set(before) == {"remember", "significance", "edges", "activities", "scene", "plot"}
    asked = (await site.client.get(f"{path}/turns/{yours}/derive", headers=PAGE)).text
    assert asked.count('name="stage"') == asked.count(" checked>") == 6
    none = await site.client.post(f"{path}/turns/{yours}/derive", headers=PAGE)
    assert (none.status_code, "No stage was chosen" in none.text) == (422, True)
    wrong = await site.client.post(derived, json={"stages": ["interjection"]})
    assert (wrong.status_code, "derives nothing" in wrong.json()["error"]["what"]) == (422, True)

    done = await site.client.post(f"{path}/turns/{yours}/derive", data={"stage": "remember"})
    assert (done.status_code, done.headers["location"]) == (303, f"{path}#turn-{yours}")
    await site.settled()
    after = await told()
    assert after["remember"] == (["Ada remembers “It is <i>me</i>.”"], False)
    assert after["significance"] == before["significance"]
    assert (await site.client.get(f"/api{path}/turns/{first}/derived")).json()[0]["of_old_words"] is False


@pytest.mark.slow
async def test_a_long_snapshot_is_long_work_that_can_be_cancelled_and_leads_to_its_chat(site: Site) -> None:
    chat_id = await site.chat()
    store, client = site.program.engine.store, site.client
    named = [ChatRenamed(title=f"The light {number}") for number in range(2 * LONG_EVENTS)]
    await store.writer.submit(lambda txn: [txn.append(one, chat_id=chat_id) for one in named])
    await client.post(f"/chats/{chat_id}/snapshots", data={})
    (file,) = [one["file"] for one in (await client.get("/api/snapshots")).json()]

    async def begun() -> str:
        answer = await client.post(f"/snapshots/{file}/restore", data={"to": "chat"}, headers=PAGE)
        assert (answer.status_code, answer.headers["location"][:13]) == (303, "/work?follow=")
        return str(answer.headers["location"])

    async def newest() -> dict[str, Any]:
        return dict((await client.get("/api/work")).json()[0])

    follow = await begun()
    shown = (await client.get(follow, headers=PAGE)).text
    assert "Bringing in “The light 7999”" in shown
    assert f'hx-get="/work/now?follow={follow.rpartition("=")[2]}"' in shown
    assert "At work" in (await client.get("/desk", headers=PAGE)).text
    while not (told := await newest())["done"] > 0:
        assert told["state"] == "running"
    assert told["done"] < told["total"]
    await client.post(f"/work/{told['id']}/cancel")

    async def over() -> dict[str, Any] | None:
        return None if (told := await newest())["state"] == "running" else told

    cancelled = await site.until(over)
    assert (cancelled["state"], cancelled["hint"]) == ("cancelled", "Nothing of it was kept: start it again.")
    assert len((await client.get("/api/chats")).json()) == 1
    assert "At work" not in (await client.get("/desk", headers=PAGE)).text
    follow = await begun()
    assert (await site.until(over))["state"] == "done"
    arrived = (await client.get(follow, headers=PAGE)).headers["location"]
    piece = await client.get(follow.replace("/work", "/work/now"), headers=PAGE)
    assert piece.headers["hx-redirect"] == arrived
    assert f'<a href="{arrived}">Read it</a>' in (await client.get("/work", headers=PAGE)).text
    assert "The light 7999" in (await client.get(arrived, headers=PAGE)).text
    third = await client.post(f"/api/snapshots/{file}/restore", json={"to": "chat"})
    assert (third.status_code, third.json()["branch_id"]) == (201, None)
    assert len((await client.get("/api/chats")).json()) == 3
