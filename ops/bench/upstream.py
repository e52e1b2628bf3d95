"""The model, as far as benchmarks need one: a bare socket that notes when a request's first bytes arrive, and
writes the time it sends each token into the token."""

import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
DECISION = b"one JSON object"
"""Stands in the body of every structured decision; those are answered with nothing decided."""
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


@dataclass
class Upstream:
    """The model, as far as these benchmarks need one."""

    tokens: int
    pace_s: float
    arrived: list[float] = field(default_factory=list)
    port: int = 0
    _news: trio.Event = field(default_factory=trio.Event)

    async def asked(self, before: int) -> None:
        """Wait until more than so many requests have arrived."""
        while len(self.arrived) <= before:
            await self._news.wait()

    async def answer(self, stream: trio.SocketStream) -> None:
        """Serve one connection, request after request."""
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while request := await stream.receive_some():
                now = time.perf_counter()
                if request.startswith(b"GET"):
                    await stream.send_all(NOT_FOUND)
                elif request.startswith(b"POST"):
                    if DECISION in await self._read_body(stream, request):
                        await stream.send_all(HEAD + _whole(_token("{}", "stop")))
                        continue
                    self.arrived.append(now)
                    self._news.set()
                    self._news = trio.Event()
                    await self._stream(stream)
        except trio.BrokenResourceError:
            return  # the server ended first
        finally:
            await stream.aclose()

    async def _read_body(self, stream: trio.SocketStream, request: bytes) -> bytes:
        while b"\r\n\r\n" not in request:
            request += await stream.receive_some()
        head, _, body = request.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += await stream.receive_some()
        return body

    async def _stream(self, stream: trio.SocketStream) -> None:
        await stream.send_all(HEAD)
        for _ in range(self.tokens):
            await stream.send_all(_chunk(_token(f"{time.perf_counter():.6f} ")))
            await trio.sleep(self.pace_s)
        await stream.send_all(_whole(_token("", "stop")))


def _whole(last: bytes) -> bytes:
    """The last chunk and the end of a reply."""
    return _chunk(last + b"data: [DONE]\n\n") + b"0\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _token(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


@asynccontextmanager
async def upstream(tokens: int, pace_s: float) -> AsyncIterator[Upstream]:
    model = Upstream(tokens, pace_s)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        model.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, model.answer, listeners)
        yield model
        nursery.cancel_scope.cancel()
