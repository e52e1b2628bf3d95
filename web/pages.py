"""The pages: bots and chats. Each shows what the log says and submits events; nothing is kept here."""

from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from store import queries, views
from store.errors import FabulaError
from store.events import BotAuthored, BotEdited
from web.errors import invalid, told
from web.models import MAX_ID_DIGITS
from web.operation import engine_of, number
from web.templates import page

BOT_FIELDS = ("name", "description", "personality", "first_message", "post_history")


async def home(request: Request) -> Response:
    """The chats, and the form that starts one, where `?with=` has chosen a bot already."""
    chosen = number(request, "with")
    chats, bots = await engine_of(request).store.read(lambda db: (queries.chats(db), queries.bots(db)))
    names = {bot.id: bot.name for bot in bots}
    return page(request, "chats.html", {"chats": chats, "bots": bots, "names": names, "chosen": chosen})


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
        Route("/chats/{chat_id:id}/rename", rename_chat, methods=["POST"]),
        Route("/chats/{chat_id:id}/archive", archive_chat, methods=["POST"]),
        Route("/chats/{chat_id:id}/turns", send_turn, methods=["POST"]),
    ]
