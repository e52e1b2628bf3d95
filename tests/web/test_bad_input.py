"""What nobody sends on purpose: every such request gets a clear answer, and the server goes on."""

from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from store.errors import Refused
from tests.web.conftest import Site
from web.app import create_app
from web.server import listening_socket

HUGE = "9" * 30
PAGE = {"accept": "text/html"}


@pytest.mark.parametrize("given", ["abc", HUGE, "9223372036854775808", "-1", "1.5", "%00", "1%20"])
@pytest.mark.parametrize(
    "path", ["/api/chats/{}", "/api/chats/{}/turns", "/api/chats/{}/events", "/chats/{}"]
)
async def test_an_id_that_is_none_is_told(site: Site, path: str, given: str) -> None:
    answer = await site.client.get(path.format(given))
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert "There is no chat" in error["what"]
    assert "whole number" in error["do"]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/chats", b'{"host_id": 1%s}' % (b"0" * 30), 422, "host_id"),
        ("/api/chats", b'{"host_id": -5}', 422, "host_id"),
        ("/api/chats", b'{"host_id": 999}', 404, "There is no bot 999"),
        ("/api/chats", b"[" * 100_000, 422, "nested"),
        ("/api/bots", b'{"name": %s}' % (b'{"a":' * 50_000), 422, "nested"),
        ("/api/bots", b'{"name": 1%s}' % (b"0" * 5_000), 422, "JSON"),
        ("/api/bots", b'{"name": ""}', 422, "name"),
        ("/api/bots", b'{"name": "%s"}' % (b"x" * 201), 422, "200"),
    ],
)
async def test_a_body_that_cannot_be_is_told(
    site: Site, path: str, body: bytes, status: int, words: str
) -> None:
    answer = await site.client.post(path, content=body)
    assert (answer.status_code, words in answer.json()["error"]["what"]) == (status, True), answer.text


HALF = '"half \\ud800"'
"""Half a character, as JSON can say it and no database keep it."""


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/chats/{chat}/branches", '{"turn_id": 9223372036854775808, "name": "x"}', "turn_id"),
        ("/api/chats/{chat}/rewind", '{"turn_id": 9223372036854775808}', "turn_id"),
        ("/api/work/replay/plan", '{"stage": "remember", "chat_id": 9223372036854775808}', "chat_id"),
        ("/api/runs/bulk", f'{{"deed": "retry", "stage": {HALF}}}', "stage"),
        ("/api/chats", '{"host_id": 1, "you_name": "%s"}' % ("x" * 201), "has 201 characters"),
        ("/api/work/reembed/estimate", '{"embedder": "nobody"}', "embedder"),
    ],
)
async def test_what_no_database_holds_is_refused_by_name(
    site: Site, path: str, body: str, words: str
) -> None:
    answer = await site.client.post(path.format(chat=await site.chat()), content=body)
    assert (answer.status_code, words in answer.json()["error"]["what"]) == (422, True), answer.text


async def test_nobody_looks_for_what_is_longer_than_anything_known(site: Site) -> None:
    chat_id = await site.chat()
    asked = {"owner": "1", "text": "x" * 60_000}
    answer = await site.client.get(f"/api/chats/{chat_id}/why", params=asked)
    assert (answer.status_code, "text" in answer.json()["error"]["what"]) == (422, True), answer.text


async def test_a_body_without_an_announced_length_ends_at_the_limit(site: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    answer = await site.client.post("/api/bots", content=endless())
    assert (answer.status_code, answer.json()["error"]["what"]) == (413, "The request is larger than 2 MB.")


async def test_a_body_with_a_length_over_the_limit_is_refused_unread(site: Site) -> None:
    answer = await site.client.post("/api/bots", content=b"x" * 3_000_000)
    assert (answer.status_code, answer.json()["error"]["do"]) == (413, "Send less at once.")


async def test_a_wrong_method_is_told_the_right_ones(site: Site) -> None:
    answer = await site.client.delete("/api/bots")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert "GET, HEAD, POST" in answer.json()["error"]["do"]


async def test_the_head_of_an_event_stream_has_no_body_and_the_connection_lives_on(site: Site) -> None:
    chat_id = await site.chat()
    port = int(site.address.rpartition(":")[2])
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        request = "{} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
        await stream.send_all(request.format(f"HEAD /api/chats/{chat_id}/events").encode())
        head = await stream.receive_some()
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "Hello"})
        await site.turns(chat_id, 2)
        await stream.send_all(request.format("GET /api/bots").encode())
        following = await stream.receive_some()
    assert head.endswith(b"\r\n\r\n")
    assert following.startswith(b"HTTP/1.1 200")


async def test_a_turn_is_shown_only_in_its_own_chat(site: Site) -> None:
    first, second = await site.chat("Hello."), await site.chat()
    turn = (await site.turns(first, 1))[0]["id"]
    assert (await site.client.get(f"/chats/{first}/turns/{turn}", headers=PAGE)).status_code == 200
    assert (await site.client.get(f"/chats/{second}/turns/{turn}", headers=PAGE)).status_code == 404


async def test_a_mistake_of_ours_is_admitted_without_its_inside(site: Site) -> None:
    app = create_app(site.program.engine)
    app.state.engine = None
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/api/bots")
    assert answer.status_code == 500
    assert answer.json()["error"]["what"] == "Fabula made a mistake."
    assert "NoneType" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_file_in_the_place_of_a_text_counts_as_nothing(site: Site) -> None:
    answer = await site.client.post("/bots", files={"name": ("name.txt", b"Ada")}, headers=PAGE)
    assert answer.status_code == 422
    assert (await site.client.get("/api/bots")).json() == []


@pytest.mark.parametrize("host_id", [HUGE, "\u00b2", "", "one"])
async def test_a_chat_with_nobody_is_told(site: Site, host_id: str) -> None:
    answer = await site.client.post("/chats", data={"host_id": host_id}, headers=PAGE)
    assert answer.status_code == 404
    assert "There is no bot" in answer.text


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 70_000, "70000 is no port"),
        ("192.0.2.1", 0, "192.0.2.1"),
        ("no.such.invalid", 0, "no.such"),
    ],
)
def test_an_address_that_cannot_be_served_is_named(host: str, port: int, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        listening_socket(host, port)
    assert "--port" in caught.value.hint
