"""The wire to one endpoint: a request goes out, an answer comes back line by line or whole.

Bounded in time (connecting, first token, between tokens) and size, cleaned of what no text may hold, and
every failure translated into `EndpointFailed` here, so that the dialects above only read JSON.
"""

import contextlib
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import trio

from pipeline.inference import errors
from pipeline.inference.body import Body, clean, encoded
from pipeline.inference.metering import Meter, unmetered
from pipeline.inference.types import Sent, ignored
from store.errors import Invalid

MAX_ANSWER_BYTES = 8 * 1024 * 1024
AFTERWARD_S = 5.0
"""How long to wait for the usage once the reply itself is complete."""
DRAIN_S = 0.3
CLOSE_S = 1.0
HIDDEN = "•••"
SHORTEST_SECRET = 4
"""The beginning of a key, up to here, tells nothing: every key of a service begins the same."""
_HUNG_UP = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits in seconds: to connect, to the first token, from token to token, and for one decision."""

    connect_s: float = 5.0
    first_s: float = 120.0
    between_s: float = 60.0
    decide_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Wire:
    """One endpoint's connection: where, with which key, and how patiently. The key is in no error."""

    name: str
    base_url: str
    client: httpx.AsyncClient
    key: str = field(default="", repr=False)
    patience: Patience = field(default_factory=Patience)
    meter: Meter = unmetered

    @asynccontextmanager
    async def stream(
        self, path: str, body: Mapping[str, Any], sent: Sent = ignored
    ) -> AsyncIterator["Answer"]:
        """A streamed answer; leaving the block closes the connection, so the server stops generating.

        Raises:
            EndpointFailed: the status is not 200, or there was no answer in time.
        """
        deadline = trio.current_time() + self.patience.first_s
        response = await self._send("POST", path, body, deadline, sent)
        answer = Answer(self, response, deadline)
        try:
            if response.status_code != 200:
                raise self._refused(response, await answer.rest(errors.SHOWN_BYTES))
            yield answer
        except errors.EndpointFailed as failed:
            failed.detail = self.scrubbed(failed.detail)
            raise
        finally:
            await answer.aclose()

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, within_s: float
    ) -> Any:  # noqa: ANN401 - whatever JSON the server has there
        """A whole JSON answer.

        Raises:
            EndpointFailed: no answer in time, not a success, or not JSON.
        """
        deadline = trio.current_time() + within_s
        response = await self._send(method, path, body, deadline)
        answer = Answer(self, response, deadline)
        try:
            text = await answer.rest(MAX_ANSWER_BYTES)
        finally:
            await answer.aclose()
        if response.status_code != 200:
            raise self._refused(response, text)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise errors.garbled(self.name, self.scrubbed(text)) from error

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        deadline: float,
        sent: Sent = ignored,
    ) -> httpx.Response:
        try:
            with trio.fail_at(deadline):
                return await self._answered(method, path, body, sent)
        except trio.TooSlowError as error:
            raise errors.timed_out(self.name, "no answer in time") from error
        except httpx.HTTPError as error:
            raise self.translated(error) from error

    async def _answered(
        self, method: str, path: str, body: Mapping[str, Any] | None, sent: Sent
    ) -> httpx.Response:
        """A line kept from an earlier request may just be hanging up. When it does so before a word of the
        answer, the request goes out again, on another line; on one of its own, that is a failure."""
        steps = _Steps(sent)
        while True:
            request = self._request(method, path, body)
            request.extensions["trace"] = steps
            try:
                return await self.client.send(request, stream=True)
            except _HUNG_UP:
                if steps.connected:
                    raise

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Request:
        """`/v1` belongs to the base URL; a path that begins with a slash is the server's own."""
        root = self.base_url.removesuffix("/v1")
        url = f"{root}{path}" if path.startswith("/") else f"{self.base_url}/{path}"
        headers = {"Accept-Encoding": "identity"}  # packing would hold tokens back to save nothing
        content = encoded(body) if body is not None else None
        if content is not None:
            headers["Content-Type"] = "application/json"
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        timeout = httpx.Timeout(None, connect=self.patience.connect_s)
        request = self.client.build_request(method, url, content=content, headers=headers, timeout=timeout)
        request.stream = Body(request.content)
        return request

    def _refused(self, response: httpx.Response, body: str) -> errors.EndpointFailed:
        return errors.from_status(self.name, response.status_code, self.scrubbed(body), response.headers)

    def translated(self, error: httpx.HTTPError) -> errors.EndpointFailed:
        return errors.from_transport(self.name, self.base_url, error)

    def scrubbed(self, text: str) -> str:
        """Some servers repeat the key they were given in their error; a text cut short may end within it."""
        if self.key:
            text = text.replace(self.key, HIDDEN)
            begun = (self.key[:length] for length in range(len(self.key) - 1, SHORTEST_SECRET - 1, -1))
            text = next((text.removesuffix(part) + HIDDEN for part in begun if text.endswith(part)), text)
        return clean(text)


class Answer:
    """A response being read. `heard` says that the model is writing: from then on the pauses are timed."""

    def __init__(self, wire: Wire, response: httpx.Response, deadline: float) -> None:
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._wire = wire
        self._response = response
        self._deadline = deadline
        encoded = "content-encoding" in response.headers
        self._bytes = response.aiter_bytes() if encoded else response.aiter_raw()
        self._lines: deque[bytes] = deque()
        self._begun = b""
        self._size = 0

    def heard(self) -> None:
        """Something of the reply arrived; the next piece has `between_s`."""
        self._deadline = trio.current_time() + self._wire.patience.between_s

    def concluded(self) -> None:
        """The reply is complete; only its figures are still to come."""
        self._deadline = trio.current_time() + min(AFTERWARD_S, self._wire.patience.between_s)

    async def line(self) -> str | None:
        """The next line that is not empty, or None at the end.

        Split at newline bytes only: JSON may hold U+2028 and its kin, at which `str.splitlines` would cut.
        """
        while True:
            while self._lines:
                line = self._lines.popleft().strip()
                if line:
                    return line.decode("utf-8", "replace")
            piece = await self._piece()
            if piece is None:
                last, self._begun = self._begun.strip(), b""
                return last.decode("utf-8", "replace") if last else None
            *whole, self._begun = (self._begun + piece).split(b"\n")
            self._lines.extend(whole)

    async def rest(self, limit: int) -> str:
        """Everything that is left as one text, at most so many bytes."""
        read = bytearray()
        while len(read) < limit and (piece := await self._piece()) is not None:
            read += piece
        return read[:limit].decode("utf-8", "replace")

    async def _piece(self) -> bytes | None:
        try:
            with trio.fail_at(self._deadline):
                piece = await anext(self._bytes, None)
        except trio.TooSlowError as error:
            raise errors.timed_out(self._wire.name, "nothing arrived in time") from error
        except httpx.HTTPError as error:
            raise self._wire.translated(error) from error
        self._size += len(piece or b"")
        if self._size > MAX_ANSWER_BYTES:
            raise errors.endless(self._wire.name, MAX_ANSWER_BYTES)
        return piece

    async def drain(self) -> None:
        """Read past the end of the reply, so that the connection can serve the next request."""
        with trio.move_on_after(DRAIN_S), contextlib.suppress(httpx.HTTPError):
            while await anext(self._bytes, None) is not None:
                pass

    async def aclose(self) -> None:
        """Close the connection unless it was read to its end; safe when the task is being cancelled.

        httpx reads through a chain of generators, of which closing the outer one only drops the inner ones,
        to be finalised some time later. A cancellation while reading unwinds all of them at once.
        """
        with trio.CancelScope(shield=True) as unwinding, contextlib.suppress(httpx.HTTPError):
            unwinding.cancel()
            while await anext(self._bytes, None) is not None:
                pass
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            await self._response.aclose()


@dataclass(slots=True)
class _Steps:
    """What httpcore tells of a request on its way: whether it got a line of its own, and when it was sent."""

    sent: Sent
    connected: bool = False

    async def __call__(self, step: str, _info: Mapping[str, Any]) -> None:
        if step == "connection.connect_tcp.started":
            self.connected = True
        elif step == "http11.send_request_body.complete":
            self.sent()


def trusting_nobody() -> ssl.SSLContext:
    """For connections without TLS: reading the world's certificates would take a tenth of a second."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def checked_key(key: str) -> str:
    """A key as it can stand in a header; a pasted line break is not part of it.

    Raises:
        Invalid: it has characters no header may have. The key itself is not in the message.
    """
    key = key.strip()
    if not key.isascii() or not key.isprintable():
        raise Invalid(
            "The API key has characters that no key has, such as a line break or a typographic dash.",
            hint="Copy it again from the service's own page.",
        )
    return key
