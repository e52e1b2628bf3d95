"""The event stream of a chat, as server-sent events.

`id` is the log position, so a reader that comes back with `Last-Event-ID` or `?after=` misses nothing and
sees nothing twice.
"""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import StreamingResponse

from pipeline.engine import Engine
from store import views
from store.errors import Invalid

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def chat_events(request: Request) -> StreamingResponse:
    engine: Engine = request.app.state.engine
    chat = views.chat(engine.store.hot, request.path_params["chat_id"])
    after = _position(request)

    async def stream() -> AsyncIterator[bytes]:
        yield b"retry: 500\n\n"
        with engine.feed.subscribe(chat.id, after) as subscription:
            async for item in subscription:
                yield item.sse

    return StreamingResponse(stream(), media_type="text/event-stream", headers=HEADERS)


def _position(request: Request) -> int:
    given = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    if not given.isdecimal() or len(given) > 18:
        raise Invalid(
            f"after: {given[:40]!r} is no log position.", hint="Give the id of the last event you have seen."
        )
    return int(given)
