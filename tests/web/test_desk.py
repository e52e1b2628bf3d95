"""The desk over HTTP: what it shows of stages and runs, and what can be done there."""

import re
from typing import Any

import httpx

from store import figures
from store.errors import ErrorClass
from tests.fakes.behaviour import answers
from tests.web.conftest import Site

EVIL = "Ada <script>alert(1)</script>"
EVIL_ERROR = {"message": "no key <img src=x onerror=alert(2)>"}


async def _played(site: Site) -> int:
    bot = await site.client.post("/api/bots", json={"name": EVIL, "first_message": "Who goes there?"})
    chat = await site.client.post("/api/chats", json={"host_id": bot.json()["id"]})
    chat_id = int(chat.json()["id"])
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Only me."})
    await site.turns(chat_id, 3)
    await site.settled()
    return chat_id


async def _dead_narration(site: Site) -> tuple[int, int]:
    """A chat whose newest turn could not be answered, and the run that failed."""
    chat_id = await _played(site)
    site.fake.script(answers(401, EVIL_ERROR))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "And now?"})

    async def look() -> int | None:
        found = (await site.client.get("/api/runs?state=dead&stage=narrate")).json()
        return int(found[0]["id"]) if found else None

    return chat_id, await site.until(look)


def _page(answer: httpx.Response) -> str:
    """A page in which nothing that was said has become markup."""
    assert answer.status_code == 200, answer.text
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    return answer.text


async def test_every_stage_is_shown_with_its_figures_and_a_switch(site: Site) -> None:
    await _played(site)
    shown = _page(await site.client.get("/desk"))
    stages = (await site.client.get("/api/desk")).json()["stages"]
    assert {one["stage"] for one in stages} == set(site.program.engine.pipeline.stages)
    narrate = next(one for one in stages if one["stage"] == "narrate")
    assert (narrate["done"], narrate["dead"], narrate["paused"]) == (1, 0, False)
    assert 0 <= narrate["run_p50"] <= narrate["run_p95"]
    assert shown.count('class="stage') == len(stages)
    assert "In the last hour 1 run done, 0 attempts failed." in shown
    piece = await site.client.get("/desk", headers={"HX-Request": "true"})
    assert 'id="stage-narrate"' in piece.text
    assert "<html" not in piece.text


async def test_a_paused_stage_says_so_everywhere_and_its_switch_lets_it_go_on(site: Site) -> None:
    chat_id = await _played(site)
    there = await site.client.post("/desk/stages/narrate/pause", data={"note": "lunch"})
    assert there.headers["location"] == "/desk#stage-narrate"
    shown = _page(await site.client.get("/desk"))
    assert "nothing is answered until this goes on" in shown
    assert "“narrate” is paused" in _page(await site.client.get(f"/chats/{chat_id}"))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Anyone?"})

    async def waiting() -> bool | None:
        stages = (await site.client.get("/api/desk")).json()["stages"]
        return next(one["waiting"] == 1 for one in stages if one["stage"] == "narrate") or None

    await site.until(waiting)
    listed = _page(await site.client.get("/desk/runs?stage=narrate&state=waiting,ready"))
    assert listed.count('class="entry"') == 1
    assert len(await site.turns(chat_id, 4)) == 4
    await site.client.post("/desk/stages/narrate/resume")
    assert len(await site.turns(chat_id, 5)) == 5
    acts = (await site.client.get("/api/account")).json()
    assert [(one["act"], one["note"]) for one in acts] == [("resumed", ""), ("paused", "lunch")]
    missing = await site.client.post("/desk/stages/nonsense/pause", headers={"Accept": "text/html"})
    assert missing.status_code == 404
    assert "The stages: activities, addressee" in missing.text


async def test_a_runs_page_tells_what_was_asked_what_came_and_why_it_failed(site: Site) -> None:
    chat_id, run_id = await _dead_narration(site)
    shown = _page(await site.client.get(f"/desk/runs/{run_id}"))
    for said in ("does not know the API key", "Set the key again", "And now?", "Try again", "Discard"):
        assert said in shown
    assert "Replay</button>" not in shown, "what is part of the play is not replayed"
    assert f"/desk/events/{(await site.client.get(f'/api/runs/{run_id}')).json()['trigger']['id']}" in shown
    state = re.search(r'seen=([^"&]+)"', shown)
    assert state is None, "a dead run changes no more by itself"
    judged = (await site.client.get(f"/api/runs?stage=significance&chat={chat_id}&state=done")).json()[0]
    told = (await site.client.get(f"/api/runs/{judged['id']}")).json()
    (attempt,) = told["attempts"]
    assert attempt["requests"][0]["messages"]
    assert attempt["answers"][0] == ["{}", "{}"], "the raw answers, the reminded one too"
    assert {one["kind"] for one in told["events"]} == {"significance.scored", "decision.defaulted"}
    assert "What it answered" in _page(await site.client.get(f"/desk/runs/{judged['id']}"))

    retried = await site.client.post(f"/desk/runs/{run_id}/retry", data={"note": EVIL})
    assert retried.status_code == 303
    after = _page(await site.client.get(retried.headers["location"]))
    assert "1 run will be tried again." in after
    assert "Ada &lt;script&gt;" in after
    assert len(await site.turns(chat_id, 5)) == 5
    gone = await site.client.get("/desk/runs/999999", headers={"Accept": "text/html"})
    assert gone.status_code == 404
    refused = await site.client.post(f"/desk/runs/{run_id}/replay", headers={"Accept": "text/html"})
    assert refused.status_code == 409
    assert "part of the play" in refused.text
    long = await site.client.post(f"/desk/runs/{run_id}/retry", data={"note": "x" * 3000})
    assert long.status_code == 422


async def test_runs_are_filtered_paged_and_acted_on_in_bulk_after_a_count(site: Site) -> None:
    chat_id, run_id = await _dead_narration(site)
    listed = _page(await site.client.get("/desk/runs?state=dead&error=refused"))
    assert f'href="/desk/runs/{run_id}"' in listed
    assert "does not know the API key" in listed
    assert "No run is like that" in _page(await site.client.get("/desk/runs?state=dead&error=quota"))
    first = (await site.client.get(f"/api/runs?chat={chat_id}&limit=3")).json()
    second = (await site.client.get(f"/api/runs?chat={chat_id}&limit=3&before={first[-1]['id']}")).json()
    assert max(one["id"] for one in second) < min(one["id"] for one in first)
    for wrong in ("state=gone", "error=gone", "before=x", "chat=x"):
        assert (await site.client.get(f"/desk/runs?{wrong}")).status_code == 422

    query = "state=dead&stage=narrate"
    asked = _page(await site.client.get(f"/desk/runs/bulk?deed=retry&{query}"))
    assert "Try again 1 run?" in asked
    clash = await site.client.post(f"/desk/runs/bulk?{query}", data={"deed": "retry", "total": "0"})
    assert clash.status_code == 409
    assert "It is 1 by now" in clash.text
    done = await site.client.post(
        f"/desk/runs/bulk?{query}", data={"deed": "retry", "total": "1", "note": "the key is right now"}
    )
    assert "1 run will be tried again." in _page(await site.client.get(done.headers["location"]))
    await site.turns(chat_id, 5)
    await site.settled()
    counted = await site.client.post("/api/runs/bulk", json={"deed": "replay", "stage": "significance"})
    assert counted.json() == {"total": 5, "done": False}
    assert "the key is right now" in _page(await site.client.get("/desk"))


async def test_the_tree_of_a_turn_holds_everything_that_came_of_it(site: Site) -> None:
    chat_id = await _played(site)
    turns = await site.turns(chat_id, 3)
    turn_id, reply_id = turns[1]["id"], turns[2]["id"]
    tree = (await site.client.get(f"/api/events/{turn_id}/descent")).json()
    known = site.program.engine.store.hot.execute(
        "WITH RECURSIVE below(id) AS (VALUES (?1) UNION ALL SELECT event.id FROM event JOIN below"
        " ON event.cause_id = below.id) SELECT id FROM below",
        (turn_id,),
    ).fetchall()
    assert tree["size"] == len(known) + len(_runs_in(tree["root"]))
    assert {run["stage"] for run in tree["root"]["runs"]} >= {"addressee", "remember", "significance"}
    shown = _page(await site.client.get(f"/desk/events/{turn_id}"))
    for run_id in _runs_in(tree["root"]):
        assert f'href="/desk/runs/{run_id}"' in shown
    below = _page(await site.client.get(f"/desk/events/{reply_id}"))
    assert "Because of" in below
    assert f'href="/desk/events/{turn_id}"' in below
    assert f'href="/desk/events/{turn_id}"' in _page(await site.client.get(f"/chats/{chat_id}"))
    assert (await site.client.get("/desk/events/999999")).status_code == 404


def _runs_in(event: dict[str, Any]) -> list[int]:
    found: list[int] = []
    for run in event["runs"]:
        found.append(run["id"])
        for child in run["events"]:
            found += _runs_in(child)
    for child in event["by_hand"]:
        found += _runs_in(child)
    return found


async def test_the_queues_own_health_counts_what_was_taken_back(site: Site) -> None:
    await _played(site)
    store = site.program.engine.store
    health = (await site.client.get("/api/desk")).json()["health"]
    assert sum(health["events"]) == store.hot.execute("SELECT count(*) FROM event").fetchall()[0][0]
    assert health["database"] > 0
    assert 0 < health["disk_left"] <= health["disk"]
    hour_later = store.clock() + 3_600_000 + 60_000
    past = store.read_now(lambda db: figures.of_hour(db, store.path, (), now=hour_later))
    assert sum(past.health.events) == sum(one.done for one in past.stages) == 0
    assert ErrorClass.CRASH.value not in (await site.client.get("/desk")).text
