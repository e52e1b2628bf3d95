"""The event stream of a chat, as server-sent events.

`id` is the log position, so a reader that comes back with `Last-Event-ID` or `?after=` misses nothing and
sees nothing twice.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import trio
from starlette.requests import Request
from starlette.responses import Response

from pipeline.engine import Engine
from pipeline.feed import Feed
from pipeline.items import Item
from store import views
from store.errors import Invalid
from web.connections import Connections, SideDoor, side_door
from web.models import MAX_ID_DIGITS

Message = MutableMapping[str, Any]
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
BEGINNING = b"retry: 500\n\n"


async def chat_events(request: Request) -> Response:
    engine: Engine = request.app.state.engine
    chat = views.chat(engine.store.hot, request.path_params["chat_id"])
    return EventStream(engine.feed, request.app.state.connections, chat.id, _position(request))


def _position(request: Request) -> int:
    given = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    if not given.isdecimal() or len(given) > MAX_ID_DIGITS:
        raise Invalid(
            f"after: {given[:40]!r} is no log position.", hint="Give the id of the last event you have seen."
        )
    return int(given)


class EventStream(Response):
    """A response that lasts until its reader leaves or the feed ends."""

    def __init__(self, feed: Feed, connections: Connections, chat_id: int, after: int) -> None:
        super().__init__()
        self._feed, self._connections = feed, connections
        self._chat_id, self._after = chat_id, after

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        if scope["method"] == "HEAD":  # it asks for the headers alone
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await send({"type": "http.response.body", "body": BEGINNING, "more_body": True})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
            with side_door(scope, self._connections) as door:
                await self._follow(_Way(send, door))
            nursery.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, way: "_Way") -> None:
        with self._feed.subscribe(self._chat_id, self._after) as subscription:
            subscription.sink = way.now
            async with aclosing(aiter(subscription)) as items:
                async for item in items:
                    if not await way.write(item):
                        return


@dataclass(frozen=True, slots=True)
class _Way:
    """How items reach the reader: through the side door if there is one."""

    send: Callable[[Message], Awaitable[None]]
    door: SideDoor | None

    @property
    def now(self) -> Callable[[Item], bytes] | None:
        door = self.door
        return (lambda item: door.write_now(item.chunk)) if door is not None else None

    async def write(self, item: Item) -> bool:
        """False when the reader is gone."""
        if self.door is None:
            await self.send({"type": "http.response.body", "body": item.sse, "more_body": True})
            return True
        try:
            await self.door.write(item.chunk)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True


async def _until_gone(receive: Callable[[], Awaitable[Message]], scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
