"""The JSON interface to story time: skips, scenes without you, auto-mode, digests."""

from collections.abc import Sequence

import apsw
from starlette.requests import Request
from starlette.responses import Response

from pipeline import story_time
from store import meanwhile, views
from store.events import YOU
from web.models import IdOut
from web.models_state import CorrectedOut
from web.models_time import AutoIn, DigestIn, DigestOut, MeanwhileIn, SkipIn, SkipOut, TimeOut
from web.operation import Operation, answer, body, engine_of

CHAT = "/api/chats/{chat_id}"


async def show_time(request: Request) -> Response:
    engine, chat_id = engine_of(request), request.path_params["chat_id"]

    def read(db: apsw.Connection) -> TimeOut:
        chat = views.chat(db, chat_id)
        return TimeOut(
            clock=chat.clock,
            told=story_time.told(chat.clock),
            auto_left=chat.auto_left,
            auto_stops_on_typing=engine.habits.auto_stops_on_typing,
            without_you=YOU not in chat.cast,
            skips=[SkipOut.model_validate(one) for one in meanwhile.skips(db, chat_id)],
            digests=[DigestOut.model_validate(one) for one in meanwhile.digests(db, chat_id)],
        )

    return answer(await engine.store.read(read), TimeOut)


async def skip(request: Request) -> Response:
    wanted, chat_id = await body(request, SkipIn), request.path_params["chat_id"]
    passing = engine_of(request).passing
    asked = await passing.skip(chat_id, wanted.mode, words=wanted.words, minutes=wanted.minutes)
    return answer(IdOut(id=asked), status=202)


async def go_meanwhile(request: Request) -> Response:
    wanted, chat_id = await body(request, MeanwhileIn), request.path_params["chat_id"]
    scene_id = await engine_of(request).passing.meanwhile(chat_id, wanted.turns, wanted.premise)
    return answer(IdOut(id=scene_id), status=202)


async def come_back(request: Request) -> Response:
    opened = await engine_of(request).passing.come_back(request.path_params["chat_id"])
    return answer(CorrectedOut(event_id=opened))


async def auto(request: Request) -> Response:
    wanted, chat_id = await body(request, AutoIn), request.path_params["chat_id"]
    return answer(CorrectedOut(event_id=await engine_of(request).passing.auto(chat_id, wanted.turns)))


async def edit_digest(request: Request) -> Response:
    wanted, named = await body(request, DigestIn), request.path_params
    passing = engine_of(request).passing
    edited = await passing.edit_digest(named["chat_id"], named["digest_id"], wanted.text, seen=wanted.seen)
    return answer(CorrectedOut(event_id=edited))


OPERATIONS: Sequence[Operation] = (
    Operation(
        "GET",
        CHAT + "/time",
        "The story clock, auto-mode, skips, and what you may learn of scenes without you",
        show_time,
        gives=TimeOut,
    ),
    Operation("POST", CHAT + "/skip", "Go on later in the story", skip, 202, takes=SkipIn, gives=IdOut),
    Operation(
        "POST",
        CHAT + "/meanwhile",
        "A scene of host and guest without you; gives the scene",
        go_meanwhile,
        202,
        takes=MeanwhileIn,
        gives=IdOut,
    ),
    Operation("POST", CHAT + "/return", "Come back from a scene without you", come_back, gives=CorrectedOut),
    Operation(
        "POST",
        CHAT + "/auto",
        "Let the bots carry on by themselves, or end it",
        auto,
        takes=AutoIn,
        gives=CorrectedOut,
    ),
    Operation(
        "POST",
        CHAT + "/digests/{digest_id}",
        "What you learn of a scene without you, in other words",
        edit_digest,
        takes=DigestIn,
        gives=CorrectedOut,
    ),
)
