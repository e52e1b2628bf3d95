"""The OpenAPI document, compared with what the server answers at every address."""

from typing import Any

import httpx
from openapi_schema_validator import OAS31Validator, validate
from openapi_spec_validator import validate as validate_document

from store.events import (
    DigestWritten,
    MemoryWritten,
    SceneClosed,
    SceneSummarized,
    StoryEventPlanned,
    StoryPlan,
    ThreadOpened,
    TurnUser,
)
from store.events.relationships import MAX_FACTS
from tests.web.conftest import Site
from tests.web.play import Play
from web.api import OPERATIONS


async def test_the_document_is_valid_and_every_answer_fits_it(site: Site) -> None:
    document = (await site.client.get("/openapi.json")).json()
    validate_document(document)
    chat_id = await site.chat()
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Hello"})
    await site.turns(chat_id, 2)
    run_id = (await site.client.get("/api/runs?stage=remember")).json()[0]["id"]
    bot_id = (await site.client.get("/api/bots")).json()[0]["id"]
    ids = {"bot_id": str(bot_id), "chat_id": str(chat_id), "run_id": str(run_id)}
    turns = (await site.client.get(f"/api/chats/{chat_id}/turns")).json()
    ids |= {"turn_id": str(turns[1]["id"]), "branch_id": str(chat_id)}
    ids["name"] = "fake"
    ids |= {"stage": "kickoff", "event_id": str(turns[0]["id"])}
    bodies = {
        "/api/endpoints/{name}/change": {"model": "fake-model"},
        "/api/bots": {"name": "Bea"},
        "/api/bots/{bot_id}": {"name": "Ada"},
        "/api/chats": {"host_id": bot_id},
        "/api/chats/{chat_id}/turns": {"text": "Again"},
        "/api/chats/{chat_id}/significance": {"turn_ids": [turns[0]["id"]], "score": 2},
        "/api/chats/{chat_id}/estimate": {"text": "And now?"},
        "/api/work/reembed/estimate": {"embedder": "fake"},
        "/api/work/reembed": {"embedder": "fake"},
        "/api/work/replay/plan": {"stage": "remember", "chat_id": chat_id},
        "/api/work/replay": {"stage": "remember", "chat_id": chat_id},
        "/api/endpoints": {"kind": "openai", "base_url": site.fake.base_url, "model": "fake-model"},
        "/api/chats/{chat_id}/turns/{turn_id}/alternatives": {"extend": False},
        "/api/chats/{chat_id}/turns/{turn_id}/change": {"hidden": True},
        "/api/chats/{chat_id}/turns/{turn_id}/retract": {},
        "/api/chats/{chat_id}/branches": {"turn_id": turns[0]["id"], "name": "aside"},
        "/api/chats/{chat_id}/branches/{branch_id}": {"name": "main road"},
        "/api/chats/{chat_id}/rewind": {"turn_id": turns[0]["id"]},
        "/api/runs/bulk": {"deed": "discard", "state": "dead", "total": 100},
        **{f"/api/stages/{{stage}}/{act}": {"note": "why"} for act in ("pause", "resume")},
        **{f"/api/runs/{{run_id}}/{deed}": {} for deed in ("retry", "discard", "replay")},
        "/api/chats/{chat_id}/snapshots": {"note": "kept"},
        "/api/snapshots/{file}/restore": {"to": "branch"},
        "/api/chats/{chat_id}/turns/{turn_id}/derived": {"stages": ["remember"]},
        **await _bodies_of_corrections(site, chat_id, bot_id),
        "/api/chats/{chat_id}/story-events": {"title": "A feast"},
        "/api/chats/{chat_id}/story-events/{story_event_id}": {"title": "A wake", "seen": 0},
        "/api/chats/{chat_id}/story-events/{story_event_id}/complete": {"gist": "We ate."},
        "/api/chats/{chat_id}/story-events/{story_event_id}/cancel": {},
        "/api/chats/{chat_id}/scenes/{scene_id}": {"seen": 0},
        "/api/chats/{chat_id}/scenes/{scene_id}/quotes": {"owner_id": bot_id, "quotes": ["Yes."], "seen": 0},
        "/api/chats/{chat_id}/threads": {"title": "Who rang?"},
        "/api/chats/{chat_id}/threads/{thread_id}": {"seen": 0},
        "/api/chats/{chat_id}/threads/{thread_id}/close": {},
        "/api/chats/{chat_id}/skip": {"words": "next morning"},
        "/api/chats/{chat_id}/meanwhile": {"turns": 1},
        "/api/chats/{chat_id}/auto": {"turns": 0},
        "/api/chats/{chat_id}/digests/{digest_id}": {"text": "They met.", "seen": 0},
    }
    told = Play(site, chat_id, bot_id)
    wake = StoryEventPlanned(plan=StoryPlan(title="A wake"))
    ids["story_event_id"], spare = str(await told.record(wake)), str(await told.record(wake))
    ids["scene_id"] = str((await site.client.get(f"/api/chats/{chat_id}/scenes")).json()[0]["id"])
    await told.record(SceneClosed(scene_id=int(ids["scene_id"])))
    await told.record(SceneSummarized(scene_id=int(ids["scene_id"]), owner_id=bot_id, summary="We met."))
    ids["thread_id"] = str(await told.record(ThreadOpened(title="The key")))
    kept = (await site.client.post(f"/api/chats/{chat_id}/snapshots", json={})).json()["file"]
    ids["file"] = kept
    bodies["/api/snapshots"] = (await site.client.get(f"/api/snapshots/{kept}/file")).json()
    digest = DigestWritten(scene_id=chat_id, text="They have met.", told_by=(bot_id,))
    ids["digest_id"] = str(await told.record(digest))
    bea = (await site.client.post("/api/bots", json={"name": "Bea"})).json()["id"]
    three = {"host_id": bot_id, "guest_id": bea}
    ahead, away = [(await site.client.post("/api/chats", json=three)).json()["id"] for _ in range(2)]
    await Play(site, away, bot_id).record(TurnUser(text="((later))"))
    elsewhere = {"/skip": ahead, "/meanwhile": away, "/return": away}
    drafted = await site.client.post("/api/chats", json={"host_id": bot_id, "opening": "At sea."})
    for one in OPERATIONS:
        if one.path.endswith("/events"):
            continue
        body = bodies.get(one.path) if one.takes is not None else None
        if one.path.startswith("/api/work"):
            ids["work_id"] = str(await _idle_work(site))
        chat = {"chat_id": str(drafted.json()["id"])} if one.path.endswith("/opening") else {}
        other = next((there for end, there in elsewhere.items() if one.path.endswith(end)), None)
        chat |= {"chat_id": str(other)} if other is not None else {}
        chat |= {"story_event_id": spare} if one.path.endswith("/cancel") else {}
        query = f"?owner={bot_id}&text=Hello" if "owner" in one.queries else ""
        query = "?q=Hello" if "q" in one.queries else query
        answer = await site.client.request(one.method, one.path.format(**(ids | chat)) + query, json=body)
        assert answer.status_code == one.status, f"{one.method} {one.path}: {answer.text}"
        _assert_documented(document, one.method, one.path, answer)
        if one.path.endswith("/alternatives"):
            await site.settled()  # the alternative takes the turn's place when it stands, not before
        wrong = await site.client.request(one.method, one.path.replace("{", "").replace("}", "") + "/none")
        _assert_error(document, wrong)


async def _idle_work(site: Site) -> int:
    """The newest long work, once none is under way: there is one piece at a time."""

    async def looked() -> int | None:
        shown = (await site.client.get("/api/work")).json()
        under_way = shown and shown[0]["state"] == "running"
        return None if under_way else shown[0]["id"] if shown else 0

    return await site.until(looked)


async def _bodies_of_corrections(site: Site, chat_id: int, bot_id: int) -> dict[str, dict[str, object]]:
    """What can be sent to every address of a chat's state; most of it stands so already."""
    play = Play(site, chat_id, bot_id)
    memory = {
        "memory_id": await play.record(
            MemoryWritten(owner_id=bot_id, speaker_name="A", text="B", witnesses=())
        )
    }
    guest = await site.client.post("/api/bots", json={"name": "Cleo"})
    pair = {"observer_id": 0, "target_id": bot_id}
    fact = await play.correct("fact", **pair, text="C")
    me, seen = {"entity_id": 0}, {"seen": 0}
    corrections: dict[str, dict[str, object]] = {
        "activity": {**me, **seen, "activity": ""},
        "entity": {**me, **seen},
        "inventory": {**me, **seen, "inventory": []},
        "place": {"name": "Hall"},
        "world": dict(seen),
        "edge": {**pair, **seen, "affinity": 0, "trust": 0},
        "edge-summary": {**pair, **seen, "summary": ""},
        "fact": {**pair, "text": "D"},
        "fact-removed": {"fact_id": fact.json()["event_id"] * MAX_FACTS},
        "group": {**seen, "summary": ""},
        "note": {**seen, "text": ""},
        "you": {**seen, "name": "Wren"},
        "memory": {**memory, **seen, "text": "B"},
        "pin": {**memory, **seen, "pinned": False},
        "witnesses": {**memory, **seen, "witnesses": []},
    }
    bodies = {f"/api/chats/{{chat_id}}/corrections/{name}": said for name, said in corrections.items()}
    opening = {"time": "noon"}
    return {
        **bodies,
        "/api/chats/{chat_id}/guest": {"guest_id": guest.json()["id"]},
        "/api/chats/{chat_id}/opening": opening,
    }


def _assert_documented(document: dict[str, Any], method: str, path: str, answer: httpx.Response) -> None:
    responses = document["paths"][path][method.lower()]["responses"]
    content = responses[str(answer.status_code)]["content"]
    if "application/json" in content:
        schema = {**content["application/json"]["schema"], "components": document["components"]}
        validate(answer.json(), schema, cls=OAS31Validator)


def _assert_error(document: dict[str, Any], answer: httpx.Response) -> None:
    assert answer.status_code >= 400
    schema = {"$ref": "#/components/schemas/ErrorOut", "components": document["components"]}
    validate(answer.json(), schema, cls=OAS31Validator)
