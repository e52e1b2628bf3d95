"""Security: who may talk to the page, and what the page may load.

A server on loopback is reachable from every web page its owner opens. So the Host must be ours (against DNS
rebinding), writes must come from our own pages, and nothing is loaded or framed from elsewhere.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 2 * 1024 * 1024
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE = "fabula_token"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, our own forms would have the origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Gate:
    """ASGI middleware that lets a request through, or answers why not."""

    def __init__(self, app: App, *, host: str, token: SecretStr | None) -> None:
        self._app = app
        self._hosts = LOOPBACK_HOSTS | {host, f"[{host}]"}
        self._open_host = host in ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
        else:
            await self._app(scope, _limited(receive), _with_headers(send, self._cookie(scope)))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str, str] | None:
        host = headers.get("host", "")
        if not self._open_host and _hostname(host) not in self._hosts:
            return 421, f"This address ({host[:100]}) is not Fabula's.", "Open it as http://127.0.0.1."
        if scope["method"] not in SAFE_METHODS and not _from_own_page(headers, host):
            return 403, "This request came from another web page.", "Use Fabula's own page."
        if int(headers.get("content-length") or 0) > MAX_BODY_BYTES:
            return 413, f"The request is larger than {MAX_BODY_BYTES} bytes.", "Send less at once."
        if self._token is not None and not self._knows_token(scope, headers):
            return 401, "This Fabula asks for a token.", "Open it once with ?token=… in the address."
        return None

    def _knows_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        token = self._token.get_secret_value() if self._token is not None else ""
        given = [
            headers.get("authorization", "").removeprefix("Bearer "),
            _cookie(headers.get("cookie", "")),
            *_queried(scope),
        ]
        return any(hmac.compare_digest(one.encode(), token.encode()) for one in given)

    def _cookie(self, scope: Scope) -> str | None:
        """A token in the address becomes a cookie, so that it is needed once."""
        if self._token is None or not _queried(scope):
            return None
        return f"{COOKIE}={self._token.get_secret_value()}; HttpOnly; SameSite=Strict; Path=/"


def _queried(scope: Scope) -> list[str]:
    return parse_qs(scope["query_string"].decode("latin-1")).get("token", [])


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _hostname(host: str) -> str:
    """The host without its port; IPv6 keeps its brackets."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


def _from_own_page(headers: dict[str, str], host: str) -> bool:
    """Browsers always say where a write comes from; programs that say nothing are no browsers."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin).netloc == host


def _limited(receive: Receive) -> Receive:
    """Count a body that announced no length."""
    size = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            return {"type": "http.disconnect"}
        return message

    return counted


def _with_headers(send: Send, cookie: str | None) -> Send:
    extra = [(key.encode(), value.encode()) for key, value in HEADERS.items()]
    if cookie is not None:
        extra.append((b"set-cookie", cookie.encode()))

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *extra]
        await send(message)

    return sent


async def _answer(send: Send, status: int, what: str, do: str) -> None:
    body = json.dumps(
        {"error": {"what": what, "means": "Nothing was changed.", "do": do, "detail": ""}}
    ).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await _with_headers(send, None)({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
