"""The server's side of one HTTP connection, down to the socket: h11 on a bare trio stream.

A server framework would not let a test break a connection in the middle of a chunk, or notice that the client
hung up while nothing is being sent.
"""

import json
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import h11
import trio


@dataclass
class Seen:
    """A request as it arrived (`arrived_at`: the machine's monotonic clock, the same in every process).

    `disconnected` is set when the client hung up before the answer was complete.
    """

    method: str
    path: str
    headers: dict[str, str]
    json: Any
    arrived_at: float
    disconnected: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)


class Dropped(Exception):
    """The script says to break the connection here."""


class Wire:
    """One connection, seen from the server."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.broken = False
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=16_000_000)

    async def request(self) -> Seen | None:
        """Read one request, or None when the client is done."""
        head, body = None, b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self.stream.receive_some(65536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _seen(head, body)
            else:
                return None

    async def watch(self, seen: Seen, scope: trio.CancelScope) -> None:
        """Notice the client hanging up while we answer."""
        try:
            received = await self.stream.receive_some(65536)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            received = b""
        self._http.receive_data(received)
        if not received:
            seen.disconnected.set()
            self.broken = True
            scope.cancel()

    async def begin(self, content_type: str, headers: dict[str, str]) -> None:
        await self._send(h11.Response(status_code=200, headers=_headers(headers, content_type)))

    async def data(self, data: bytes) -> None:
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        await self._send(h11.EndOfMessage())

    async def document(self, status: int, body: str, headers: dict[str, str]) -> None:
        data = body.encode("utf-8", "surrogateescape")
        kind = headers.get("content-type", "application/json")
        sized = {**headers, "content-length": str(len(data))}
        await self._send(h11.Response(status_code=status, headers=_headers(sized, kind)))
        await self.data(data)
        await self.end()

    def drop(self, *, reset: bool) -> None:
        """Break the connection; with `reset`, the client sees a reset instead of an early end."""
        if reset:
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def reusable(self) -> bool:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            await self.stream.send_all(data)


def _headers(headers: dict[str, str], content_type: str) -> list[tuple[str, str]]:
    return list({"content-type": content_type, **headers}.items())


def _seen(head: h11.Request, body: bytes) -> Seen:
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
    content = json.loads(body) if body.strip() else None
    path = head.target.decode().partition("?")[0]
    return Seen(head.method.decode(), path, headers, content, time.monotonic())
