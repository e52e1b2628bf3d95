"""What came of a turn, stage by stage, and which of it is to be derived again: on the page and over JSON."""

from collections.abc import Sequence

import apsw
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline import wording
from pipeline.rederiving import Derived
from store import views
from store.errors import FabulaError, NotFound
from store.events.references import Reference, referred
from web.errors import status_of, told
from web.models_history import DerivedOut, DeriveIn, DerivingOut
from web.operation import Operation, answer, body, engine_of, piecewise
from web.past import TURN, done, turn_of
from web.state import names_of
from web.templates import page
from web.typed import Typed, typed_texts

DERIVED = "/api/chats/{chat_id}/turns/{turn_id}/derived"


async def _derived(request: Request, chat_id: int, turn_id: int) -> list[DerivedOut]:
    engine = engine_of(request)
    found = await engine.rederiving.derived(chat_id, turn_id)
    return await engine.store.read(lambda db: _in_words(db, chat_id, found))


def _in_words(db: apsw.Connection, chat_id: int, found: Sequence[Derived]) -> list[DerivedOut]:
    payloads = [event.payload for one in found for event in one.events]
    entities = [number for one in payloads for to, number in referred(one) if to is Reference.ENTITY]
    names = names_of(db, views.chat(db, chat_id), entities)
    return [
        DerivedOut(
            stage=one.stage,
            about=wording.STAGES.get(one.stage, one.stage),
            told=[wording.told(event.payload, names) for event in one.events],
            of_old_words=one.of_old_words,
            under_way=one.under_way,
        )
        for one in found
    ]


async def list_derived(request: Request) -> Response:
    return answer(await _derived(request, *_ids(request)), list[DerivedOut])


async def derive_again(request: Request) -> Response:
    wanted = await body(request, DeriveIn)
    again = await engine_of(request).rederiving.derive_again(*_ids(request), wanted.stages)
    return answer(DerivingOut(stages=again), status=202)


def _ids(request: Request) -> tuple[int, int]:
    return request.path_params["chat_id"], request.path_params["turn_id"]


async def _asked(request: Request, wrong: FabulaError | None = None) -> Response:
    chat, turn = turn_of(request)
    derived = await _derived(request, chat.id, turn.id)
    values = {"chat": chat, "turn": turn, "derived": derived, "error": told(wrong) if wrong else None}
    piece = "past/derive.html"
    name = piece if piecewise(request) else "past/page.html"
    values |= {"piece": piece, "typed": Typed()}
    return page(request, name, values, status=status_of(wrong) if wrong else 200)


async def ask(request: Request) -> Response:
    return await _asked(request)


async def do(request: Request) -> Response:
    """Derive again what was ticked."""
    chat_id, turn_id = _ids(request)
    stages = (await typed_texts(request)).get("stage", [])
    try:
        again = await engine_of(request).rederiving.derive_again(chat_id, turn_id, stages)
    except NotFound:
        raise
    except FabulaError as error:
        return await _asked(request, error)
    words = ", ".join(wording.STAGES.get(one, one) for one in again)
    said = f"Being derived again: {words}." if words else "It is being derived already."
    return done(request, said, f"/chats/{chat_id}#turn-{turn_id}")


OPERATIONS = (
    Operation("GET", DERIVED, "What the stages made of a turn", list_derived, gives=list[DerivedOut]),
    Operation(
        "POST",
        DERIVED,
        "Run stages again for a turn; what they find takes the place of what they had",
        derive_again,
        202,
        takes=DeriveIn,
        gives=DerivingOut,
    ),
)


def routes() -> list[Route]:
    return [Route(f"{TURN}/derive", ask), Route(f"{TURN}/derive", do, methods=["POST"])]
