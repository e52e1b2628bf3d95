"""Security: who may talk to the page, and what untrusted text becomes."""

import re
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.routing import Route

from tests.web.conftest import Site
from web.app import create_app, routes
from web.markup import rendered

NASTY = "<script>alert(1)</script><img src=x onerror=alert(1)>[x](javascript:alert(1))<svg/onload=alert(1)>"

EVERY = [route for route in routes() if isinstance(route, Route)]
WRITES = [
    (method, route) for route in EVERY for method in route.methods or () if method not in ("GET", "HEAD")
]


def filled(route: Route, given: str) -> str:
    """The address of a route, each of its parameters the same."""
    return re.sub(r"{[^}]+}", given, route.path)


def raw(site: Site, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Request:
    """A request whose address is sent as it is: no client tidies it up."""
    request = site.client.build_request(method, site.address, headers=headers)
    request.url = request.url.copy_with(raw_path=path.encode())
    return request


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "localhost.evil.example"])
async def test_a_foreign_host_is_refused(site: Site, host: str) -> None:
    answer = await site.client.get("/api/bots", headers={"host": host})
    assert answer.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8321", "[::1]:8321"])
async def test_our_own_names_are_let_in(site: Site, host: str) -> None:
    assert (await site.client.get("/api/bots", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-origin"},
    ],
)
async def test_a_write_from_another_page_is_refused(site: Site, headers: dict[str, str]) -> None:
    answer = await site.client.post("/bots", data={"name": "Mallory"}, headers=headers)
    assert answer.status_code == 403
    assert (await site.client.get("/api/bots")).json() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site", "content-type": "application/x-www-form-urlencoded"}, 403),
        ({"host": "evil.example", "origin": "http://evil.example"}, 421),
    ],
    ids=["origin", "form", "host"],
)
async def test_no_write_at_all_is_taken_from_elsewhere(
    site: Site, headers: dict[str, str], status: int
) -> None:
    await site.chat("Hello.")
    await site.settled()
    before = site.program.engine.store.hot.execute("SELECT max(id) FROM event").fetchall()
    for method, route in WRITES:
        answer = await site.client.request(method, filled(route, "1"), headers=headers)
        assert answer.status_code == status, (method, route.path)
    assert site.program.engine.store.hot.execute("SELECT max(id) FROM event").fetchall() == before


async def test_no_write_at_all_takes_a_body_over_the_limit(site: Site) -> None:
    port = int(site.address.rpartition(":")[2])
    for method, route in WRITES:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            host = "host: 127.0.0.1\r\ncontent-length: 999999999"
            await stream.send_all(f"{method} {filled(route, '1')} HTTP/1.1\r\n{host}\r\n\r\n".encode())
            assert b" 413 " in (await stream.receive_some())[:20], (method, route.path)


async def test_no_address_leads_out_of_its_folder(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text('[endpoint.fake]\napi_key = "open sesame"\n', encoding="utf-8")
    up = ["..%2f..%2fsecrets.toml", "%2e%2e/%2e%2e/secrets.toml", "..%5csecrets.toml", "..;/secrets.toml"]
    ways = [*up, "secrets.toml%00.json", quote(str(tmp_path / "secrets.toml"), safe=""), "/etc/passwd"]
    for route in [one for one in EVERY if "{" in one.path] + [Route("/static/{path}", lambda _: None)]:
        for way in ways:
            for method in route.methods or ("GET",):
                answer = await site.client.send(raw(site, method, filled(route, way)))
                assert answer.status_code in (303, 404, 405, 409, 422), (method, route.path, way)
                assert not re.search(r"open sesame|root:", answer.text), (method, route.path, way)


async def test_what_is_asked_for_is_never_said_again_as_markup(site: Site) -> None:
    chat_id = await site.chat("Hello.")
    names = (
        "text",
        "owner",
        "turn",
        "before",
        "after",
        "around",
        "from",
        "limit",
        "one",
        "other",
        "q",
        "state",
    )
    query = "&".join(f"{name}={quote(NASTY)}" for name in names)
    addresses = [filled(route, str(chat_id)) for route in EVERY if "GET" in (route.methods or ())]
    odd = [f"/{quote(NASTY)}", f"/chats/{quote(NASTY)}", f"/bots/1/{quote(NASTY)}"]
    for path in [*(f"{one}?{query}" for one in addresses if not one.endswith("/events")), *odd]:
        answer = await site.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code < 500, path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        if "html" in answer.headers.get("content-type", ""):
            assert not re.search(r"<script>|<svg.onload|<img src=x|href=.javascript", answer.text), path


async def test_the_name_of_a_file_is_nothing_but_a_name(site: Site) -> None:
    name = f"../../{NASTY}.json"
    for method, route in WRITES:
        answer = await site.client.request(
            method, filled(route, "1"), files={"file": (name, b"{}")}, headers={"accept": "text/html"}
        )
        assert answer.status_code < 500, (method, route.path)
        assert "<script>alert" not in answer.text


async def test_our_own_form_is_taken(site: Site) -> None:
    headers = {"origin": site.address, "sec-fetch-site": "same-origin"}
    answer = await site.client.post("/bots", data={"name": "Ada"}, headers=headers)
    assert answer.status_code == 303


async def test_every_page_carries_the_policy_and_no_inline_script(site: Site) -> None:
    chat_id = await site.chat(NASTY)
    first = (await site.client.get(f"/api/chats/{chat_id}/turns")).json()[0]["id"]
    asked = [f"/chats/{chat_id}/turns/{first}/{act}" for act in ("edit", "retract", "branch", "rewind")]
    chat = [f"/chats/{chat_id}", f"/chats/{chat_id}/drawer", f"/chats/{chat_id}/branches", *asked]
    for path in ("/", "/bots", "/bots/new", *chat, "/nothing"):
        answer = await site.client.get(path, headers={"accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script>" not in answer.text
        assert "onerror=" not in answer.text.replace("onerror=alert(1)&gt;", "")
        assert 'href="javascript:' not in answer.text
        assert " style=" not in answer.text


async def test_script_in_names_and_texts_is_shown_not_run(site: Site) -> None:
    bot = await site.client.post("/api/bots", json={"name": NASTY[:180], "description": NASTY})
    chat = await site.client.post(
        "/api/chats", json={"host_id": bot.json()["id"], "title": "<b>t</b>", "you_name": "<i>me</i>"}
    )
    page = (await site.client.get(f"/chats/{chat.json()['id']}", headers={"accept": "text/html"})).text
    assert "<b>t</b>" not in page
    assert "<i>me</i>" not in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"])
async def test_static_files_end_at_their_folder(site: Site, path: str) -> None:
    async with httpx.AsyncClient() as client:
        request = client.build_request("GET", site.address)
        request.url = request.url.copy_with(raw_path=path.encode())
        assert (await client.send(request)).status_code == 404


async def test_an_open_address_asks_for_the_token(site: Site) -> None:
    app = create_app(site.program.engine, host="0.0.0.0", token=SecretStr("open sesame"))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.5") as client:
        assert (await client.get("/api/bots")).status_code == 401
        assert (await client.get("/api/bots", headers={"authorization": "Bearer wrong"})).status_code == 401
        with_header = await client.get("/api/bots", headers={"authorization": "Bearer open sesame"})
        assert with_header.status_code == 200
        visit = await client.get("/api/bots?token=open sesame")
        assert visit.status_code == 200
        assert "HttpOnly" in visit.headers["set-cookie"]


async def test_a_visit_with_the_token_leaves_it_in_a_cookie_and_out_of_the_address(site: Site) -> None:
    app = create_app(site.program.engine, host="0.0.0.0", token=SecretStr('s;p "a\u00e9'))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.5") as client:
        refused = await client.get("/bots", headers={"accept": "text/html"})
        assert (refused.status_code, "asks for a token" in refused.text) == (401, True)
        assert (await client.get("/static/fabula.css")).status_code == 200
        visit = {"token": 's;p "a\u00e9', "x": "1"}
        moved = await client.get(
            "http://10.0.0.5//evil.example", params=visit, headers={"accept": "text/html"}
        )
        assert (moved.status_code, moved.headers["location"]) == (303, "/evil.example?x=1")
        wrong = await client.get("/bots", params={"token": "wrong"}, headers={"accept": "text/html"})
        assert "set-cookie" not in wrong.headers
        assert (await client.get("/bots", headers={"accept": "text/html"})).status_code == 200


@given(st.text(st.sampled_from("<>()[]*_`!\"'&;:/=- \nax\ue000\ue0010"), max_size=80))
def test_no_text_makes_a_tag_we_did_not_choose(text: str) -> None:
    html = rendered(text)
    for tag in ("<script", "<img", "<svg", "<iframe", "<style", "<form", "<input"):
        assert tag not in html.lower()


def test_light_markup() -> None:
    assert rendered("*waves* Hello **you**") == "<p><em>waves</em> Hello <strong>you</strong></p>\n"
    assert rendered("Hi ((brb *now*)) there") == '<p>Hi <span class="ooc">((brb *now*))</span> there</p>\n'
    assert "<br>" in rendered("one\ntwo")
    assert 'rel="noreferrer nofollow"' in rendered("[a](https://example.org)")
    assert rendered(NASTY).count("<a") == 0


def test_a_megabyte_of_marks_is_rendered_in_time() -> None:
    for mark in ("*", "[", "((", ">", "`"):
        assert rendered(mark * (100_000 // len(mark)))
