"""A scripted model server on a real loopback socket, speaking OpenAI's chat completions and enough Ollama.

In a test: `async with fake_endpoint() as fake:` and `fake.script(drops(after=3))`. As a process of its own:
`python -m tests.fakes.endpoint --port 0 --pace-ms 5 --tokens 50` prints its URL; `POST /__script` takes a
list of behaviours as JSON, `POST /__judge` what is decided by which word, `POST /__release` ends a stall,
`GET /__requests` tells what came in.

It speaks HTTP through h11 on a bare trio socket, because it must be able to break a connection at any byte.
"""

import argparse
import json
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import h11
import trio

from tests.fakes import dialects
from tests.fakes.behaviour import BEFORE_HEADERS, Behaviour, decides
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.wire import Dropped, Seen, Wire

MODEL = "fake-model"
DECISION = "JSON object that fits this schema"
"""What every structured decision asks for."""
NO_OPINION = decides({})
Answer = tuple[int, Any]


@dataclass
class FakeEndpoint:
    """The server's script and its record. `requests` holds generations only, `paths` everything asked.

    With `judging` set, structured decisions are kept out of both script and requests: they are recorded in
    `decisions` and answered by the first word of `judging` that their prompt or schema contains, else `{}`.
    """

    base_url: str = ""
    default: Behaviour = field(default_factory=Behaviour)
    requests: list[Seen] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    routes: dict[str, Answer] = field(default_factory=dict)
    judging: dict[str, Behaviour] | None = None
    decisions: list[Seen] = field(default_factory=list)
    embedding: trio.Event | None = None
    """While it is there and not set, texts to embed wait."""
    _queue: deque[Behaviour] = field(default_factory=deque)
    _released: trio.Event = field(default_factory=trio.Event)
    _arrived: trio.Event = field(default_factory=trio.Event)
    _met: int = 0
    _stalling: int = 0

    def script(self, *behaviours: Behaviour) -> None:
        """The next generations behave like this, in turn; after them the default holds."""
        self._queue.extend(behaviours)

    async def release(self) -> None:
        """End every stall that is under way, waiting until there is one; later ones stall anew."""
        while not self._stalling:
            await self._arrived.wait()
        self._released.set()
        self._released = trio.Event()

    async def decided(self, number: int) -> None:
        """Wait until so many decisions have been asked for."""
        while len(self.decisions) < number:
            await self._arrived.wait()

    async def next_request(self) -> Seen:
        """The next generation request that has not been met yet, waiting for it to arrive."""
        while self._met >= len(self.requests):
            await self._arrived.wait()
        self._met += 1
        return self.requests[self._met - 1]

    def record(self, seen: Seen) -> Behaviour:
        """Note a generation request and take the behaviour scripted for it."""
        told = json.dumps(seen.json, ensure_ascii=False) if self.judging is not None else ""
        if self.judging is not None and DECISION in told:
            self.decisions.append(seen)
            self._ring()
            return next((self.judging[word] for word in self.judging if word in told), NO_OPINION)
        self.requests.append(seen)
        self._ring()
        return self._queue.popleft() if self._queue else self.default

    async def stalled(self, limit_s: float) -> bool:
        """Wait to be released, at most so long; whether it was."""
        self._stalling += 1
        self._ring()
        try:
            with trio.move_on_after(limit_s) as waiting:
                await self._released.wait()
        finally:
            self._stalling -= 1
        return not waiting.cancelled_caught

    def _ring(self) -> None:
        """Wake whoever waits for something to happen here."""
        self._arrived.set()
        self._arrived = trio.Event()


@asynccontextmanager
async def fake_endpoint(default: Behaviour | None = None) -> AsyncIterator[FakeEndpoint]:
    """A fake listening on an ephemeral loopback port for as long as the block runs."""
    fake = FakeEndpoint(default=default or Behaviour())
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, fake, 0)
        yield fake
        nursery.cancel_scope.cancel()


async def serve(
    fake: FakeEndpoint, port: int, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Listen on loopback until cancelled; `fake.base_url` is set once it listens."""
    listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
    fake.base_url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, partial(_connection, fake), listeners)
        task_status.started()


async def _connection(fake: FakeEndpoint, stream: trio.SocketStream) -> None:
    wire = Wire(stream)
    try:
        while (request := await wire.request()) is not None:
            await _respond(fake, wire, request)
            if not wire.reusable():
                break
    except (Dropped, trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        pass
    finally:
        with trio.CancelScope(shield=True):
            await stream.aclose()


async def _respond(fake: FakeEndpoint, wire: Wire, seen: Seen) -> None:
    fake.paths.append(seen.path)
    dialect = dialects.OF_PATH.get(seen.path) if seen.method == "POST" else None
    if dialect is None:
        status, answer = await _control(fake, seen)
        await wire.document(status, json.dumps(answer), {})
        return
    behaviour = fake.record(seen)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.watch, seen, nursery.cancel_scope)
        try:
            await _perform(fake, wire, behaviour, dialect, seen.json or {})
        except Dropped:
            wire.broken = True
            wire.drop(reset=behaviour.reset)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            wire.broken = True
            seen.disconnected.set()
        nursery.cancel_scope.cancel()
    seen.ended.set()
    if wire.broken:
        raise Dropped


async def _perform(
    fake: FakeEndpoint, wire: Wire, behaviour: Behaviour, dialect: dialects.Dialect, asked: dict[str, Any]
) -> None:
    """Act out one behaviour."""
    await _pause(fake, wire, behaviour, dialect, BEFORE_HEADERS)
    if behaviour.body is not None or behaviour.status != 200:
        await wire.document(behaviour.status, behaviour.body or "", behaviour.headers)
        return
    await wire.begin(dialect.content_type, behaviour.headers)
    for data in dialect.opening(behaviour):
        await wire.data(data)
    await _pause(fake, wire, behaviour, dialect, 0)
    for sent, piece in enumerate(behaviour.pieces(), start=1):
        await wire.data(dialect.piece(piece))
        if behaviour.pace_ms:
            await trio.sleep(behaviour.pace_ms / 1000)
        await _pause(fake, wire, behaviour, dialect, sent)
    if behaviour.raw:
        await wire.data(behaviour.raw_bytes())
    for data in dialect.closing(behaviour, asked):
        await wire.data(data)
    await wire.end()


async def _pause(
    fake: FakeEndpoint, wire: Wire, behaviour: Behaviour, dialect: dialects.Dialect, sent: int
) -> None:
    if behaviour.stall_after == sent:
        while not await fake.stalled(behaviour.ping_ms / 1000 or math.inf):
            await wire.data(dialect.sign_of_life)
    if behaviour.drop_after == sent:
        raise Dropped


async def _control(fake: FakeEndpoint, seen: Seen) -> Answer:
    """Everything that is not a generation: the script, the record, and what servers tell about themselves."""
    if seen.path in fake.routes:
        return fake.routes[seen.path]
    match seen.path:
        case "/__script":
            fake.script(*(Behaviour.model_validate(item) for item in seen.json))
            told: Any = {"queued": len(seen.json)}
        case "/__judge":
            fake.judging = {word: Behaviour.model_validate(one) for word, one in seen.json.items()}
            told = {"words": len(fake.judging)}
        case "/__release":
            await fake.release()
            told = {}
        case "/__requests":
            told = [_told(request) for request in fake.requests]
        case "/v1/embeddings":
            vectors = enumerate(await _embedded(fake, seen.json["input"]))
            told = {"data": [{"index": place, "embedding": one} for place, one in vectors][::-1]}
        case "/api/embed":
            told = {"embeddings": await _embedded(fake, seen.json["input"])}
        case _:
            return dialects.about(seen.path, seen.json, MODEL)
    return 200, told


async def _embedded(fake: FakeEndpoint, texts: list[str]) -> list[list[float]]:
    """The senses of the texts, as soon as nobody holds them back."""
    if fake.embedding is not None:
        await fake.embedding.wait()
    return await FakeEmbedder().embed(texts)


def _told(seen: Seen) -> dict[str, Any]:
    return {
        "method": seen.method,
        "path": seen.path,
        "headers": seen.headers,
        "json": seen.json,
        "arrived_at": seen.arrived_at,
        "disconnected": seen.disconnected.is_set(),
    }


async def _main(port: int, default: Behaviour) -> None:
    fake = FakeEndpoint(default=default, judging={})
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, fake, port)
        print(fake.base_url, flush=True)  # noqa: T201 - its one line of output is its interface
        await trio.sleep(math.inf)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--pace-ms", type=float, default=0.0)
    options.add_argument("--tokens", type=int, default=8)
    chosen = options.parse_args()
    trio.run(_main, chosen.port, Behaviour(tokens=chosen.tokens, pace_ms=chosen.pace_ms))


if __name__ == "__main__":
    main()
