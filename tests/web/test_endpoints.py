"""The offer: what is found on this machine is one press away from narrating, and nothing else changes."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from pipeline.inference.discovery import USUAL, Candidate
from pipeline.inference.embedded import EmbeddedLlama
from tests.fakes.behaviour import says, stalls
from tests.fakes.endpoint import FakeEndpoint, fake_endpoint
from tests.processes import free_port
from tests.settling import LIMIT_S
from tests.web.conftest import Site, open_site

OLLAMA = next(candidate for candidate in USUAL if candidate.name == "Ollama")
HTML = {"accept": "text/html"}
KEY = "sk-never-shown-anywhere"


def ollama_at(fake: FakeEndpoint) -> Candidate:
    """The fake as an Ollama with two models."""
    models = [{"name": name, "details": {"family": "llama"}} for name in ("small:1b", "large:70b")]
    fake.routes["/api/tags"] = (200, {"models": models})
    return replace(OLLAMA, root=fake.base_url, limit_s=LIMIT_S)


@pytest.fixture
async def first_start(tmp_path: Path) -> AsyncIterator[Site]:
    """Nothing is configured, the embedded model narrates, and an Ollama is on this machine."""
    async with fake_endpoint() as fake, open_site(tmp_path, fake, candidates=[ollama_at(fake)]) as site:
        await site.narrates()
        yield site


@pytest.fixture
async def other() -> AsyncIterator[FakeEndpoint]:
    async with fake_endpoint() as fake:
        fake.judging = {}
        yield fake


def config_of(site: Site) -> str:
    return site.program.paths.config.read_text(encoding="utf-8")


async def press(site: Site, path: str = "/endpoints", **fields: str) -> httpx.Response:
    """A form as a browser sends it, without scripts."""
    headers = {"origin": site.address, "sec-fetch-site": "same-origin", **HTML}
    return await site.client.post(path, data=fields, headers=headers)


async def page(site: Site, path: str = "/endpoints") -> str:
    return (await site.client.get(path, headers=HTML)).text


async def test_what_is_known_of_the_small_model_is_put_away_and_stays_so(
    first_start: Site, tmp_path: Path
) -> None:
    assert "it is tiny" in await page(first_start, "/bots")
    away = await press(first_start, "/endpoints/notice", back="/bots")
    assert (away.status_code, away.headers["location"]) == (303, "/bots")
    assert "it is tiny" not in await page(first_start, "/bots")
    assert "it is tiny" in await page(first_start)  # the model's own page
    for elsewhere in ("//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"):
        assert (await press(first_start, "/endpoints/notice", back=elsewhere)).headers["location"] == "/"
    async with open_site(tmp_path, first_start.fake, work=False) as again:
        assert "it is tiny" not in await page(again, "/bots")
    await press(first_start, "/settings/play", small_model_notice="yes")
    assert "it is tiny" in await page(first_start, "/bots")


async def narrator(site: Site) -> dict[str, Any]:
    return dict((await site.client.get("/api/endpoints")).json()["narrator"])


async def test_the_first_page_says_that_the_model_is_tiny_and_offers_what_was_found(
    first_start: Site,
) -> None:
    text = await page(first_start, "/")
    assert "it is tiny" in text
    for part in ("Ollama", first_start.fake.base_url, "small:1b", "large:70b", "Use this", "SmolLM2"):
        assert part in text
    told = (await first_start.client.get("/api/endpoints")).json()
    assert told["narrator"]["kind"] == "embedded"
    assert told["narrator"]["state"] == "ready"
    assert [(one["name"], one["models"]) for one in told["found"]] == [("Ollama", ["small:1b", "large:70b"])]


async def test_one_press_and_the_next_reply_comes_from_it(first_start: Site) -> None:
    async with first_start.program.engine.endpoints.narrator() as (embedded, _):
        assert isinstance(embedded, EmbeddedLlama)
        child = (await embedded.process.current()).process
        fields = {"kind": "ollama", "base_url": first_start.fake.base_url, "model": "large:70b"}
        answer = await press(first_start, **fields)
        assert child.poll() is None, "somebody still uses it"
    assert (answer.status_code, answer.headers["location"]) == (303, "/endpoints")
    with trio.fail_after(LIMIT_S):
        await child.wait()
    assert "large:70b</strong> narrates now" in await page(first_start)
    assert "it is tiny" not in await page(first_start, "/")
    assert '[endpoint.ollama]\nkind = "ollama"' in config_of(first_start)
    chat_id = await first_start.chat()
    await first_start.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Hello"})
    await first_start.turns(chat_id, 2)
    assert first_start.fake.requests[-1].json["model"] == "large:70b"


async def test_what_was_chosen_narrates_at_the_next_start_too(first_start: Site, tmp_path: Path) -> None:
    await press(first_start, kind="ollama", base_url=first_start.fake.base_url, model="large:70b")
    async with open_site(tmp_path, first_start.fake) as again:
        assert await again.narrates() == "large:70b"
        assert "Fabula has not looked" in await page(again)


async def test_a_reply_under_way_is_finished_by_the_endpoint_that_began_it(
    site: Site, other: FakeEndpoint
) -> None:
    chat_id = await site.chat()
    site.fake.script(stalls(after=2))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "First"})
    await site.fake.next_request()
    other.script(says("From the other."))
    chosen = await site.client.post("/api/endpoints", json={"base_url": other.base_url})
    assert chosen.json()["narrator"]["base_url"] == other.base_url
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Second"})
    await site.fake.release()
    turns = await site.turns(chat_id, 4)
    assert [(turn["text"], turn["ended"]) for turn in turns[1::2]] == [
        ("w0 w1 w2 w3 w4 w5 w6 w7", "complete"),
        ("From the other.", "complete"),
    ]


async def test_comments_in_the_configuration_are_kept(site: Site, other: FakeEndpoint) -> None:
    written = "# mine\n" + config_of(site).replace("[profile]", "[profile] # who narrates")
    site.program.paths.config.write_text(written, encoding="utf-8")
    answer = await site.client.post("/api/endpoints", json={"base_url": other.base_url, "name": "other"})
    assert answer.status_code == 200
    assert config_of(site).startswith("# mine\n[endpoint.fake]\n")
    assert "[profile] # who narrates" in config_of(site)
    assert 'narrate = "other"' in config_of(site)


async def test_an_address_the_file_has_keeps_its_name_and_settings(site: Site) -> None:
    section = config_of(site).replace("[profile]", "context_tokens = 4096\n[profile]")
    site.program.paths.config.write_text(section, encoding="utf-8")
    await site.client.post("/api/endpoints", json={"base_url": site.fake.base_url, "model": "another"})
    assert (await narrator(site))["name"] == "fake"
    assert config_of(site).startswith(section.replace("fake-model", "another").partition("[profile]")[0])
    assert config_of(site).count("[endpoint.") == 1


async def assert_as_before(site: Site, written: str) -> None:
    assert config_of(site) == written
    assert not site.program.paths.secrets.exists()
    assert await narrator(site) == {
        "name": "fake",
        "kind": "openai",
        "base_url": f"{site.fake.base_url}/v1",
        "model": "fake-model",
        "state": "ready",
    }
    chat_id = await site.chat()
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Still there?"})
    assert (await site.turns(chat_id, 2))[1]["ended"] == "complete"


async def test_an_endpoint_that_is_down_changes_nothing_and_is_told(site: Site) -> None:
    written, address = config_of(site), f"http://127.0.0.1:{free_port()}"
    answer = await site.client.post("/api/endpoints", json={"base_url": address, "api_key": KEY})
    error = answer.json()["error"]
    assert answer.status_code == 502
    assert address in error["what"]
    assert error["means"] == "Nothing was changed: what narrated before narrates on."
    assert "Start the server" in error["do"]
    shown = await press(site, base_url=address, api_key=KEY, name="mine")
    assert shown.status_code == 502
    assert "Start the server" in shown.text
    assert f'value="{address}"' in shown.text, "what was typed is not lost"
    assert KEY not in shown.text + answer.text
    await assert_as_before(site, written)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "base_url"),
        ({"base_url": "hello"}, "http://"),
        ({"base_url": "http://127.0.0.1:99999"}, "http://"),
        ({"base_url": "file:///etc/passwd"}, "http://"),
        ({"base_url": "http://\ud800"}, "unicode"),
        ({"base_url": "http://127.0.0.1/\n[server]"}, "http://"),
        ({"kind": "magic"}, "kind"),
        ({"base_url": "http://127.0.0.1", "name": "a.b"}, "name"),
        ({"base_url": "http://127.0.0.1", "api_key": "two\nlines"}, "API key"),
    ],
)
async def test_an_address_that_is_none_is_refused_in_words(
    site: Site, wanted: dict[str, str], words: str
) -> None:
    written = config_of(site)
    answer = await site.client.post("/api/endpoints", content=json.dumps(wanted))
    assert answer.status_code == 422
    assert words in answer.text
    assert answer.json()["error"]["do"]
    await assert_as_before(site, written)


async def test_a_server_that_is_no_model_server_is_refused(site: Site) -> None:
    written = config_of(site)
    answer = await site.client.post("/api/endpoints", json={"base_url": site.address})
    assert answer.status_code == 422
    assert "does not say which models" in answer.json()["error"]["what"]
    await assert_as_before(site, written)


async def test_a_configuration_that_cannot_be_rewritten_changes_nothing(
    site: Site, other: FakeEndpoint
) -> None:
    site.program.paths.config.write_text("[server\n", encoding="utf-8")
    answer = await site.client.post("/api/endpoints", json={"base_url": other.base_url})
    assert answer.status_code == 422
    assert "line 1" in answer.json()["error"]["what"]
    await assert_as_before(site, "[server\n")


async def test_a_key_goes_to_its_file_and_the_server_and_nowhere_else(
    site: Site, other: FakeEndpoint
) -> None:
    wanted = {"base_url": other.base_url, "name": "hosted", "api_key": KEY}
    answer = await site.client.post("/api/endpoints", json=wanted)
    assert answer.status_code == 200
    assert KEY in site.program.paths.secrets.read_text(encoding="utf-8")
    assert site.program.paths.secrets.stat().st_mode & 0o077 == 0
    shown = [answer.text, config_of(site), await page(site), await page(site, "/")]
    for wrong in ({"api_kye": KEY}, {"api_key": [KEY]}, {"name": KEY + "/"}, {"base_url": KEY}):
        told = await site.client.post("/api/endpoints", json={"base_url": "http://127.0.0.1:1", **wrong})
        assert told.status_code == 422
        shown.append(told.json()["error"]["detail"] + ("" if "base_url" in wrong else told.text))
    assert not [text for text in shown if KEY in text]
    chat_id = await site.chat()
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Hello"})
    await site.turns(chat_id, 2)
    assert other.requests[-1].headers["authorization"] == f"Bearer {KEY}"


async def test_a_key_is_not_taken_along_to_another_address(site: Site, other: FakeEndpoint) -> None:
    await site.client.post(
        "/api/endpoints", json={"base_url": site.fake.base_url, "name": "fake", "api_key": KEY}
    )
    answer = await site.client.post("/api/endpoints", json={"base_url": other.base_url, "name": "fake"})
    assert answer.status_code == 409
    assert "another address" in answer.json()["error"]["what"]
    assert other.paths == []


async def test_look_again_finds_a_server_that_came_later(site: Site, other: FakeEndpoint) -> None:
    assert "Ollama</strong>" not in await page(site)
    site.program.engine.offer.candidates = [ollama_at(other)]
    answer = await press(site, "/endpoints/look")
    assert (answer.status_code, answer.headers["location"]) == (303, "/endpoints")
    assert "Ollama</strong>" in await page(site)
    site.program.engine.offer.candidates = []
    assert (await site.client.post("/api/endpoints/look")).json()["found"] == []


async def test_a_choice_from_another_page_is_refused(site: Site, other: FakeEndpoint) -> None:
    written = config_of(site)
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for path in ("/endpoints", "/api/endpoints", "/endpoints/look", "/api/endpoints/look"):
        answer = await site.client.post(path, data={"base_url": other.base_url}, headers=headers)
        assert answer.status_code == 403
    assert other.paths == []
    await assert_as_before(site, written)


async def test_a_process_that_only_serves_writes_it_down_for_the_worker(
    tmp_path: Path, other: FakeEndpoint
) -> None:
    async with open_site(tmp_path, other, work=False) as site:
        answer = await press(site, base_url=other.base_url, model="fake-model")
        assert answer.status_code == 303
        shown = await page(site)
        assert (await narrator(site))["state"] == "elsewhere"
    assert "A worker narrates" in shown
    assert "At its next start it begins with <strong>fake-model" in shown
    async with open_site(tmp_path, other) as working:
        assert await working.narrates() == "fake-model"


async def test_where_the_configured_server_is_down_the_page_offers_another(
    tmp_path: Path, other: FakeEndpoint
) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    config = f'[endpoint.gone]\nbase_url = "{down}"\n[profile]\nnarrate = "gone"\n'
    (tmp_path / "config.toml").write_text(config, encoding="utf-8")
    async with open_site(tmp_path, other, candidates=[ollama_at(other)]) as site:
        with trio.fail_after(LIMIT_S):
            while not site.program.engine.offer.looked:
                await trio.testing.wait_all_tasks_blocked(0.01)
        shown = await page(site, "/")
        assert "cannot be reached" in shown
        assert "Ollama</strong>" in shown
        assert "Try again" in await page(site)
        assert (await press(site, kind="ollama", base_url=other.base_url)).status_code == 303
        assert await site.narrates() == "small:1b"
        assert (await site.client.get("/healthz")).status_code == 200
