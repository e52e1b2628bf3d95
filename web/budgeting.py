"""The bar under the composer: where the tokens of the next prompt would go."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.estimate import Estimate
from pipeline.floor import quiet
from store import views
from store.errors import Conflict
from web.bars import token_bar
from web.models import TurnIn
from web.operation import Operation, answer, body, engine_of
from web.state import names_of
from web.templates import page
from web.typed import typed_texts

MAX_CHARS = 100_000


async def estimate(request: Request) -> Response:
    typed = await body(request, TurnIn)
    chat_id = request.path_params["chat_id"]
    return answer(await engine_of(request).estimating.estimate(chat_id, typed.text))


async def show_estimate(request: Request) -> Response:
    """What would be sent with nothing typed, as a page."""
    db, chat_id = engine_of(request).store.hot, request.path_params["chat_id"]
    found, messages = await engine_of(request).estimating.worded(chat_id)
    chat = views.chat(db, chat_id)
    shown = {"chat": chat, "estimate": found, "bar": bar_of(found), "messages": messages}
    shown["speaker"] = names_of(db, chat).get(found.speaker_id, "Someone")
    return page(request, "budget_page.html", shown)


async def bar(request: Request) -> Response:
    """The bar for what stands in the composer; nothing while a reply is on its way, which goes first."""
    chat_id = request.path_params["chat_id"]
    typed = await typed_texts(request)
    engine = engine_of(request)
    views.chat(engine.store.hot, chat_id)
    try:
        quiet(engine.store.hot, chat_id)
    except Conflict:
        return Response(status_code=204)
    found = await engine.estimating.estimate(chat_id, "".join(typed.get("text", [])[:1])[:MAX_CHARS])
    shown = {"estimate": found, "bar": bar_of(found), "open": any(typed.get("open", [])), "chat_id": chat_id}
    return page(request, "budget.html", shown)


def bar_of(found: Estimate) -> object:
    listed = ", ".join(f"{name} {tokens}" for name, tokens in found.parts.items())
    told = f"Tokens by part: {listed}; {found.response} for the reply, of a window of {found.window}."
    return token_bar(found.parts, found.response, found.window, told)


OPERATIONS = (
    Operation(
        "POST",
        "/api/chats/{chat_id}/estimate",
        "Where the tokens would go if this were said now; nothing is sent",
        estimate,
        takes=TurnIn,
        gives=Estimate,
    ),
)


def routes() -> list[Route]:
    address = "/chats/{chat_id:id}/budget"
    return [Route(address, show_estimate), Route(address, bar, methods=["POST"])]
