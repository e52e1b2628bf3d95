"""The opening of a drafted chat: what was read out of it, to be corrected and agreed to."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import apsw
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from store import views
from store.errors import FabulaError
from store.events import YOU, Opening
from store.views import Chat
from web import planned
from web.errors import invalid, status_of, told
from web.models_state import NamedOut
from web.operation import engine_of
from web.planned import Known
from web.state import names_of
from web.templates import page
from web.typed import KEY, Texts, Typed, typed_texts

FORM = "opening"


def shown_opening(db: apsw.Connection, chat: Chat, typed: Typed) -> dict[str, Any]:
    """What the form needs: everyone present, and every directed pair of them."""
    names = names_of(db, chat)
    proposal = chat.proposal or Opening()
    doing = {one.entity_id: one.activity for one in proposal.activities}
    seeds = {(one.observer_id, one.target_id): one for one in proposal.edges}
    people = [NamedOut(id=one, name=names[one]) for one in chat.cast]
    pairs = [
        (one, other, seeds.get((one.id, other.id)))
        for one in people
        for other in people
        if one.id != other.id and (one.id != YOU or (one.id, other.id) in seeds)
    ]
    known = Known(chat.clock, names, {})
    return {
        "chat": chat,
        "waits": lambda plan: planned.waits_for(plan, known),
        "opening": proposal,
        "nothing_read": proposal == Opening(),
        "people": people,
        "doing": doing,
        "pairs": pairs,
        "typed": typed,
        "key": FORM,
    }


async def show(request: Request) -> Response:
    """The form alone, for a page that waits for it."""
    db = engine_of(request).store.hot
    chat = views.chat(db, request.path_params["chat_id"])
    return page(request, "opening.html", shown_opening(db, chat, Typed()))


async def confirm(request: Request) -> Response:
    """Agree; a wrong field comes back with everything that was typed."""
    texts = await typed_texts(request)
    chat_id = request.path_params["chat_id"]
    db = engine_of(request).store.hot
    chat = views.chat(db, chat_id)
    try:
        await engine_of(request).play.confirm_opening(chat_id, _opening(texts, chat))
    except (ValidationError, FabulaError) as error:
        problem = invalid(error) if isinstance(error, ValidationError) else error
        typed = Typed({**texts, KEY: [FORM]}, told(problem))
        values = shown_opening(db, chat, typed)
        return page(request, "opening_page.html", values, status=status_of(problem))
    return RedirectResponse(f"/chats/{chat_id}", status_code=303)


def _opening(texts: Texts, chat: Chat) -> Opening:
    """The form as an opening. A field that is wrong is named as the form's model names it."""

    text = partial(_text, texts)
    activities = [{"entity_id": one, "activity": text(f"activity-{one}")} for one in chat.cast]
    edges = [
        {
            "observer_id": one,
            "target_id": other,
            "affinity": text(f"affinity-{one}-{other}") or 0,
            "trust": text(f"trust-{one}-{other}") or 0,
            "summary": text(f"summary-{one}-{other}"),
        }
        for one in chat.cast
        for other in chat.cast
        if one != other
    ]
    container = _container(texts)
    told_of_place = any(container[name] for name in ("name", "description", "slots"))
    said = {
        "container": container if told_of_place else None,
        "time": text("time"),
        "weather": text("weather"),
        "activities": [one for one in activities if one["activity"]],
        "edges": [one for one in edges if _says_something(one)],
        "story_events": list(_story_events(texts, chat)),
    }
    return Opening.model_validate(said)


def _story_events(texts: Texts, chat: Chat) -> Iterator[dict[str, Any]]:
    """Those proposed whose title was left standing, in the words they have now."""
    proposed = chat.proposal.story_events if chat.proposal is not None else ()
    for number, plan in enumerate(proposed):
        title = _text(texts, f"event-{number}")
        if title:
            told = {"title": title, "description": _text(texts, f"event-told-{number}")}
            waits = {} if _text(texts, f"event-waits-{number}") else {"triggers": (), "preconditions": ()}
            yield plan.model_dump() | told | waits


def _text(texts: Texts, name: str) -> str:
    return "".join(texts.get(name, ())[:1]).strip()


def _container(texts: Texts) -> dict[str, Any]:
    text = partial(_text, texts)
    return {
        "name": text("name"),
        "description": text("description"),
        "slots": [line.strip() for line in text("slots").split("\n") if line.strip()],
        "moving": bool(text("moving")),
        "public": bool(text("public")),
        "audible_range": text("audible_range") or "container",
    }


def _says_something(edge: dict[str, Any]) -> bool:
    return bool(edge["summary"]) or any(edge[level] not in (0, "0") for level in ("affinity", "trust"))


def routes() -> list[Route]:
    return [
        Route("/chats/{chat_id:id}/opening", show),
        Route("/chats/{chat_id:id}/opening", confirm, methods=["POST"]),
    ]
