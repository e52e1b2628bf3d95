"""The pages: bots, chats, one chat. Each shows what the log says and submits events; nothing is kept here."""

from typing import Any

import apsw
import trio
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from store import history, log, queries, views
from store.errors import FabulaError, NotFound
from store.events import BotAuthored, BotEdited
from store.views import Chat, Turn
from web.errors import invalid, told
from web.models import MAX_ID_DIGITS
from web.opening import shown_opening
from web.operation import engine_of, number
from web.state import names_of
from web.templates import page
from web.typed import Typed

FIRST_PAGE = 60
OLDER_PAGE = 100
LARGEST_PAGE = 1000
"""As many turns as are fetched again at once, when others count than before."""
QUICK_CHARS = 50_000
"""A page with more text than this is rendered in a thread: nobody else waits for it."""
BOT_FIELDS = ("name", "description", "personality", "first_message", "post_history")


async def home(request: Request) -> Response:
    chats, bots = await engine_of(request).store.read(lambda db: (queries.chats(db), queries.bots(db)))
    names = {bot.id: bot.name for bot in bots}
    return page(request, "chats.html", {"chats": chats, "bots": bots, "names": names})


async def bots(request: Request) -> Response:
    return page(request, "bots.html", {"bots": await engine_of(request).store.read(queries.bots)})


async def bot_form(request: Request) -> Response:
    bot_id = request.path_params.get("bot_id")
    values: dict[str, Any] = {"aliases": ""}
    if bot_id is not None:
        bot = views.bot(engine_of(request).store.hot, bot_id)
        values = {field: getattr(bot, field) for field in BOT_FIELDS} | {"aliases": ", ".join(bot.aliases)}
    return page(request, "bot.html", {"bot_id": bot_id, "values": values, "error": None})


async def save_bot(request: Request) -> Response:
    """Create or edit; a wrong field comes back with everything that was typed."""
    bot_id = request.path_params.get("bot_id")
    form = await _typed(request)
    play = engine_of(request).play
    try:
        written = _bot_of(form)
        if bot_id is None:
            await play.author_bot(written)
        else:
            await play.edit_bot(BotEdited(bot_id=bot_id, **written.model_dump()))
    except (ValidationError, FabulaError) as error:
        problem = told(invalid(error) if isinstance(error, ValidationError) else error)
        shown = {"bot_id": bot_id, "values": form, "error": problem}
        return page(request, "bot.html", shown, status=422)
    return RedirectResponse("/bots", status_code=303)


def _bot_of(form: dict[str, str]) -> BotAuthored:
    values = {field: form.get(field, "") for field in BOT_FIELDS}
    aliases = [alias.strip() for alias in form.get("aliases", "").split(",")]
    return BotAuthored.model_validate({**values, "aliases": [alias for alias in aliases if alias]})


async def _typed(request: Request) -> dict[str, str]:
    """A form's texts, with plain line ends; a file in a text's place counts as nothing."""
    async with request.form() as form:
        texts = [(name, value) for name, value in form.items() if isinstance(value, str)]
    return {name: text.replace("\r\n", "\n") for name, text in texts}


async def archive_bot(request: Request) -> Response:
    await engine_of(request).play.archive_bot(request.path_params["bot_id"])
    return RedirectResponse("/bots", status_code=303)


async def start_chat(request: Request) -> Response:
    form = await _typed(request)
    guest = form.get("guest_id", "")
    chat_id = await engine_of(request).play.start_chat(
        _id(form.get("host_id", "")),
        title=form.get("title", ""),
        you_name=form.get("you_name", "").strip() or "You",
        you_persona=form.get("you_persona", ""),
        opening=form.get("opening", ""),
        guest_id=_id(guest) if guest else None,
        met=form.get("met", ""),
    )
    return RedirectResponse(f"/chats/{chat_id}", status_code=303)


def _id(given: str) -> int:
    """What was chosen in a list; 0, which nobody has, when it is no id."""
    return int(given) if given.isdecimal() and len(given) <= MAX_ID_DIGITS else 0


async def rename_chat(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]
    await engine_of(request).play.rename_chat(chat_id, (await _typed(request)).get("title", ""))
    return RedirectResponse(f"/chats/{chat_id}", status_code=303)


async def archive_chat(request: Request) -> Response:
    await engine_of(request).play.archive_chat(request.path_params["chat_id"])
    return RedirectResponse("/", status_code=303)


async def send_turn(request: Request) -> Response:
    """The composer's form as a browser without scripts sends it."""
    chat_id = request.path_params["chat_id"]
    await engine_of(request).play.send_turn(chat_id, (await _typed(request)).get("text", ""))
    return RedirectResponse(f"/chats/{chat_id}#composer", status_code=303)


async def chat(request: Request) -> Response:
    """One chat: its newest turns, and the position from which the stream goes on."""
    db = engine_of(request).store.hot
    shown = views.chat(db, request.path_params["chat_id"])
    position = log.position(db)
    turns = views.turns_before(db, shown.id, None, FIRST_PAGE)
    values = turns_shown(db, shown, turns, FIRST_PAGE) | {"position": position}
    draft = {} if shown.begun else shown_opening(db, shown, Typed())
    return await _told_page(request, "chat.html", values | draft | _cast(db, shown))


async def cast(request: Request) -> Response:
    """Who the chat is with, for a page on which a guest has just come or gone."""
    db = engine_of(request).store.hot
    return page(request, "cast.html", _cast(db, views.chat(db, request.path_params["chat_id"])))


async def older_turns(request: Request) -> Response:
    """A page of turns before one, or the newest."""
    db = engine_of(request).store.hot
    shown = views.chat(db, request.path_params["chat_id"])
    size = min(number(request, "limit") or OLDER_PAGE, LARGEST_PAGE)
    turns = views.turns_before(db, shown.id, number(request, "before"), size)
    return await _told_page(request, "turns.html", turns_shown(db, shown, turns, size))


async def one_turn(request: Request) -> Response:
    db = engine_of(request).store.hot
    shown = views.chat(db, request.path_params["chat_id"])
    turn = views.turn(db, request.path_params["turn_id"])
    if turn.chat_id != shown.id:
        raise NotFound(f"There is no turn {turn.id} in this chat.")
    return await _told_page(request, "turns.html", turns_shown(db, shown, [turn], OLDER_PAGE))


async def _told_page(request: Request, name: str, values: dict[str, Any]) -> Response:
    """A page with turns on it."""
    if sum(len(turn.text) for turn in values["turns"]) <= QUICK_CHARS:
        return page(request, name, values)
    return await trio.to_thread.run_sync(page, request, name, values)


def turns_shown(db: apsw.Connection, shown: Chat, turns: list[Turn], size: int) -> dict[str, Any]:
    """What the transcript needs. `older` is where the next older page begins, if there is one."""
    return {
        "chat": shown,
        "turns": turns,
        "names": _names(db, shown, turns),
        "alternatives": history.alternatives(db, shown.id, [turn.id for turn in turns]),
        "older": turns[0].id if len(turns) == size else None,
    }


def _names(db: apsw.Connection, shown: Chat, turns: list[Turn]) -> dict[int | None, str]:
    """Speaker → name, of former guests too; None is you."""
    named = names_of(db, shown, [turn.speaker_id for turn in turns if turn.speaker_id is not None])
    names: dict[int | None, str] = {None: shown.you_name}
    names.update(named.items())
    return names


def _cast(db: apsw.Connection, shown: Chat) -> dict[str, Any]:
    names = names_of(db, shown)
    return {"chat": shown, "bots": [(bot_id, names[bot_id]) for bot_id in shown.members]}


def routes() -> list[Route]:
    return [
        Route("/", home),
        Route("/bots", bots),
        Route("/bots", save_bot, methods=["POST"]),
        Route("/bots/new", bot_form),
        Route("/bots/{bot_id:id}", bot_form),
        Route("/bots/{bot_id:id}", save_bot, methods=["POST"]),
        Route("/bots/{bot_id:id}/archive", archive_bot, methods=["POST"]),
        Route("/chats", start_chat, methods=["POST"]),
        Route("/chats/{chat_id:id}", chat),
        Route("/chats/{chat_id:id}/cast", cast),
        Route("/chats/{chat_id:id}/rename", rename_chat, methods=["POST"]),
        Route("/chats/{chat_id:id}/archive", archive_chat, methods=["POST"]),
        Route("/chats/{chat_id:id}/turns", older_turns),
        Route("/chats/{chat_id:id}/turns", send_turn, methods=["POST"]),
        Route("/chats/{chat_id:id}/turns/{turn_id:id}", one_turn),
    ]
