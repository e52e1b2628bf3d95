"""Security: who may talk to the page, and what the page may load.

A server on loopback is reachable from every web page its owner opens. So the Host must be ours (against DNS
rebinding), writes must come from our own pages, and nothing is loaded or framed from elsewhere.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from html import escape
from http.cookies import CookieError, SimpleCookie
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import trio
from pydantic import SecretStr
from starlette.exceptions import HTTPException

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_DRAINED_BYTES = 32 * 1024 * 1024
DRAIN_S = 2.0
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE = "fabula_token"
STATIC = "/static/"
TOO_LARGE = 413
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, our own forms would have the origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "vary": "HX-Request, Accept",  # the way back must not find the piece a script fetched in the page's place
}


class Refusal(NamedTuple):
    """Why a request does not get in, and what to do."""

    status: int
    what: str
    do: str


class Gate:
    """ASGI middleware that lets a request through, or answers why not. `rooms` are the addresses that take
    more than others, with how many bytes."""

    def __init__(
        self, app: App, *, host: str, token: SecretStr | None, rooms: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._app = app
        self._rooms = rooms
        self._hosts = LOOPBACK_HOSTS | {host.lower(), f"[{host.lower()}]"}
        self._open_host = host in ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, receive, refusal, as_page=_wants_page(scope, headers))
        elif self._cookie(scope) is not None and scope["method"] == "GET" and _wants_page(scope, headers):
            await _go_on(_with_headers(send, self._cookie(scope)), _without_token(scope))
        else:
            receive = _limited(receive, self._room(scope))
            await self._app(scope, receive, _with_headers(send, self._cookie(scope)))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> Refusal | None:
        host = headers.get("host", "").lower()
        if not self._open_host and _hostname(host) not in self._hosts:
            return Refusal(
                421, f"This address ({host[:100]}) is not Fabula's.", "Open it as http://127.0.0.1."
            )
        if scope["method"] not in SAFE_METHODS and not _from_own_page(headers, host):
            return Refusal(403, "This request came from another web page.", "Use Fabula's own page.")
        if int(headers.get("content-length") or 0) > self._room(scope):
            return Refusal(TOO_LARGE, _too_large(self._room(scope)), "Send less at once.")
        if self._token is not None and not self._knows_token(scope, headers):
            do = "Open it once with ?token=… in the address, or send the token as Authorization: Bearer."
            return Refusal(401, "This Fabula asks for a token.", do)
        return None

    def _room(self, scope: Scope) -> int:
        return self._rooms.get(scope["path"], MAX_BODY_BYTES)

    def _knows_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        if scope["path"].startswith(STATIC):
            return True  # everyone's: the page that asks for the token wears the same clothes
        given = [
            headers.get("authorization", "").removeprefix("Bearer ").strip(),
            _cookie(headers.get("cookie", "")),
            *_queried(scope),
        ]
        return any(self._is_token(one) for one in given)

    def _is_token(self, given: str) -> bool:
        token = self._token.get_secret_value() if self._token is not None else ""
        return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())

    def _cookie(self, scope: Scope) -> str | None:
        """A token in the address becomes a cookie, so that it is needed once."""
        if self._token is None or not any(self._is_token(one) for one in _queried(scope)):
            return None
        value = quote(self._token.get_secret_value(), safe="")
        return f"{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/"


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _queried(scope: Scope) -> list[str]:
    return [value for name, value in _query(scope) if name == "token"]


def _without_token(scope: Scope) -> str:
    """The same address without the token, which should not stay in a history or a screenshot."""
    rest = urlencode([(name, value) for name, value in _query(scope) if name != "token"])
    path = "/" + quote(scope["path"].lstrip("/\\"))  # never //elsewhere
    return f"{path}?{rest}" if rest else path


def _wants_page(scope: Scope, headers: dict[str, str]) -> bool:
    return "html" in headers.get("accept", "") and not scope["path"].startswith("/api/")


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return unquote(found.value) if found is not None else ""


def _hostname(host: str) -> str:
    """The host without its port; IPv6 keeps its brackets."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


def _from_own_page(headers: dict[str, str], host: str) -> bool:
    """Browsers always say where a write comes from; programs that say nothing are no browsers."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin).netloc == host


def _too_large(room: int) -> str:
    return f"The request is larger than {room // 1024 // 1024} MB."


def _limited(receive: Receive, room: int) -> Receive:
    """Count a body that announced no length; reading it raises once there is too much."""
    size = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > room:
            if message.get("more_body"):
                await _drain(receive)
            raise HTTPException(TOO_LARGE, _too_large(room))
        return message

    return counted


async def _drain(receive: Receive) -> None:
    """Read what is still being sent and forget it: whoever is cut off in the middle of sending never sees the
    answer. There is an end to this patience, in bytes and in time."""
    size = 0
    with trio.move_on_after(DRAIN_S):
        while size <= MAX_DRAINED_BYTES:
            message = await receive()
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                return


def _with_headers(send: Send, cookie: str | None) -> Send:
    extra = [(key.encode(), value.encode()) for key, value in HEADERS.items()]
    if cookie is not None:
        extra.append((b"set-cookie", cookie.encode()))

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *extra]
        await send(message)

    return sent


async def _answer(send: Send, receive: Receive, refusal: Refusal, *, as_page: bool) -> None:
    """Refuse. Nothing of the application is involved: who is refused here does not get that far."""
    kind, body = _page(refusal) if as_page else _json(refusal)
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
    await _with_headers(send, None)(start)
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if refusal.status == TOO_LARGE:
        await _drain(receive)
    await send({"type": "http.response.body", "body": b""})


async def _go_on(send: Send, address: str) -> None:
    headers = [(b"location", address.encode("ascii")), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _json(refusal: Refusal) -> tuple[bytes, bytes]:
    told = {"what": refusal.what, "means": "Nothing was changed.", "do": refusal.do, "detail": ""}
    return b"application/json", json.dumps({"error": told}).encode()


def _page(refusal: Refusal) -> tuple[bytes, bytes]:
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Fabula</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{STATIC}fabula.css"><main><section class="card error">'
        f"<h1>{escape(refusal.what)}</h1><p>{escape(refusal.do)}</p></section></main></html>"
    )
    return b"text/html; charset=utf-8", page.encode()
