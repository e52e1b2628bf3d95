"""Long work on the page: asked first, begun, followed, cancelled, there again after a reload."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from store import embeddings
from store.rows import rows
from tests.fakes.endpoint import FakeEndpoint, fake_endpoint
from tests.processes import narrate_with, run_fabula
from tests.web.conftest import Site, open_site

HTML = {"accept": "text/html"}


def embed_with(data: Path, fake: FakeEndpoint) -> None:
    """Two embedding models at the fake's address; the first is configured."""
    narrate_with(data, fake.base_url)
    config = data / "config.toml"
    sections = "".join(
        f'[endpoint.{name}]\nbase_url = "{fake.base_url}/v1"\nmodel = "senses-{name}"\n'
        for name in ("old", "new")
    )
    config.write_text(config.read_text() + 'embed = "old"  # for now\n' + sections, encoding="utf-8")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A chat with two turns, remembered by a first embedding model."""
    async with fake_endpoint() as fake:
        embed_with(tmp_path, fake)
        async with open_site(tmp_path, fake, embed="") as site:
            chat_id = await site.chat()
            await say(site, chat_id, "The ship sinks.")
            yield site


async def say(site: Site, chat_id: int, text: str) -> None:
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": text})
    await site.settled()


async def press(site: Site, path: str, **fields: str) -> httpx.Response:
    headers = {"origin": site.address, "sec-fetch-site": "same-origin", **HTML}
    return await site.client.post(path, data=fields, headers=headers)


async def ended(site: Site) -> dict[str, Any]:
    async def looked() -> dict[str, Any] | None:
        newest = (await site.client.get("/api/work")).json()[0]
        return None if newest["state"] == "running" else dict(newest)

    return await site.until(looked)


def embedded(site: Site) -> dict[str, int]:
    return dict(rows(site.program.engine.store.hot, "SELECT model, count(*) FROM vector GROUP BY model"))


async def test_another_model_is_estimated_begun_cancelled_begun_again_and_answers(site: Site) -> None:
    store, paths = site.program.engine.store, site.program.paths
    assert (await site.client.get("/healthz")).json()["embedder"] == "senses-old"
    page = (await site.client.get("/work", headers=HTML)).text
    assert "old: senses-old (answers now)" in page
    assert "new: senses-new" in page
    assert "fake-model" not in page.partition("Find memories by another model")[2]
    asked = await press(site, "/work/reembed/ask", embedder="new")
    assert "2 texts were ever remembered; 2 have a vector of senses-new" in asked.text
    assert "found by senses-old until it is done" in asked.text
    await store.writer.submit(lambda txn: txn.execute("DELETE FROM vector WHERE model = 'senses-new'"))
    site.fake.embedding = trio.Event()
    assert (await press(site, "/work/reembed", embedder="new")).status_code == 303
    for _reload in range(2):
        shown = (await site.client.get("/work", headers=HTML)).text
        assert "<progress" in shown
        assert 'hx-get="/work/now"' in shown
    refused = await press(site, "/work/check")
    assert (refused.status_code, "Other long work is under way" in refused.text) == (409, True)
    (under_way,) = (await site.client.get("/api/work")).json()
    assert (await press(site, f"/work/{under_way['id']}/cancel")).status_code == 303
    assert (await ended(site))["state"] == "cancelled"
    assert embeddings.answering(store.hot) == embeddings.Answering("senses-old", "old")
    site.fake.embedding = None
    await press(site, "/work/reembed", embedder="new")
    assert (await ended(site))["outcome"] == "2 text(s) embedded with senses-new, which answers now."
    assert 'embed = "new"  # for now' in paths.config.read_text()
    assert "hx-get" not in (await site.client.get("/work/now", headers=HTML)).text
    chat_id = (await site.client.get("/api/chats")).json()[0]["id"]
    await say(site, chat_id, "Cold soup.")
    assert embedded(site) == {"senses-old": 2, "senses-new": 3}, "the reply is the same"
    assert (await site.client.get("/healthz")).json()["embedder"] == "senses-new"


async def test_another_embedder_in_the_settings_answers_at_once_where_it_can(site: Site) -> None:
    async def chosen(name: str) -> tuple[str, str, list[str]]:
        saved = await press(site, "/settings/profile", narrate="fake", embed=name)
        health = (await site.client.get("/healthz")).json()
        return saved.headers["location"], health["embedder"], health["notices"]

    assert await chosen("off") == ("/settings?saved=now#profile", "", [])
    assert await chosen("old") == ("/settings?saved=now#profile", "senses-old", [])
    where, answers, notices = await chosen("new")
    assert (where, answers) == ("/settings?saved=reembed#profile", "senses-old")
    assert "Memories are found by senses-old; senses-new is configured" in notices[0]
    page = (await site.client.get(where, headers=HTML)).text
    assert '<a href="/work#embed">To the re-embedding</a>' in page
    await press(site, "/work/reembed", embedder="new")
    assert (await ended(site))["state"] == "done"
    assert await chosen("new") == ("/settings?saved=now#profile", "senses-new", [])


async def test_a_model_that_is_configured_by_hand_waits_until_everything_has_its_vectors(
    site: Site, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace('embed = "old"', 'embed = "new"'))
    async with fake_endpoint() as fake, open_site(tmp_path, fake, embed="") as restarted:
        health = (await restarted.client.get("/healthz")).json()
        assert health["embedder"] == "senses-old"
        assert "Memories are found by senses-old; senses-new is configured" in health["notices"][0]
        done = await trio.to_thread.run_sync(lambda: run_fabula("reembed", "--model", "new", data=tmp_path))
        assert (done.returncode, "which answers now" in done.stdout) == (0, True), done.stderr

        async def followed() -> bool | None:
            health = (await restarted.client.get("/healthz")).json()
            return (health["embedder"], health["notices"]) == ("senses-new", []) or None

        assert await restarted.until(followed), "another process switched, and this one follows"


async def test_a_replay_is_planned_begun_and_told(site: Site) -> None:
    chat_id = (await site.client.get("/api/chats")).json()[0]["id"]
    asked = await press(site, "/work/replay/ask", stage="remember", chat_id=str(chat_id), first="", last="")
    assert "2 run(s); their new outcome takes the place of 2 event(s)." in asked.text
    assert "The ship sinks." in asked.text
    assert (await press(site, "/work/replay", stage="remember", chat_id=str(chat_id))).status_code == 303
    assert (await ended(site))["outcome"] == "2 run(s) of remember replayed; 0 dead."
    wrong = await press(site, "/work/replay/ask", stage="narrate", chat_id=str(chat_id))
    assert (wrong.status_code, "part of the play" in wrong.text) == (409, True)
    missing = await press(site, "/work/replay/ask", stage="remember")
    assert (missing.status_code, "chat_id" in missing.text) == (422, True)


async def test_what_is_shown_is_compared_with_the_log(site: Site) -> None:
    await press(site, "/work/check")
    assert (await ended(site))["outcome"].endswith("0 difference(s).")
    await site.program.engine.store.writer.submit(lambda txn: txn.execute("UPDATE bot SET name = 'X'"))
    await press(site, "/work/check")
    found = await ended(site)
    assert (found["state"], found["outcome"].endswith("1 difference(s).")) == ("failed", True)
    shown = (await site.client.get("/work", headers=HTML)).text
    assert "`fabula rebuild` folds the log again" in shown
