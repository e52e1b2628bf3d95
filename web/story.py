"""The story of a chat as a page: what is planned, goes on and is over, what is left open, and its scenes.

Like the drawer it is made of pieces with an address each, and of forms that lead back to them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import apsw
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline import story_time
from pipeline.engine import Engine
from pipeline.plot.board import Board, board
from pipeline.wording import SIGNIFICANCE
from store import log, meanwhile, memories, places, plot, views
from store.errors import Conflict, FabulaError, NotFound
from store.events import YOU, Effect, StoryPlan, ThreadUpdated
from store.views import Chat
from web import planned, scenes
from web.errors import invalid, status_of, told
from web.operation import Handler, engine_of, piecewise
from web.planned import Known
from web.state import names_of
from web.templates import page
from web.typed import Texts, Typed, typed_texts

PARTS = ("events", "threads", "digests", "timeline")
STORY = "/chats/{chat_id:id}/story"
NOBODY = "nobody"
UNTOUCHED = StoryPlan(title="-")
"""What the form for a new plan shows."""

Apply = Callable[[Engine, int, Typed], Awaitable[object]]


@dataclass(frozen=True)
class Act:
    """Something a form of the page does; `part` is the piece that shows it."""

    name: str
    part: str
    apply: Apply


class _More(BaseModel):
    """What survives besides what the plan says."""

    more: tuple[Effect, ...]


def _known(db: apsw.Connection, chat: Chat) -> Known:
    names = names_of(db, chat, memories.owners(db, chat.id))
    return Known(chat.clock, names, planned.titles(plot.story_events(db, chat.id)))


async def _known_in(engine: Engine, chat_id: int) -> Known:
    return await engine.store.read(lambda db: _known(db, views.chat(db, chat_id)))


async def _plan(engine: Engine, chat_id: int, typed: Typed) -> object:
    plan = planned.plan_of(typed.texts, await _known_in(engine, chat_id))
    return await engine.plotting.plan(chat_id, plan)


async def _edit(engine: Engine, chat_id: int, typed: Typed) -> object:
    event_id = typed.id("story_event_id")
    now = await engine.store.read(lambda db: plot.story_event(db, chat_id, event_id))
    plan = planned.plan_of(typed.texts, await _known_in(engine, chat_id), now.plan)
    return await engine.plotting.edit(chat_id, event_id, plan, seen=typed.id("seen"))


async def _start(engine: Engine, chat_id: int, typed: Typed) -> object:
    return await engine.plotting.start(chat_id, typed.id("story_event_id"))


async def _complete(engine: Engine, chat_id: int, typed: Typed) -> object:
    event_id = typed.id("story_event_id")
    now = await engine.store.read(lambda db: plot.story_event(db, chat_id, event_id))
    if typed.id("seen") != now.changed_by:
        raise Conflict(
            f"The story event {now.plan.title!r} changed meanwhile.",
            hint="Look at what survives it and send it again.",
        )
    ticked = set(typed.texts.get("survives", ()))
    effects = [one for number, one in enumerate(now.plan.on_complete) if str(number) in ticked]
    effects.extend(_More(more=tuple(planned.effects_typed("more", typed.texts))).more)
    keeps = _keeps(typed.texts)
    return await engine.plotting.complete(
        chat_id, event_id, gist=typed.text("gist"), effects=effects, keeps=keeps
    )


def _keeps(texts: Texts) -> dict[str, int | None]:
    """Prop → who keeps it, for those of which it was said."""
    pairs = zip(texts.get("prop", ()), texts.get("keeper", ()), strict=False)
    return {prop: None if keeper == NOBODY else _id(keeper) for prop, keeper in pairs if keeper}


def _id(given: str) -> int:
    return Typed({"id": [given]}).id("id")


async def _cancel(engine: Engine, chat_id: int, typed: Typed) -> object:
    return await engine.plotting.cancel(chat_id, typed.id("story_event_id"), typed.text("reason"))


def _known_to(typed: Typed) -> tuple[int, ...]:
    return tuple(map(_id, typed.texts.get("known_to", ())))


async def _thread(engine: Engine, chat_id: int, typed: Typed) -> object:
    title, summary = typed.text("title").strip(), typed.text("summary")
    return await engine.plotting.open_thread(chat_id, title, summary, _known_to(typed))


async def _edit_thread(engine: Engine, chat_id: int, typed: Typed) -> object:
    update = ThreadUpdated(
        thread_id=typed.id("thread_id"),
        title=typed.text("title").strip(),
        summary=typed.text("summary"),
        known_to=_known_to(typed),
    )
    return await engine.plotting.edit_thread(chat_id, update, seen=typed.id("seen"))


async def _close_thread(engine: Engine, chat_id: int, typed: Typed) -> object:
    return await engine.plotting.close_thread(chat_id, typed.id("thread_id"), typed.text("resolution"))


async def _digest(engine: Engine, chat_id: int, typed: Typed) -> object:
    digest_id, seen = typed.id("digest_id"), typed.id("seen")
    return await engine.passing.edit_digest(chat_id, digest_id, typed.text("text"), seen=seen)


ACTS = (
    Act("plan", "events", _plan),
    Act("edit", "events", _edit),
    Act("start", "events", _start),
    Act("complete", "events", _complete),
    Act("cancel", "events", _cancel),
    Act("thread", "threads", _thread),
    Act("thread-edit", "threads", _edit_thread),
    Act("thread-close", "threads", _close_thread),
    Act("digest", "digests", _digest),
    Act("scene", "timeline", scenes.edit),
    Act("around", "timeline", scenes.edit_around),
    Act("told", "timeline", scenes.edit_told),
    Act("quotes", "timeline", scenes.edit_quotes),
)


def _read(db: apsw.Connection, chat_id: int, parts: tuple[str, ...]) -> dict[str, Any]:
    """What the templates need."""
    chat = views.chat(db, chat_id)
    found, known = board(db, chat_id), _known(db, chat)
    return {
        "chat": chat,
        "position": log.position(db),
        "parts": parts,
        "board": found,
        "columns": _columns(found),
        "known": known,
        "digests": [one for one in meanwhile.digests(db, chat_id) if one.text],
        "scenes": scenes.shown(db, chat, known.people) if "timeline" in parts else [],
        "unheld": scenes.unheld(db, chat_id, known.people) if "timeline" in parts else [],
        "world": places.world(db, chat_id),
        "you_are_there": YOU in chat.cast,
    }


def _columns(found: Board) -> Mapping[str, list[Any]]:
    """The board: state → the story events in it."""
    of: dict[str, list[Any]] = {"planned": [], "active": [], "done": []}
    for one in found.story_events:
        of[one.state if one.state in of else "done"].append(one)
    return of


def _words(typed: Typed) -> dict[str, Any]:
    """How the templates say things, and what the forms show."""

    def texts(key: str) -> Texts | None:
        return typed.texts if typed.failed(key) else None

    return {
        "typed": typed,
        "within": "story",
        "clock": story_time.told,
        "span": story_time.span,
        "significances": SIGNIFICANCE,
        "condition_kinds": planned.CONDITIONS,
        "effect_kinds": planned.EFFECTS,
        "labels": planned.LABELS,
        "prop_lines": planned.prop_lines,
        "untouched": UNTOUCHED,
        "condition_rows": lambda key, name, held, known: planned.condition_rows(
            name, held, known, texts(key)
        ),
        "effect_rows": lambda key, name, held: planned.effect_rows(name, held, texts(key)),
        "as_rows": lambda held, known: planned.condition_rows("", held, known, None)[: len(held)],
    }


async def show(request: Request) -> Response:
    return await _shown(request, PARTS, Typed())


async def show_part(request: Request) -> Response:
    part = request.path_params["piece"]
    if part not in PARTS:
        raise NotFound(f"The story has no part {part[:40]!r}.", hint=f"It has {', '.join(PARTS)}.")
    return await _shown(request, (part,), Typed())


async def _shown(
    request: Request, parts: tuple[str, ...], typed: Typed, status: int = 200, failed: str = ""
) -> Response:
    """Pieces of the page; `failed` is the one with the form in which something was wrong."""
    chat_id = request.path_params["chat_id"]
    values = await engine_of(request).store.read(lambda db: _read(db, chat_id, parts))
    name = "story/parts.html" if piecewise(request) else "story/page.html"
    return page(request, name, values | _words(typed) | {"failed": failed}, status=status)


def _form(act: Act) -> Handler:
    """Take one form: done, its piece is shown as it now stands; wrong, with what was typed and why not."""

    async def submit(request: Request) -> Response:
        texts, chat_id = await typed_texts(request), request.path_params["chat_id"]
        typed, status = Typed(), 200
        try:
            await act.apply(engine_of(request), chat_id, Typed(texts))
        except (ValidationError, FabulaError) as error:
            problem = planned.in_form_words(invalid(error) if isinstance(error, ValidationError) else error)
            typed = Typed(texts, told(problem), isinstance(problem, Conflict))
            status = status_of(problem)
        views.chat(engine_of(request).store.hot, chat_id)
        if piecewise(request):
            return await _shown(request, (act.part,), typed, status, act.part)
        if typed.error is None:
            return RedirectResponse(f"/chats/{chat_id}/story#part-{act.part}", status_code=303)
        return await _shown(request, PARTS, typed, status, act.part)

    return submit


def routes() -> list[Route]:
    return [
        Route(STORY, show),
        *(Route(f"{STORY}/{act.name}", _form(act), methods=["POST"]) for act in ACTS),
        Route(f"{STORY}/{{piece}}", show_part),
    ]
