"""Long work on the page: how far it is, how much it would be, begun and cancelled.

The page asks for the piece that changes once a second while something is under way; without scripts it is
looked at again by hand. What is shown comes from the store, so a reload and another tab show the same.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from store import embeddings, queries
from store.errors import FabulaError
from store.undertakings import Undertaking
from web.api_work import ReembedIn, ReplayIn
from web.errors import invalid, status_of, told
from web.operation import engine_of, number
from web.templates import page
from web.typed import fields_of, typed_texts

M = TypeVar("M", bound=BaseModel)
PATH = "/work"
SHOWN = 10


async def show(request: Request) -> Response:
    """The page; who follows a piece of work is led to the chat that came of it."""
    made = _made(request)
    return RedirectResponse(f"/chats/{made}", status_code=303) if made else await _page(request, {})


async def now(request: Request) -> Response:
    """The piece that changes."""
    piece = page(request, "work/now.html", _work(request))
    if made := _made(request):
        piece.headers["hx-redirect"] = f"/chats/{made}"
    return piece


def _made(request: Request) -> int | None:
    """The chat that came of the work which `?follow=` names."""
    sought = number(request, "follow")
    found = engine_of(request).longwork.shown() if sought is not None else []
    return next((one.asked.get("made") for one in found if one.id == sought), None)


async def ask_reembedding(request: Request) -> Response:
    """A form that asks how much it would be: nothing is begun."""
    try:
        wanted = await _typed(request, ReembedIn)
        found = await engine_of(request).longwork.estimate(wanted.embedder, afresh=wanted.afresh)
    except (ValidationError, FabulaError) as error:
        return await _wrong(request, error)
    takes = timedelta(seconds=max(1, round(found.seconds))) if found.seconds is not None else None
    return await _page(request, {"estimate": found, "takes": takes, "afresh": wanted.afresh})


async def ask_replay(request: Request) -> Response:
    """A form that asks what a replay would do: nothing is begun."""
    try:
        asked = await _typed(request, ReplayIn)
        planned = await engine_of(request).longwork.planned(asked.replay())
    except (ValidationError, FabulaError) as error:
        return await _wrong(request, error)
    runs = [one for one in planned if not one.busy]
    return await _page(request, {"plan": runs, "busy": len(planned) - len(runs), "asked": asked})


async def reembed(request: Request) -> Response:
    async def begin() -> None:
        wanted = await _typed(request, ReembedIn)
        await engine_of(request).longwork.reembed(wanted.embedder, afresh=wanted.afresh)

    return await _begun(request, begin)


async def replay(request: Request) -> Response:
    async def begin() -> None:
        await engine_of(request).longwork.replay((await _typed(request, ReplayIn)).replay())

    return await _begun(request, begin)


async def check(request: Request) -> Response:
    async def begin() -> None:
        await engine_of(request).longwork.check()

    return await _begun(request, begin)


async def _begun(request: Request, begin: Callable[[], Awaitable[None]]) -> Response:
    """Back to the page, which shows how far it is, or says why it could not be begun."""
    try:
        await begin()
    except (ValidationError, FabulaError) as error:
        return await _wrong(request, error)
    return RedirectResponse(PATH, status_code=303)


async def _typed(request: Request, model: type[M]) -> M:
    return model.model_validate(fields_of(await typed_texts(request), model))


async def cancel(request: Request) -> Response:
    await engine_of(request).longwork.cancel(request.path_params["work_id"])
    return RedirectResponse(PATH, status_code=303)


async def _wrong(request: Request, error: ValidationError | FabulaError) -> Response:
    wrong = invalid(error) if isinstance(error, ValidationError) else error
    return await _page(request, {"error": told(wrong)}, status=status_of(wrong))


async def _page(request: Request, values: Mapping[str, Any], *, status: int = 200) -> Response:
    engine = engine_of(request)
    answering = embeddings.answering(engine.store.hot)
    shown = {
        **_work(request),
        "embedders": engine.longwork.embedders(),
        "answering": answering,
        "stages": engine.longwork.replayable(),
        "chats": await engine.store.read(queries.chats),
    }
    return page(request, "work/page.html", {**shown, **values}, status=status)


def _work(request: Request) -> dict[str, Any]:
    engine = engine_of(request)
    found = engine.longwork.shown()[:SHOWN]
    current = next((one for one in found if one.state == "running"), None)
    return {
        "current": current,
        "title": _title(current) if current else "",
        "follow": number(request, "follow"),
        "left": _left(current, engine.store.clock()) if current else None,
        "over": [(one, _title(one)) for one in found if one is not current],
    }


def _title(one: Undertaking) -> str:
    asked = one.asked
    match one.kind:
        case "reembed":
            return f"Embedding with {asked['embedder']}{', afresh' if asked['afresh'] else ''}"
        case "replay":
            return f"Replay of {asked['stage']} in chat {asked['chat_id']}"
        case "restore":
            return f"Bringing in “{asked['title']}”"
        case _:
            return "Comparing what is shown with the log"


def _left(one: Undertaking, at: int) -> timedelta | None:
    """About how long it still takes, once there is something to tell it by."""
    if not 0 < one.done < one.total:
        return None
    return timedelta(seconds=round((at - one.began_at) / one.done * (one.total - one.done) / 1000))


def routes() -> list[Route]:
    return [
        Route(PATH, show),
        Route(f"{PATH}/now", now),
        Route(f"{PATH}/reembed/ask", ask_reembedding, methods=["POST"]),
        Route(f"{PATH}/reembed", reembed, methods=["POST"]),
        Route(f"{PATH}/replay/ask", ask_replay, methods=["POST"]),
        Route(f"{PATH}/replay", replay, methods=["POST"]),
        Route(f"{PATH}/check", check, methods=["POST"]),
        Route(f"{PATH}/{{work_id:id}}/cancel", cancel, methods=["POST"]),
    ]
