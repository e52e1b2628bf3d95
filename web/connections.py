"""A side door to a connection: an event stream's bytes straight to its socket.

One token goes to every open tab. Through the server each copy costs a task switch and three layers of
protocol, a tenth of a millisecond, so the last of fifty tabs would see it five milliseconds late. A stream's
body is nothing but chunks, so once the response has begun they can be written to the socket directly, without
waiting while it takes them. Whoever is not on HTTP/1.1 or not known here simply takes the ordinary way.
"""

import socket
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import trio
from hypercorn.trio.tcp_server import TCPServer

Connections = dict[tuple[str, int], trio.SocketStream]
"""Peer address → its connection, for as long as it is open."""


class Connection(TCPServer):
    """Hypercorn's connection, entered in `connections` while it lasts."""

    def __init__(self, connections: Connections, *args: Any) -> None:  # noqa: ANN401 - passed on unread
        super().__init__(*args)
        self._connections = connections

    async def run(self) -> None:
        try:
            peer = self.stream.socket.getpeername()[:2]
        except OSError:
            return  # it hung up before we looked
        self._connections[peer] = cast("trio.SocketStream", self.stream)  # loopback is never TLS
        try:
            await super().run()
        finally:
            self._connections.pop(peer, None)


@dataclass(frozen=True, slots=True)
class SideDoor:
    """Writes one chunked response body past the server."""

    stream: trio.SocketStream
    raw: socket.socket

    def write_now(self, chunk: bytes) -> bytes:
        """Write what the socket takes without waiting; returns the rest."""
        try:
            return chunk[self.raw.send(chunk) :]
        except BlockingIOError:
            return chunk
        except OSError:
            return b""  # it is gone; its reader task will notice

    async def write(self, chunk: bytes) -> None:
        """Write all of it, waiting as long as the peer needs."""
        await self.stream.send_all(chunk)


@contextmanager
def side_door(scope: MutableMapping[str, Any], connections: Connections) -> Iterator[SideDoor | None]:
    """The side door to the connection of a request, or None."""
    client = scope.get("client")
    stream = connections.get(tuple(client)) if client and scope.get("http_version") == "1.1" else None
    if stream is None:
        yield None
        return
    with socket.fromfd(stream.socket.fileno(), stream.socket.family, socket.SOCK_STREAM) as raw:
        raw.setblocking(False)
        yield SideDoor(stream, raw)
