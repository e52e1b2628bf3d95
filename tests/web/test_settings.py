"""The settings page: changed in place, kept with its comments, tried out, and no key ever shown."""

import json
import stat
from pathlib import Path

import pytest

from store.rows import rows
from tests.actors.bench import SIGNIFICANCE
from tests.fakes.behaviour import Behaviour, decides, drops
from tests.fakes.endpoint import FakeEndpoint, fake_endpoint
from tests.processes import narrate_with
from tests.web.conftest import Site, open_site
from workers.logs import BLOT

PAGE = {"accept": "text/html"}
SCORES = "SELECT json_extract(payload, '$.score') FROM event WHERE kind = 'significance.scored' ORDER BY id"
KEY = "sk-never-shown-anywhere"


def config_of(site: Site) -> str:
    return site.program.paths.config.read_text(encoding="utf-8")


async def test_a_change_is_kept_beside_the_comments_and_holds_from_the_next_reply(site: Site) -> None:
    path = site.program.paths.config
    path.write_text("# mine\n" + config_of(site), encoding="utf-8")
    fields = {"temperature": "0.3", "top_k": "", "seed": "7", "stop": "END\nSTOP"}
    saved = await site.client.post("/settings/sampler", data=fields)
    assert saved.headers["location"] == "/settings?saved=now#sampler"
    assert config_of(site).startswith("# mine\n")
    assert "temperature = 0.3" in config_of(site)
    chat_id = await site.chat()
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Hello"})
    await site.turns(chat_id, 2)
    sent = site.fake.requests[-1].json
    assert (sent["temperature"], sent["top_p"], sent["seed"], sent["stop"]) == (0.3, 0.95, 7, ["END", "STOP"])
    unchanged = await site.client.post("/settings/profile", data={"narrate": "fake", "embed": "off"})
    assert unchanged.headers["location"] == "/settings?saved=now#profile"
    shown = (await site.client.get("/settings?saved=now", headers=PAGE)).text
    assert "from the next reply or decision on" in shown
    assert 'value="0.3"' in shown
    told = (await site.client.get("/api/settings")).json()
    assert told["sections"]["sampler"]["seed"] == 7
    assert told["sections"]["sampler"]["top_k"] is None
    assert told["endpoints"][0]["narrates"] is True


@pytest.mark.parametrize(
    ("section", "fields", "words"),
    [
        ("budget", {"soft": "12", "hard": "8192"}, "soft: Input should be greater than or equal to 256"),
        ("budget", {"soft": "many <b>"}, "soft: Input should be a valid integer"),
        ("sampler", {"temperature": "warm"}, "temperature: Input should be a valid number"),
        ("profile", {"text_weight": "7"}, "text_weight: Input should be less than or equal to 1"),
        ("profile", {"narrate": "fake", "classify": "nobody"}, "which is not there"),
        ("profile", {"narrate": "nobody"}, "which is not there"),
        ("prompt", {"layout": "upside down"}, "layout: Input should be"),
        ("play", {"ooc_begins": "[["}, "ooc_ends: (( and )) belong together; say how [[ is closed"),
        ("play", {"auto_stops_on_typing": "maybe"}, "auto_stops_on_typing: Input should be a valid boolean"),
        ("server", {"host": "0.0.0.0"}, "There is no section"),
    ],
)
async def test_what_is_wrong_is_told_with_what_was_typed(
    site: Site, section: str, fields: dict[str, str], words: str
) -> None:
    before = config_of(site)
    answer = await site.client.post(f"/settings/{section}", data=fields, headers=PAGE)
    assert answer.status_code == 422
    assert words in answer.text.replace("&#39;", "'")
    assert "<b>" not in answer.text
    if "soft" in fields:
        assert f'value="{fields["soft"].replace("<b>", "&lt;b&gt;")}"' in answer.text
        assert 'aria-invalid="true"' in answer.text
    assert config_of(site) == before


async def test_what_was_out_of_character_when_it_was_said_stays_so_whatever_mark_is_chosen(
    site: Site,
) -> None:
    chat_id = await site.chat()
    turns, once = f"/api/chats/{chat_id}/turns", {"idempotency-key": "once"}
    saved = await site.client.post(
        "/settings/play", data={"ooc_begins": "[[", "ooc_ends": "]]", "auto_stops_on_typing": "no"}
    )
    assert saved.headers["location"] == "/settings?saved=now#play"
    assert "auto_stops_on_typing = false" in config_of(site)
    assert (await site.client.get("/api/settings")).json()["sections"]["play"]["ooc_ends"] == "]]"
    page = (await site.client.get(f"/chats/{chat_id}", headers=PAGE)).text
    assert "Speak, *act*, or [[step out of character]]" in page
    assert "data-stops" not in page
    said = {"text": "Hello [[my zebra :)) phone]] there ((and another zebra))"}
    sent = (await site.client.post(turns, json=said, headers=once)).json()
    told = await site.turns(chat_id, 2)
    assert told[0]["text"] == "Hello ((my zebra :) ) phone)) there ((and another zebra))"
    await site.client.post(f"/api/chats/{chat_id}/estimate", json={"text": "[[zebra]] Ada?"})
    await site.client.post("/settings/play", data={})
    again = (await site.client.post(turns, json=said, headers=once)).json()
    assert (again["event_id"], again["repeated"]) == (sent["event_id"], True)
    await site.client.post(turns, json={"text": "Now [[this]] is said aloud."})
    await site.turns(chat_id, 4)
    await site.settled()
    assert not [one for one in (*site.fake.requests, *site.fake.decisions) if "zebra" in str(one.json)]
    assert "[[this]] is said aloud" in str(site.fake.requests[-1].json)
    memories = (await site.client.get(f"/api/chats/{chat_id}/state")).text
    assert "zebra" not in memories
    await site.client.post("/settings/play", data={"ooc_begins": "//", "ooc_ends": "//"})
    edited = {"text": "Hello //my secret// again"}
    await site.client.post(f"{turns}/{told[0]['id']}/change", json=edited)
    assert (await site.turns(chat_id, 4))[0]["text"] == "Hello ((my secret)) again"


async def test_who_decides_changes_at_once_and_what_was_begun_is_finished(site: Site) -> None:
    def judged(fake: FakeEndpoint) -> int:
        return sum(SIGNIFICANCE in json.dumps(one.json, ensure_ascii=False) for one in fake.decisions)

    def decided() -> list[int]:
        return [score for (score,) in rows(site.program.engine.store.hot, SCORES)]

    profile = {"narrate": "fake", "classify": "other", "embed": "off"}
    async with fake_endpoint() as other:
        other.judging = {SIGNIFICANCE: decides({"score": 2})}
        endpoint = f'[endpoint.other]\nbase_url = "{other.base_url}/v1"\n[endpoint.dead]\nbase_url = "http://127.0.0.1:1/v1"\n'
        site.program.paths.config.write_text(config_of(site) + endpoint, encoding="utf-8")
        site.fake.judging = {SIGNIFICANCE: Behaviour(text='{"score": 1}', stall_after=0)}
        chat_id = await site.chat()
        said = f"/api/chats/{chat_id}/turns"
        await site.client.post(said, json={"text": "Hello"})
        while not judged(site.fake):
            await site.fake.decided(len(site.fake.decisions) + 1)
        saved = await site.client.post("/settings/profile", data=profile)
        assert saved.headers["location"] == "/settings?saved=now#profile"
        await site.fake.release()
        await site.settled()
        assert (decided(), judged(site.fake), judged(other)) == ([1, 2], 1, 1)
        before = config_of(site)
        refused = await site.client.post(
            "/settings/profile", data=profile | {"classify": "dead"}, headers=PAGE
        )
        assert (refused.status_code, config_of(site)) == (502, before)
        assert "cannot be reached" in refused.text
        await site.client.post("/settings/endpoints/other", data={"model": "another"})
        await site.client.post(said, json={"text": "Again"})
        await site.settled()
        assert {one.json["model"] for one in other.decisions[-2:] if one.json} == {"another"}
        asked = len(other.decisions)
        site.fake.judging = {}
        emptied = await site.client.post("/settings/profile", data=profile | {"classify": ""})
        assert emptied.status_code == 303
        await site.client.post(said, json={"text": "Once more"})
        await site.settled()
        assert len(other.decisions) == asked


async def test_a_process_that_only_serves_writes_down_what_a_worker_takes_up(
    site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    narrate_with(folder, "http://127.0.0.1:1")
    async with open_site(folder, site.fake, work=False) as served:
        saved = await served.client.post("/settings/profile", data={"narrate": "fake", "text_weight": "0.3"})
        assert saved.headers["location"] == "/settings?saved=later#profile"
        assert "text_weight = 0.3" in config_of(served)
        again = await served.client.post("/settings/play", data={"auto_stops_on_typing": "no"})
        assert again.headers["location"] == "/settings?saved=now#play"


async def test_a_key_is_kept_and_never_shown(site: Site) -> None:
    fields = {"model": "fake-model", "context_tokens": "4096", "api_key": KEY}
    saved = await site.client.post("/settings/endpoints/fake", data=fields)
    assert saved.status_code == 303
    secrets = site.program.paths.secrets
    assert KEY in secrets.read_text(encoding="utf-8")
    assert KEY not in str(BLOT(None, "error", {"event": f"it was {KEY}"}))
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert "context_tokens = 4096" in config_of(site)
    assert KEY not in config_of(site)
    wrong = await site.client.post(
        "/settings/endpoints/fake", data={"context_tokens": "1", "api_key": KEY}, headers=PAGE
    )
    refused = await site.client.post("/api/endpoints/fake/change", json={"api_key": KEY, "ap_key": KEY})
    assert (wrong.status_code, refused.status_code) == (422, 422)
    page, told = await site.client.get("/settings", headers=PAGE), await site.client.get("/api/settings")
    assert "its key is kept" in page.text
    assert told.json()["endpoints"][0]["key_in"] == "secrets.toml"
    assert not [one for one in (wrong, refused, page, told) if KEY in one.text]
    gone = await site.client.post("/api/endpoints/none/change", json={"model": "x"})
    assert gone.status_code == 404


async def test_the_test_button_says_what_works(site: Site) -> None:
    site.fake.judging = {'\\"colour\\"': decides({"colour": "green"})}
    tried = (await site.client.post("/api/endpoints/fake/try")).json()["findings"]
    works = {one["what"]: one["works"] for one in tried}
    assert works["models"] is True
    assert works["streaming"] is True
    assert works["structured output"] is True
    assert works["context size"] is True
    assert "8192 tokens" in next(one["told"] for one in tried if one["what"] == "context size")
    site.fake.judging = {}
    site.fake.script(drops(0))
    shown = (await site.client.post("/settings/endpoints/fake/try", headers=PAGE)).text
    assert 'class="cold">fails</strong> streaming' in shown
    assert 'class="cold">fails</strong> structured output' in shown
    assert 'class="warm">works</strong> context size' in shown
    assert (await site.client.post("/settings/endpoints/none/try", headers=PAGE)).status_code == 404
