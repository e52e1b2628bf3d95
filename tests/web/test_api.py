"""The JSON interface: as documented, and clear about everything it does not accept."""

import json
import socket
from typing import Any

import pytest
import trio
import trio.testing

from pipeline.inference.minilm import EmbedderUnusable
from store import log
from store.errors import Refused
from tests.fakes.behaviour import Behaviour, stalls
from tests.settling import LIMIT_S
from tests.web.conftest import Site
from web.server import listening_socket


async def test_a_chat_plays(site: Site) -> None:
    chat_id = await site.chat("*looks up* Who goes there?")
    sent = await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Only me."})
    assert sent.status_code == 202
    first, yours, reply = await site.turns(chat_id, 3)
    assert (first["ended"], first["text"]) == ("authored", "*looks up* Who goes there?")
    assert yours["id"] == sent.json()["event_id"]
    assert (reply["text"], reply["ended"], reply["answers"]) == (
        "w0 w1 w2 w3 w4 w5 w6 w7",
        "complete",
        yours["id"],
    )


async def test_a_repeated_post_returns_the_first_answer(site: Site) -> None:
    chat_id = await site.chat()
    path, key = f"/api/chats/{chat_id}/turns", {"idempotency-key": "k1"}
    first = await site.client.post(path, json={"text": "Once"}, headers=key)
    again = await site.client.post(path, json={"text": "Once"}, headers=key)
    other = await site.client.post(path, json={"text": "Twice"}, headers=key)
    assert (again.status_code, again.json()["event_id"]) == (202, first.json()["event_id"])
    assert again.json()["repeated"] is True
    assert other.status_code == 409
    assert len([t for t in await site.turns(chat_id, 2) if t["speaker_id"] is None]) == 1


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'{"text": ""}', 422, "text"),
        (b'{"text": "  \\n "}', 422, "empty"),
        (b'{"text": "a\\u0000b"}', 422, "NUL"),
        (b'{"text": "\\ud800"}', 422, "surrogate"),
        (json.dumps({"text": "x" * 1_000_000}).encode(), 422, "100000"),
        (b'{"text": 7}', 422, "text"),
        (b'{"txet": "hello"}', 422, "txet"),
        (b"hello", 422, "JSON"),
        (b"[1]", 422, "object"),
        (b"\xff\xfe", 422, "JSON"),
    ],
)
async def test_a_turn_that_cannot_be_taken_is_told_and_nothing_is_written(
    site: Site, body: bytes, status: int, words: str
) -> None:
    chat_id = await site.chat()
    answer = await site.client.post(f"/api/chats/{chat_id}/turns", content=body)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert words in json.dumps(error)
    assert error["do"]
    assert (await site.client.get(f"/api/chats/{chat_id}/turns")).json() == []


async def test_a_body_that_is_far_too_large_is_refused_before_it_is_read(site: Site) -> None:
    chat_id = await site.chat()
    async with await trio.open_tcp_stream("127.0.0.1", int(site.address.rpartition(":")[2])) as stream:
        head = (
            f"POST /api/chats/{chat_id}/turns HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 3000000\r\n\r\n"
        )
        await stream.send_all(head.encode())
        answer = b""
        while b"larger" not in answer:
            answer += await stream.receive_some()
    assert b" 413 " in answer[:20]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/chats/999999/turns", 404),
        ("/api/chats/abc/turns", 404),
        ("/api/chats/-1/turns", 404),
        ("/api/runs?state=asleep", 422),
        ("/api/chats/999999/events", 404),
        ("/api/nothing", 404),
    ],
)
async def test_what_does_not_exist_is_told(site: Site, path: str, status: int) -> None:
    answer = await site.client.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]["what"]


async def test_a_second_turn_while_one_streams_is_queued_and_answered_in_order(site: Site) -> None:
    chat_id = await site.chat()
    site.fake.script(stalls(after=2))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "First"})
    await site.fake.next_request()
    second = await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Second"})
    assert second.status_code == 202
    assert second.json()["behind"] >= 1
    await site.fake.release()
    turns = await site.turns(chat_id, 4)
    assert [turn["speaker_id"] is None for turn in turns] == [True, False, True, False]
    assert [turn["text"] for turn in turns][::2] == ["First", "Second"]
    messages = site.fake.requests[-1].json["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]


async def test_stop_keeps_the_text_and_the_next_turn_plays(site: Site) -> None:
    chat_id = await site.chat()
    site.fake.script(stalls(after=3))
    async with Events(site, chat_id) as events:
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Go"})
        await events.until("token")
        await events.until("token")
        stopped = await site.client.post(f"/api/chats/{chat_id}/stop")
        assert stopped.json() == {"changed": 1}
        told = await events.until("turn.assistant")
    assert told["payload"]["truncated"] is True
    assert told["payload"]["ended"] == "stopped"
    assert "w0 w1 w2".startswith(told["payload"]["text"])
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Go on"})
    assert (await site.turns(chat_id, 4))[3]["ended"] == "complete"


class Events:
    """An event stream, read off the socket as it comes; the lines of the chunked framing carry no field."""

    def __init__(self, site: Site, chat_id: int, after: int = 0, last_event_id: int | None = None) -> None:
        resumed = f"last-event-id: {last_event_id}\r\n" if last_event_id is not None else ""
        path = f"/api/chats/{chat_id}/events?after={after}"
        self._request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{resumed}\r\n"
        self._port = int(site.address.rpartition(":")[2])
        self._read = b""
        self.ids: list[int] = []
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def __aenter__(self) -> "Events":
        self._stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        await self._stream.send_all(self._request.encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.aclose()

    async def until(self, kind: str) -> dict[str, Any]:
        with trio.fail_after(LIMIT_S):
            while True:
                fields = await self._event()
                if "id" in fields:
                    self.ids.append(int(fields["id"]))
                if "event" in fields:
                    self.told.append((fields["event"], json.loads(fields["data"])))
                if fields.get("event") == kind:
                    return dict(json.loads(fields["data"]))

    async def rest(self) -> bytes:
        """All that still comes until the server hangs up."""
        return self._read + b"".join([part async for part in self._stream])

    async def _event(self) -> dict[str, str]:
        while b"\n\n" not in self._read:
            self._read += await self._stream.receive_some()
        event, _, self._read = self._read.partition(b"\n\n")
        lines = [line.strip("\r").partition(": ") for line in event.decode().split("\n")]
        return {name: value for name, _, value in lines if value}


async def test_a_stream_that_comes_back_misses_nothing_and_repeats_nothing(site: Site) -> None:
    chat_id = await site.chat("Hello.")
    async with Events(site, chat_id) as events:
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "One"})
        await events.until("turn.assistant")
        await events.until("turn.assistant")
        first = events.ids
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Two"})
    await site.turns(chat_id, 5)
    async with Events(site, chat_id, last_event_id=first[-1]) as events:
        await events.until("turn.assistant")
        second = events.ids
    seen = first + second
    assert seen == sorted(set(seen))
    stored = site.program.engine.store.hot.execute(
        "SELECT id FROM event WHERE chat_id = ? AND id <= ? ORDER BY id", (chat_id, seen[-1])
    ).fetchall()
    assert seen == [event_id for (event_id,) in stored]


async def test_a_late_tab_sees_what_is_being_written(site: Site) -> None:
    chat_id = await site.chat()
    site.fake.script(stalls(after=4))
    async with Events(site, chat_id) as early:
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Go"})
        for _ in range(3):
            await early.until("token")
        async with Events(site, chat_id) as late:
            partial = await late.until("partial")
            assert str(partial["text"]).startswith("w0 w1")
            await site.fake.release()
            await late.until("turn.assistant")


async def test_health_and_metrics_say_how_it_is(site: Site) -> None:
    chat_id = await site.chat()
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Go"})
    await site.turns(chat_id, 2)
    health = await site.client.get("/healthz")
    assert (health.status_code, health.json()["ready"], health.json()["trouble"]) == (200, True, [])
    metrics = (await site.client.get("/metrics")).text
    assert 'fabula_runs{stage="narrate",state="done"} 1.0' in metrics
    assert "fabula_attempt_seconds_count" in metrics
    by = 'endpoint="fake"'
    assert f'fabula_inference_requests_total{{{by},outcome="complete",use="generate"}} 1.0' in metrics
    assert f'fabula_inference_tokens_total{{{by},part="completion",use="generate"}} 8.0' in metrics
    assert f'fabula_inference_first_token_seconds_count{{{by},use="generate"}} 1.0' in metrics
    figures = {line.split()[0]: float(line.split()[1]) for line in metrics.splitlines() if line[0] != "#"}
    assert figures["fabula_database_bytes"] > 4096
    assert figures["fabula_wal_bytes"] > 0
    assert figures["fabula_events_total"] == log.position(site.program.engine.store.hot)
    assert figures["fabula_commits_total"] > 3
    site.fake.script(Behaviour(status=402, body="{}"))
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Again"})
    await site.settled()
    paid = f'fabula_inference_requests_total{{{by},outcome="quota",use="generate"}} 1.0'
    assert paid in (await site.client.get("/metrics")).text
    foreign = await site.client.get("/metrics", headers={"host": "evil.example"})
    assert foreign.status_code == 421


async def test_an_embedder_that_fails_is_told_on_the_page_and_by_healthz(site: Site) -> None:
    site.program.engine.endpoints.without_embedder(EmbedderUnusable("no torch"))
    health = await site.client.get("/healthz")
    assert health.status_code == 200
    assert health.json()["embedder"] == ""
    assert any("by their words" in notice for notice in health.json()["notices"])
    page = (await site.client.get("/")).text
    assert "found by their words" in page
    assert "(no torch)" in page


def test_a_port_in_use_is_named_with_a_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Refused, match=str(port)) as caught:
            listening_socket("127.0.0.1", port)
    assert "--port" in caught.value.hint


async def test_an_unread_stream_holds_up_nobody(site: Site) -> None:
    """A reader that never reads: the others go on, and the shutdown does not wait for it."""
    chat_id = await site.chat()
    port = int(site.address.rpartition(":")[2])
    async with await trio.open_tcp_stream("127.0.0.1", port) as deaf:
        await deaf.send_all(f"GET /api/chats/{chat_id}/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        for number in range(3):
            await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": f"turn {number}"})
        assert len(await site.turns(chat_id, 6)) == 6


async def test_open_streams_end_with_the_server(site: Site) -> None:
    """A shutdown is prompt however many tabs are open, and each stream ends as a whole response."""
    chat_id = await site.chat()
    async with Events(site, chat_id) as first, Events(site, chat_id) as second:
        await first.until("chat.started")
        await second.until("chat.started")
        site.program.engine.feed.close()
        site.shutdown.set()
        with trio.fail_after(LIMIT_S):
            for events in (first, second):
                assert (await events.rest()).endswith(b"0\r\n\r\n")
            await site.served.wait()
