"""Story time on the chat's page: the clock beside the composer, and the forms that let time pass."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline import story_time
from pipeline.engine import Engine
from store import timeline, views
from store.errors import FabulaError, Invalid
from store.events import MAX_AUTO_TURNS, YOU, SkipMode
from store.views import Chat, Turn
from web.errors import invalid, status_of, told
from web.operation import Handler, engine_of, piecewise
from web.templates import page
from web.typed import Typed, typed_texts

TURNS_AT_ONCE = 4
"""How many turns of the bots a form offers."""

Apply = Callable[[Engine, int, Typed], Awaitable[object]]


@dataclass(frozen=True)
class Way:
    """A way in which time passes, or you leave and return."""

    name: str
    apply: Apply


def _turns(typed: Typed) -> int:
    given = typed.text("turns").strip()
    if not given.isdecimal() or len(given) > len(str(MAX_AUTO_TURNS)):
        raise Invalid(
            f"Turns: {given[:40]!r} is not a number of turns.",
            hint=f"Give a number from 1 to {MAX_AUTO_TURNS}.",
        )
    return int(given)


async def _skip(engine: Engine, chat_id: int, typed: Typed) -> object:
    mode: SkipMode = "jump" if typed.text("mode") == "jump" else "elision"
    return await engine.passing.skip(chat_id, mode, words=typed.text("words"))


async def _meanwhile(engine: Engine, chat_id: int, typed: Typed) -> object:
    return await engine.passing.meanwhile(chat_id, _turns(typed), typed.text("premise"))


async def _return(engine: Engine, chat_id: int, _typed: Typed) -> object:
    return await engine.passing.come_back(chat_id)


async def _auto(engine: Engine, chat_id: int, typed: Typed) -> object:
    return await engine.passing.auto(chat_id, _turns(typed))


WAYS = (Way("skip", _skip), Way("meanwhile", _meanwhile), Way("return", _return), Way("auto", _auto))


def passing(engine: Engine, chat: Chat, typed: Typed | None = None) -> dict[str, Any]:
    """What the clock and its forms show, and what has passed since the last turn."""
    db = engine.store.hot
    last = views.turns_before(db, chat.id, None, 1)
    return {
        "chat": chat,
        "typed": typed or Typed(),
        "now": story_time.told(chat.clock),
        "span": story_time.span,
        "clock": story_time.told,
        "without_you": YOU not in chat.cast,
        "stops_on_typing": engine.habits.auto_stops_on_typing,
        "turns_at_once": TURNS_AT_ONCE,
        "most_turns": MAX_AUTO_TURNS,
        "since": timeline.breaks(db, chat, last, to_the_end=True).get(None, []),
    }


def lying_between(db: apsw.Connection, chat: Chat, turns: Sequence[Turn]) -> dict[str, Any]:
    """What the transcript shows between turns."""
    words = {"span": story_time.span, "clock": story_time.told}
    return {"breaks": timeline.breaks(db, chat, turns), **words}


async def show(request: Request) -> Response:
    return _shown(request, Typed())


def _shown(request: Request, typed: Typed, status: int = 200) -> Response:
    engine = engine_of(request)
    chat = views.chat(engine.store.hot, request.path_params["chat_id"])
    name = "passing/parts.html" if piecewise(request) else "passing/page.html"
    return page(request, name, passing(engine, chat, typed), status=status)


def _form(way: Way) -> Handler:
    async def submit(request: Request) -> Response:
        texts, chat_id = await typed_texts(request), request.path_params["chat_id"]
        try:
            await way.apply(engine_of(request), chat_id, Typed(texts))
        except (ValidationError, FabulaError) as error:
            problem = invalid(error) if isinstance(error, ValidationError) else error
            return _shown(request, Typed(texts, told(problem)), status_of(problem))
        if piecewise(request):
            return _shown(request, Typed())
        return RedirectResponse(f"/chats/{chat_id}#composer", status_code=303)

    return submit


def routes() -> list[Route]:
    chat = "/chats/{chat_id:id}"
    return [
        Route(f"{chat}/passing", show),
        *(Route(f"{chat}/{way.name}", _form(way), methods=["POST"]) for way in WAYS),
    ]
