"""The JSON interface: one table of operations, from which both the routes and the document are made."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store import queries, views
from store.events import BotAuthored, BotEdited
from web import (
    api_desk,
    api_history,
    api_kept,
    api_plot,
    api_scenes,
    api_settings,
    api_state,
    api_time,
    api_work,
    budgeting,
    deriving,
    inspector,
    rating,
    searching,
    why,
)
from web.api_history import turns_out
from web.endpoints import chosen
from web.events import chat_events
from web.models import (
    BotOut,
    ChatIn,
    ChatOut,
    CountOut,
    EndpointIn,
    EndpointsOut,
    HealthOut,
    IdOut,
    SentOut,
    TurnIn,
    TurnOut,
)
from web.narrating import told_endpoints
from web.operation import MAX_PAGE, Operation, answer, body, engine_of, number, routes_of


async def list_bots(request: Request) -> Response:
    return answer(await engine_of(request).store.read(queries.bots), list[BotOut])


async def create_bot(request: Request) -> Response:
    bot = await body(request, BotAuthored)
    return answer(IdOut(id=await engine_of(request).play.author_bot(bot)), status=201)


async def show_bot(request: Request) -> Response:
    return answer(views.bot(engine_of(request).store.hot, request.path_params["bot_id"]), BotOut)


async def edit_bot(request: Request) -> Response:
    edited = await body(request, BotAuthored)
    bot_id = request.path_params["bot_id"]
    await engine_of(request).play.edit_bot(BotEdited(bot_id=bot_id, **edited.model_dump()))
    return await show_bot(request)


async def list_chats(request: Request) -> Response:
    return answer(await engine_of(request).store.read(queries.chats), list[ChatOut])


async def create_chat(request: Request) -> Response:
    wanted = await body(request, ChatIn)
    chat_id = await engine_of(request).play.start_chat(
        wanted.host_id,
        title=wanted.title,
        you_name=wanted.you_name,
        you_persona=wanted.you_persona,
        opening=wanted.opening,
        guest_id=wanted.guest_id,
        met=wanted.met,
    )
    return answer(IdOut(id=chat_id), status=201)


async def show_chat(request: Request) -> Response:
    return answer(views.chat(engine_of(request).store.hot, request.path_params["chat_id"]), ChatOut)


async def send_turn(request: Request) -> Response:
    turn = await body(request, TurnIn)
    key = request.headers.get("idempotency-key")
    sent = await engine_of(request).play.send_turn(request.path_params["chat_id"], turn.text, key=key)
    return answer(sent, SentOut, status=202)


async def list_turns(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]
    before, limit = number(request, "before"), number(request, "limit") or 50
    db = engine_of(request).store.hot
    views.chat(db, chat_id)
    turns = views.turns_before(db, chat_id, before, min(limit, MAX_PAGE))
    return answer(turns_out(db, chat_id, turns), list[TurnOut])


async def stop(request: Request) -> Response:
    return answer(CountOut(changed=await engine_of(request).play.stop(request.path_params["chat_id"])))


async def health(request: Request) -> Response:
    """Ready, or why not."""
    engine = engine_of(request)
    trouble = engine.trouble()
    endpoints = engine.endpoints
    told = HealthOut(
        ready=not trouble,
        working=engine.working,
        model=endpoints.model,
        embedder=endpoints.embedder.model if endpoints.embedder is not None else "",
        notices=[notice.what for notice in (endpoints.notice, endpoints.embedder_notice) if notice],
        trouble=trouble,
    )
    return answer(told, status=503 if trouble else 200)


async def metrics(request: Request) -> Response:
    return Response(
        await engine_of(request).store.read(lambda _: engine_of(request).metrics()),
        media_type="text/plain; version=0.0.4",
    )


async def list_endpoints(request: Request) -> Response:
    return answer(told_endpoints(engine_of(request)))


async def look_for_endpoints(request: Request) -> Response:
    await engine_of(request).offer.look()
    return await list_endpoints(request)


async def choose_endpoint(request: Request) -> Response:
    await chosen(engine_of(request), await body(request, EndpointIn))
    return await list_endpoints(request)


OPERATIONS: Sequence[Operation] = (
    Operation("GET", "/api/bots", "The bots", list_bots, gives=list[BotOut]),
    Operation("POST", "/api/bots", "Create a bot", create_bot, 201, takes=BotAuthored, gives=IdOut),
    Operation("GET", "/api/bots/{bot_id}", "One bot", show_bot, gives=BotOut),
    Operation("PUT", "/api/bots/{bot_id}", "Edit a bot", edit_bot, takes=BotAuthored, gives=BotOut),
    Operation("GET", "/api/chats", "The chats, newest first", list_chats, gives=list[ChatOut]),
    Operation("POST", "/api/chats", "Start a chat", create_chat, 201, takes=ChatIn, gives=IdOut),
    Operation("GET", "/api/chats/{chat_id}", "One chat", show_chat, gives=ChatOut),
    Operation(
        "POST",
        "/api/chats/{chat_id}/turns",
        "Send a turn; it is answered in the event stream",
        send_turn,
        202,
        takes=TurnIn,
        gives=SentOut,
        headers=("Idempotency-Key",),
    ),
    Operation(
        "GET",
        "/api/chats/{chat_id}/turns",
        "Turns in dialogue order, the newest page first",
        list_turns,
        gives=list[TurnOut],
        queries=("before", "limit"),
    ),
    Operation(
        "GET",
        "/api/chats/{chat_id}/events",
        "Server-sent events: the log from a position on, and what is being written",
        chat_events,
        queries=("after",),
        headers=("Last-Event-ID",),
    ),
    *api_state.OPERATIONS,
    *api_plot.OPERATIONS,
    *api_scenes.OPERATIONS,
    *deriving.OPERATIONS,
    *api_history.OPERATIONS,
    *api_time.OPERATIONS,
    *api_kept.OPERATIONS,
    *why.OPERATIONS,
    *inspector.OPERATIONS,
    *rating.OPERATIONS,
    *budgeting.OPERATIONS,
    *searching.OPERATIONS,
    *api_work.OPERATIONS,
    Operation("POST", "/api/chats/{chat_id}/stop", "Stop what is being written", stop, gives=CountOut),
    *api_desk.OPERATIONS,
    Operation(
        "GET",
        "/api/endpoints",
        "What narrates, and which servers were found",
        list_endpoints,
        gives=EndpointsOut,
    ),
    Operation(
        "POST",
        "/api/endpoints",
        "Check an endpoint, keep it in config.toml and let it narrate from now on",
        choose_endpoint,
        takes=EndpointIn,
        gives=EndpointsOut,
    ),
    Operation(
        "POST",
        "/api/endpoints/look",
        "Look for model servers on this machine again",
        look_for_endpoints,
        gives=EndpointsOut,
    ),
    *api_settings.OPERATIONS,
    Operation("GET", "/healthz", "Ready, or why not", health, gives=HealthOut),
    Operation("GET", "/metrics", "Prometheus metrics", metrics),
)


def routes() -> list[Route]:
    return routes_of(OPERATIONS)
