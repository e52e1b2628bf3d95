"""The JSON interface to a chat's past: alternatives, edits, retraction, branches, undo."""

from collections.abc import Sequence

import apsw
import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from store import history
from store.errors import FabulaError, Invalid
from store.views import Turn
from web.models import IdOut, TurnOut
from web.models_history import (
    AlternativeIn,
    BranchChangeIn,
    BranchIn,
    BranchOut,
    DraftOut,
    FallsOut,
    RetractIn,
    RewindIn,
    TurnChangeIn,
    UndoneOut,
)
from web.models_state import CorrectedOut
from web.operation import Operation, answer, body, engine_of

CHAT = "/api/chats/{chat_id}"
TURN = CHAT + "/turns/{turn_id}"


def turns_out(db: apsw.Connection, chat_id: int, turns: Sequence[Turn]) -> list[TurnOut]:
    """Turns with their alternatives."""
    groups = history.alternatives(db, chat_id, [one.id for one in turns])
    return [
        TurnOut.model_validate(
            one._asdict() | {"edited": one.edited_by is not None, "alternatives": groups.get(one.id, ())}
        )
        for one in turns
    ]


def _named(request: Request) -> tuple[int, int]:
    return request.path_params["chat_id"], request.path_params["turn_id"]


async def tell_again(request: Request) -> Response:
    wanted = await body(request, AlternativeIn)
    floor = await engine_of(request).rewriting.regenerate(*_named(request), **wanted.model_dump())
    return answer(IdOut(id=floor), status=202)


async def select(request: Request) -> Response:
    return answer(CorrectedOut(event_id=await engine_of(request).rewriting.select(*_named(request))))


async def change_turn(request: Request) -> Response:
    wanted = await body(request, TurnChangeIn)
    if (wanted.text is None) == (wanted.hidden is None):
        raise Invalid("Say one thing to change.", hint="Send either text or hidden.")
    rewriting = engine_of(request).rewriting
    if wanted.text is not None:
        return answer(CorrectedOut(event_id=await rewriting.edit(*_named(request), wanted.text)))
    changed = await rewriting.hide(*_named(request), hidden=bool(wanted.hidden))
    return answer(CorrectedOut(event_id=changed))


async def preview(request: Request) -> Response:
    return answer(await engine_of(request).rewriting.preview(*_named(request)), FallsOut)


async def retract(request: Request) -> Response:
    wanted = await body(request, RetractIn)
    return answer(await engine_of(request).rewriting.retract(*_named(request), total=wanted.total), FallsOut)


async def list_branches(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]
    found = await engine_of(request).store.read(lambda db: history.branches(db, chat_id))
    return answer(found, list[BranchOut])


async def fork(request: Request) -> Response:
    wanted, chat_id = await body(request, BranchIn), request.path_params["chat_id"]
    branch_id = await engine_of(request).rewriting.fork(chat_id, wanted.turn_id, wanted.name)
    return answer(IdOut(id=branch_id), status=201)


async def rewind(request: Request) -> Response:
    wanted, chat_id = await body(request, RewindIn), request.path_params["chat_id"]
    branch_id = await engine_of(request).rewriting.rewind(chat_id, wanted.turn_id, wanted.name)
    return answer(IdOut(id=branch_id), status=201)


async def change_branch(request: Request) -> Response:
    wanted = await body(request, BranchChangeIn)
    rewriting = engine_of(request).rewriting
    chat_id, branch_id = request.path_params["chat_id"], request.path_params["branch_id"]
    changed = None
    if wanted.name is not None:
        changed = await rewriting.rename_branch(chat_id, branch_id, wanted.name)
    if wanted.active:
        changed = await rewriting.switch(chat_id, branch_id)
    return answer(CorrectedOut(event_id=changed))


async def draft(request: Request) -> Response:
    """Whoever leaves ends the request to the model as well."""
    await request.body()
    chat_id = request.path_params["chat_id"]
    engine = engine_of(request)
    drafted: list[str | FabulaError] = []

    async def write(over: trio.CancelScope) -> None:
        try:
            drafted.append(await engine.drafting.draft(chat_id))
        except FabulaError as error:
            drafted.append(error)
        over.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, nursery.cancel_scope)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        nursery.cancel_scope.cancel()
    if not drafted:
        raise ClientDisconnect
    if isinstance(drafted[0], FabulaError):
        raise drafted[0]
    return answer(DraftOut(text=drafted[0]))


async def undo(request: Request) -> Response:
    undone = await engine_of(request).rewriting.undo(request.path_params["chat_id"])
    return answer(UndoneOut(kinds=list(undone)))


OPERATIONS: Sequence[Operation] = (
    Operation(
        "POST",
        TURN + "/alternatives",
        "Tell a reply again, carry it on, or ask for one to a turn of yours that has none",
        tell_again,
        202,
        takes=AlternativeIn,
        gives=IdOut,
    ),
    Operation("POST", TURN + "/select", "Let this alternative hold", select, gives=CorrectedOut),
    Operation(
        "POST",
        TURN + "/change",
        "Edit a turn, or hide it",
        change_turn,
        takes=TurnChangeIn,
        gives=CorrectedOut,
    ),
    Operation("GET", TURN + "/falls", "What would fall if the turn were retracted", preview, gives=FallsOut),
    Operation(
        "POST",
        TURN + "/retract",
        "Take a turn out with everything that came of it",
        retract,
        takes=RetractIn,
        gives=FallsOut,
    ),
    Operation("GET", CHAT + "/branches", "The ways the story has gone", list_branches, gives=list[BranchOut]),
    Operation("POST", CHAT + "/branches", "Fork the story at a turn", fork, 201, takes=BranchIn, gives=IdOut),
    Operation(
        "POST",
        CHAT + "/branches/{branch_id}",
        "Rename a branch, or go on in it",
        change_branch,
        takes=BranchChangeIn,
        gives=CorrectedOut,
    ),
    Operation(
        "POST",
        CHAT + "/rewind",
        "Go back to a turn; what came after it stays as a branch",
        rewind,
        201,
        takes=RewindIn,
        gives=IdOut,
    ),
    Operation(
        "POST", CHAT + "/draft", "Draft the person's next line; nothing is recorded", draft, gives=DraftOut
    ),
    Operation("POST", CHAT + "/undo", "Undo what the person did last", undo, gives=UndoneOut),
)
