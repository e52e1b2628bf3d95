"""A chat's past as pages: what can be done with a turn, asked about first where it changes what follows.

With scripts a question is a piece shown in a dialog, and what was done comes back as a line of plain text;
without, a question is a page and an answer leads back to the chat.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import apsw
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pipeline import wording
from pipeline.engine import Engine
from pipeline.rewriting import Rewriting
from store import history, views
from store.errors import FabulaError, NotFound
from store.events import YOU
from store.views import Chat, Turn
from web.errors import invalid, status_of, told
from web.models import MAX_ID_DIGITS
from web.operation import engine_of, piecewise
from web.state import names_of
from web.templates import page
from web.typed import Typed, typed_texts

TURN = "/chats/{chat_id:id}/turns/{turn_id:id}"
Facts = Mapping[str, Any]


Apply = Callable[[Rewriting, int, int, Typed], Awaitable[str]]
"""Does it to a turn of a chat, and says what was done, unless the page shows it anyway."""


async def _nothing_more(_engine: Engine, _turn: Turn) -> Facts:
    return {}


@dataclass(frozen=True)
class Act:
    """Something that can be done with a turn. What `asks` names a template; `facts` is what it shows."""

    name: str
    apply: Apply
    asks: str = ""
    facts: Callable[[Engine, Turn], Awaitable[Facts]] = _nothing_more


async def _again(rewriting: Rewriting, chat_id: int, turn_id: int, typed: Typed) -> str:
    branch = typed.text("name").strip() or "told again" if typed.text("where") == "branch" else ""
    await rewriting.regenerate(chat_id, turn_id, branch=branch)
    return f"The story goes on in the new branch “{branch}”." if branch else ""


async def _carry_on(rewriting: Rewriting, chat_id: int, turn_id: int, _typed: Typed) -> str:
    await rewriting.regenerate(chat_id, turn_id, extend=True)
    return ""


async def _select(rewriting: Rewriting, chat_id: int, turn_id: int, _typed: Typed) -> str:
    await rewriting.select(chat_id, turn_id)
    return "Another alternative holds now."


async def _edit(rewriting: Rewriting, chat_id: int, turn_id: int, typed: Typed) -> str:
    changed = await rewriting.edit(chat_id, turn_id, typed.text("text"))
    return "Edited." if changed is not None else "Nothing was changed: the words are the same."


async def _hide(rewriting: Rewriting, chat_id: int, turn_id: int, _typed: Typed) -> str:
    await rewriting.hide(chat_id, turn_id, hidden=True)
    return "Hidden from view and prompt."


async def _show(rewriting: Rewriting, chat_id: int, turn_id: int, _typed: Typed) -> str:
    await rewriting.hide(chat_id, turn_id, hidden=False)
    return "Shown again."


async def _retract(rewriting: Rewriting, chat_id: int, turn_id: int, typed: Typed) -> str:
    total = typed.text("total")
    shown = int(total) if total.isdecimal() and len(total) <= MAX_ID_DIGITS else None
    fallen = await rewriting.retract(chat_id, turn_id, total=shown)
    number = len(fallen.texts)
    return f"Retracted: {number} turn{'' if number == 1 else 's'}, with all that came of it."


async def _falling(engine: Engine, turn: Turn) -> Facts:
    falls = await engine.rewriting.preview(turn.chat_id, turn.id)
    besides = {kind: number for kind, number in falls.kinds.items() if not kind.startswith("turn.")}
    return {"falls": falls, "besides": wording.counted(besides)}


async def _rewind(rewriting: Rewriting, chat_id: int, turn_id: int, typed: Typed) -> str:
    await rewriting.rewind(chat_id, turn_id, typed.text("name").strip())
    return "The story goes on from here. What came after is kept in the branch you left."


async def _branch(rewriting: Rewriting, chat_id: int, turn_id: int, typed: Typed) -> str:
    name = typed.text("name")
    await rewriting.fork(chat_id, turn_id, name)
    return f"There is a branch “{name.strip()}” from here now; the story goes on where it is."


ACTS = (
    Act("again", _again, asks="past/again.html"),
    Act("carry-on", _carry_on),
    Act("select", _select),
    Act("edit", _edit, asks="past/edit.html"),
    Act("hide", _hide),
    Act("show", _show),
    Act("retract", _retract, asks="past/retract.html", facts=_falling),
    Act("rewind", _rewind, asks="past/rewind.html"),
    Act("branch", _branch, asks="past/branch.html"),
)


def turn_of(request: Request) -> tuple[Chat, Turn]:
    """A turn that counts, and its chat."""
    db = engine_of(request).store.hot
    chat = views.chat(db, request.path_params["chat_id"])
    turn = views.turn(db, request.path_params["turn_id"])
    if turn.chat_id != chat.id:
        raise NotFound(f"There is no turn {turn.id} in this chat.")
    return chat, turn


async def _asked(request: Request, act: Act, typed: Typed, status: int = 200) -> Response:
    chat, turn = turn_of(request)
    engine = engine_of(request)
    speaker_id = YOU if turn.speaker_id is None else turn.speaker_id
    values: dict[str, Any] = {
        "chat": chat,
        "turn": turn,
        "speaker": names_of(engine.store.hot, chat, [speaker_id])[speaker_id],
        "typed": typed,
        "error": typed.error,
        **await act.facts(engine, turn),
    }
    name = act.asks if piecewise(request) else "past/page.html"
    return page(request, name, values | {"piece": act.asks}, status=status)


def _ask(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def ask(request: Request) -> Response:
        return await _asked(request, act, Typed())

    return ask


def _do(act: Act) -> Callable[[Request], Awaitable[Response]]:
    """Do it; what could not be done is shown in the question again, with what was typed and as things now
    stand."""

    async def do(request: Request) -> Response:
        chat_id, turn_id = request.path_params["chat_id"], request.path_params["turn_id"]
        texts = await typed_texts(request)
        try:
            said = await act.apply(engine_of(request).rewriting, chat_id, turn_id, Typed(texts))
        except (ValidationError, FabulaError) as error:
            if not act.asks or isinstance(error, NotFound):
                raise
            problem = invalid(error) if isinstance(error, ValidationError) else error
            return await _asked(request, act, Typed(texts, told(problem)), status_of(problem))
        return done(request, said, f"/chats/{chat_id}#turn-{turn_id}")

    return do


def done(request: Request, said: str, back: str) -> Response:
    """What was done, in words for a script and as the page it shows on for everybody else."""
    return PlainTextResponse(said) if piecewise(request) else RedirectResponse(back, status_code=303)


def undoing(db: apsw.Connection, chat: Chat) -> dict[str, Any]:
    """What the button shows that takes back what was done last."""
    undoable = bool(history.last_change(db, chat.id))
    return {"chat": chat, "undoable": undoable, "undoable_kinds": history.UNDOABLE}


async def show_undo(request: Request) -> Response:
    """The button as it now stands. A script keeps it in reach when there is nothing to undo: whoever goes by
    keyboard would lose their place."""
    db = engine_of(request).store.hot
    chat = views.chat(db, request.path_params["chat_id"])
    return page(request, "past/undo.html", undoing(db, chat) | {"piece": True})


async def undo(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]
    kinds = await engine_of(request).rewriting.undo(chat_id)
    return done(request, wording.undone(kinds), f"/chats/{chat_id}")


def routes() -> list[Route]:
    return [
        Route("/chats/{chat_id:id}/undo", show_undo),
        Route("/chats/{chat_id:id}/undo", undo, methods=["POST"]),
        *(Route(f"{TURN}/{act.name}", _ask(act)) for act in ACTS if act.asks),
        *(Route(f"{TURN}/{act.name}", _do(act), methods=["POST"]) for act in ACTS),
    ]
