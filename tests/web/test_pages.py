"""The pages as a browser without scripts sees them: forms, lists and one chat."""

import re

import pytest
import trio

from tests.settling import LIMIT_S
from tests.web.conftest import Site

PAGE = {"accept": "text/html"}


async def page(site: Site, path: str) -> str:
    answer = await site.client.get(path, headers=PAGE)
    assert answer.status_code == 200
    return answer.text


async def test_a_bot_is_written_edited_and_archived(site: Site) -> None:
    assert "Create your first bot" in await page(site, "/")
    typed = {"name": "Ada", "aliases": "Keeper, , Lamp ", "description": "one\r\ntwo"}
    created = await site.client.post("/bots", data=typed)
    assert (created.status_code, created.headers["location"]) == (303, "/bots")
    (bot,) = (await site.client.get("/api/bots")).json()
    assert (bot["aliases"], bot["description"]) == (["Keeper", "Lamp"], "one\ntwo")
    form = await page(site, f"/bots/{bot['id']}")
    assert 'value="Keeper, Lamp"' in form
    await site.client.post(f"/bots/{bot['id']}", data={"name": "Ada Marsh"})
    assert "Ada Marsh" in await page(site, "/bots")
    await site.client.post(f"/bots/{bot['id']}/archive")
    assert "Ada Marsh" not in await page(site, "/bots")


async def test_a_wrong_field_comes_back_with_all_that_was_typed(site: Site) -> None:
    typed = {"name": "  ", "description": "Keeper of the <lamp>"}
    answer = await site.client.post("/bots", data=typed, headers=PAGE)
    assert answer.status_code == 422
    assert "name: is empty" in answer.text
    assert "Keeper of the &lt;lamp&gt;</textarea>" in answer.text


async def test_a_chat_is_started_renamed_and_archived(site: Site) -> None:
    bot_id = (await site.client.post("/api/bots", json={"name": "Ada"})).json()["id"]
    await site.client.post("/api/bots", json={"name": "Bo"})
    assert f'href="/?with={bot_id}#start"' in await page(site, "/bots")
    assert f'<option value="{bot_id}" selected>Ada</option>' in await page(site, f"/?with={bot_id}")
    chosen = {"host_id": str(bot_id), "you_name": " ", "title": ""}
    started = await site.client.post("/chats", data=chosen)
    address = started.headers["location"]
    assert '<h1 id="title">Ada</h1>' in await page(site, address)
    await site.client.post(f"{address}/rename", data={"title": "At the <lamp>"})
    assert '<h1 id="title">At the &lt;lamp&gt;</h1>' in await page(site, address)
    assert "At the &lt;lamp&gt;" in await page(site, "/")
    archived = await site.client.post(f"{address}/archive")
    assert (archived.status_code, archived.headers["location"]) == (303, "/")
    assert "At the &lt;lamp&gt;" not in await page(site, "/")
    assert "This chat is archived" in await page(site, address)
    refused = await site.client.post(f"{address}/turns", data={"text": "Hello?"}, headers=PAGE)
    assert refused.status_code == 409
    assert "archived" in refused.text


async def test_an_untold_title_is_refused(site: Site) -> None:
    chat_id = await site.chat()
    answer = await site.client.post(f"/chats/{chat_id}/rename", data={"title": " "}, headers=PAGE)
    assert answer.status_code == 422
    assert "title: is empty" in answer.text


async def test_a_turn_is_sent_without_scripts(site: Site) -> None:
    chat_id = await site.chat()
    sent = await site.client.post(f"/chats/{chat_id}/turns", data={"text": "*waves*\r\nHello"})
    assert (sent.status_code, sent.headers["location"]) == (303, f"/chats/{chat_id}#composer")
    yours, _ = await site.turns(chat_id, 2)
    assert yours["text"] == "*waves*\nHello"
    shown = await page(site, f"/chats/{chat_id}")
    assert "<em>waves</em><br>" in shown
    assert "w0 w1 w2 w3 w4 w5 w6 w7" in shown


async def test_the_transcript_is_read_in_windows_and_each_turn_is_shown_once(site: Site) -> None:
    chat_id = await site.chat()
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "the first"})
    for number in range(9):
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": f"turn {number}"})
    turns = [int(str(turn["id"])) for turn in await site.turns(chat_id, 20)]

    async def window(query: str) -> tuple[list[int], str | None, str | None]:
        text = await page(site, f"/chats/{chat_id}/turns?{query}")
        edges = dict(re.findall(r'<p class="(older|newer)" data-turn="(\d+)">', text))
        return (
            [int(one) for one in re.findall(r'id="turn-(\d+)"', text)],
            edges.get("older"),
            edges.get("newer"),
        )

    newest, older, newer = await window("limit=7")
    assert (newest, older, newer) == (turns[-7:], str(turns[-7]), None)
    seen = newest
    while older is not None:
        found, older, _ = await window(f"before={older}&limit=7")
        seen = found + seen
    assert seen == turns
    seen, newer = turns[:6], str(turns[5])
    while newer is not None:
        found, _, newer = await window(f"after={newer}&limit=7")
        seen = seen + found
    assert seen == turns
    assert await window("limit=20") == (turns, None, None)
    assert await window(f"around={turns[10]}&limit=6") == (turns[7:13], str(turns[7]), str(turns[12]))
    first = re.search(rf'id="turn-{turns[4]}"[^>]*data-anchor="(\d+)"', await page(site, f"/chats/{chat_id}"))
    place = f"{first.group(1)}-{turns[4]}" if first else ""
    assert await window(f"from={place}&limit=7") == (turns[4:11], str(turns[4]), str(turns[10]))
    assert (await window("from=999999-1&limit=7"))[0] == turns[-7:]  # a branch that ends earlier

    linked = await page(site, f"/chats/{chat_id}?turn={turns[3]}")
    assert f'data-sought="{turns[3]}"' in linked
    other = await site.chat()
    for path in (f"/chats/{other}?turn={turns[3]}", f"/chats/{other}/turns?around={turns[3]}"):
        assert (await site.client.get(path)).status_code == 404
    assert (await site.client.get(f"/chats/{chat_id}/turns?from=7")).status_code == 422


async def test_a_page_full_of_marks_is_rendered_beside_the_others(site: Site) -> None:
    chat_id = await site.chat("[" * 99_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(page, site, f"/chats/{chat_id}")
        with trio.fail_after(LIMIT_S):
            await page(site, "/bots")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/bots",
        "/bots/new",
        "/chats/{chat}",
        "/chats/{chat}/drawer",
        "/chats/{chat}/branches",
        "/chats/{chat}/snapshots",
        "/snapshots",
        "/backups",
        "/nowhere",
    ],
)
async def test_every_page_has_its_landmarks_and_every_field_a_label(site: Site, path: str) -> None:
    chat_id = await site.chat("Hello.")
    text = (await site.client.get(path.format(chat=chat_id), headers=PAGE)).text
    for landmark in ("<header", "<nav aria-label=", '<main id="main"', 'class="skip"', '<html lang="en"'):
        assert landmark in text
    for field in re.finditer(r"<(?:input|textarea|select)\b[^>]*>", text):
        named = re.search(r'\bid="([^"]+)"', field.group())
        before = text[: field.start()]
        labelled = named is not None and f'for="{named.group(1)}"' in text
        inside = before.rfind("<label") > before.rfind("</label>")
        assert labelled or inside or 'type="hidden"' in field.group(), field.group()


async def test_scripts_and_styles_are_asked_for_again_after_an_update(site: Site) -> None:
    for name in ("chat.js", "history.css", "fabula.css", "htmx.min.js"):
        answer = await site.client.get(f"/static/{name}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
        again = await site.client.get(f"/static/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
