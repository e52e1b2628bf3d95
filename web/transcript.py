"""The transcript: one chat and its turns, a window at a time, wherever in it the reader is.

With sixty turns or ten thousand a page costs the same. A window begins at a turn, or at a place in the
dialogue: that stays one when the turn that stood there counts no more.
"""

from dataclasses import dataclass
from typing import Any

import apsw
import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store import history, ledger, log, views
from store.errors import Invalid, NotFound
from store.rows import row
from store.views import Chat, Turn
from web.models import MAX_ID_DIGITS
from web.opening import shown_opening
from web.operation import engine_of, number
from web.passing import lying_between, passing
from web.past import undoing
from web.state import names_of
from web.templates import page
from web.typed import Typed

PAGE = 60
LARGEST_PAGE = 1000
"""As many turns as are fetched again at once, when others count than before."""
QUICK_CHARS = 50_000
"""A page with more text than this is rendered in a thread: nobody else waits for it."""
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """Some turns in dialogue order, and whether there are older and newer ones."""

    turns: list[Turn]
    older: bool = False
    newer: bool = False


def newest(db: apsw.Connection, chat_id: int, size: int) -> Window:
    found = views.turns_before(db, chat_id, None, size + 1)
    return Window(found[-size:], older=len(found) > size)


def before(db: apsw.Connection, turn: Turn, size: int) -> Window:
    found = views.turns_before(db, turn.chat_id, turn.id, size + 1)
    return Window(found[-size:], older=len(found) > size, newer=True)


def since(db: apsw.Connection, chat_id: int, place: Place, size: int) -> Window:
    """From a place on; the newest, where nothing is left that far on."""
    found = views.turns_from(db, chat_id, place, size + 1)
    if not found:
        return newest(db, chat_id, size)
    older = bool(views.turns_before(db, chat_id, found[0].id, 1))
    return Window(found[:size], older=older, newer=len(found) > size)


def around(db: apsw.Connection, turn: Turn, size: int) -> Window:
    earlier = before(db, turn, size // 2)
    later = since(db, turn.chat_id, (turn.anchor_id, turn.id), size - size // 2)
    return Window(earlier.turns + later.turns, older=earlier.older, newer=later.newer)


async def chat(request: Request) -> Response:
    """One chat: its newest turns or those around `?turn=`, and the position from which the stream goes on."""
    db = engine_of(request).store.hot
    shown = views.chat(db, request.path_params["chat_id"])
    position = log.position(db)
    sought = number(request, "turn")
    window = newest(db, shown.id, PAGE) if sought is None else around(db, _turn(db, shown, sought), PAGE)
    pipeline = engine_of(request).pipeline
    paused = [name for name in sorted(ledger.paused(db)) if pipeline.is_play(name)]
    values = turns_shown(db, shown, window) | {"position": position, "sought": sought, "paused": paused}
    values["marker"] = engine_of(request).habits.marker
    draft = {} if shown.begun else shown_opening(db, shown, Typed())
    values |= draft | cast_of(db, shown) | passing(engine_of(request), shown) | undoing(db, shown)
    return await _told_page(request, "chat.html", values)


async def some_turns(request: Request) -> Response:
    """A window of turns: `?before=`, `?after=` or `?around=` a turn, `?from=` a place, or the newest."""
    db = engine_of(request).store.hot
    shown = views.chat(db, request.path_params["chat_id"])
    return await _told_page(request, "turns.html", turns_shown(db, shown, _window(request, db, shown)))


def _window(request: Request, db: apsw.Connection, shown: Chat) -> Window:
    size = min(number(request, "limit") or PAGE, LARGEST_PAGE)
    if (given := number(request, "before")) is not None:
        return before(db, _turn(db, shown, given), size)
    if (given := number(request, "around")) is not None:
        return around(db, _turn(db, shown, given), size)
    if (given := number(request, "after")) is not None:
        turn = _turn(db, shown, given)
        return since(db, shown.id, (turn.anchor_id, turn.id + 1), size)
    if "from" in request.query_params:
        return since(db, shown.id, _place(request.query_params["from"]), size)
    return newest(db, shown.id, size)


def _place(given: str) -> Place:
    anchor_id, _, turn_id = given.partition("-")
    if not all(one.isdecimal() and len(one) <= MAX_ID_DIGITS for one in (anchor_id, turn_id)):
        raise Invalid(f"from: {given[:40]!r} is no place in the dialogue.", hint="Give two ids, as in 7-9.")
    return int(anchor_id), int(turn_id)


def _turn(db: apsw.Connection, shown: Chat, turn_id: int) -> Turn:
    """A turn of this chat that counts."""
    if row(db, "SELECT 1 FROM turn WHERE id = ? AND chat_id = ?", (turn_id, shown.id)) is None:
        raise NotFound(
            f"There is no turn {turn_id} in this chat as the story stands.",
            hint="It may have been retracted, or lie in another branch or alternative.",
        )
    return views.turn(db, turn_id)


async def one_turn(request: Request) -> Response:
    db = engine_of(request).store.hot
    shown = views.chat(db, request.path_params["chat_id"])
    alone = Window([_turn(db, shown, request.path_params["turn_id"])])
    return await _told_page(request, "turns.html", turns_shown(db, shown, alone))


async def _told_page(request: Request, name: str, values: dict[str, Any]) -> Response:
    """A page with turns on it."""
    if sum(len(turn.text) for turn in values["turns"]) <= QUICK_CHARS:
        return page(request, name, values)
    return await trio.to_thread.run_sync(page, request, name, values)


def turns_shown(db: apsw.Connection, shown: Chat, window: Window) -> dict[str, Any]:
    """What the templates need. `older` and `newer` are the turns beyond which there are more."""
    turns = window.turns
    return {
        "chat": shown,
        "turns": turns,
        "names": _names(db, shown, turns),
        "alternatives": history.alternatives(db, shown.id, [turn.id for turn in turns]),
        "older": turns[0].id if window.older else None,
        "newer": turns[-1].id if window.newer and turns else None,
        **lying_between(db, shown, turns),
    }


def _names(db: apsw.Connection, shown: Chat, turns: list[Turn]) -> dict[int | None, str]:
    """Speaker → name, of former guests too; None is you."""
    named = names_of(db, shown, [turn.speaker_id for turn in turns if turn.speaker_id is not None])
    names: dict[int | None, str] = {None: shown.you_name}
    names.update(named.items())
    return names


def cast_of(db: apsw.Connection, shown: Chat) -> dict[str, Any]:
    """The bots a chat is with, and their names."""
    names = names_of(db, shown)
    return {"chat": shown, "bots": [(bot_id, names[bot_id]) for bot_id in shown.members]}


async def cast(request: Request) -> Response:
    """Who the chat is with, for a page on which a guest has just come or gone."""
    db = engine_of(request).store.hot
    return page(request, "cast.html", cast_of(db, views.chat(db, request.path_params["chat_id"])))


def routes() -> list[Route]:
    return [
        Route("/chats/{chat_id:id}", chat),
        Route("/chats/{chat_id:id}/cast", cast),
        Route("/chats/{chat_id:id}/turns", some_turns),
        Route("/chats/{chat_id:id}/turns/{turn_id:id}", one_turn),
    ]
