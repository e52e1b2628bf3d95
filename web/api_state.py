"""The JSON interface to how a chat stands: state, memories, guest, opening and corrections."""

from collections.abc import Sequence

import apsw
from starlette.requests import Request
from starlette.responses import Response

from store.courses import courses
from store.errors import Invalid
from store.events import Opening
from web.edits import EDITS, Edit
from web.models_state import CorrectedOut, GuestIn, MemoryOut, StateOut
from web.operation import MAX_PAGE, Handler, Operation, answer, body, engine_of, number
from web.state import memories_of, state_of

PAGE = 20
STATE = "/api/chats/{chat_id}/state"
MEMORIES = "/api/chats/{chat_id}/memories"
GUEST = "/api/chats/{chat_id}/guest"
OPENING = "/api/chats/{chat_id}/opening"
CORRECTIONS = "/api/chats/{chat_id}/corrections/"


async def show_state(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]

    def read(db: apsw.Connection) -> StateOut:
        return state_of(db, chat_id, courses(db, chat_id))

    return answer(await engine_of(request).store.read(read), StateOut)


async def list_memories(request: Request) -> Response:
    chat_id, owner_id = request.path_params["chat_id"], number(request, "owner")
    if owner_id is None:
        raise Invalid("owner is missing.", hint="Say whose memories: add ?owner= and the id of a bot.")
    before, limit = number(request, "before"), min(number(request, "limit") or PAGE, MAX_PAGE)
    found = await engine_of(request).store.read(lambda db: memories_of(db, chat_id, owner_id, before, limit))
    return answer(found, list[MemoryOut])


async def add_guest(request: Request) -> Response:
    wanted = await body(request, GuestIn)
    play, chat_id = engine_of(request).play, request.path_params["chat_id"]
    return answer(CorrectedOut(event_id=await play.add_guest(chat_id, wanted.guest_id, wanted.met)))


async def remove_guest(request: Request) -> Response:
    event_id = await engine_of(request).play.remove_guest(request.path_params["chat_id"])
    return answer(CorrectedOut(event_id=event_id))


async def confirm_opening(request: Request) -> Response:
    opening = await body(request, Opening)
    event_id = await engine_of(request).play.confirm_opening(request.path_params["chat_id"], opening)
    return answer(CorrectedOut(event_id=event_id))


def _correction(edit: Edit) -> Operation:
    async def correct(request: Request) -> Response:
        typed = await body(request, edit.takes)
        event_id = await edit.apply(engine_of(request), request.path_params["chat_id"], typed)
        return answer(CorrectedOut(event_id=event_id))

    handler: Handler = correct
    correct.__name__ = f"correct_{edit.name.replace('-', '_')}"
    path = CORRECTIONS + edit.name
    return Operation("POST", path, edit.summary, handler, takes=edit.takes, gives=CorrectedOut)


OPERATIONS: Sequence[Operation] = (
    Operation("GET", STATE, "Place, people, edges and all else as it stands", show_state, gives=StateOut),
    Operation(
        "GET",
        MEMORIES,
        "One bot's memories, newest first",
        list_memories,
        gives=list[MemoryOut],
        queries=("owner", "before", "limit"),
    ),
    Operation("POST", GUEST, "Let a guest in", add_guest, takes=GuestIn, gives=CorrectedOut),
    Operation("DELETE", GUEST, "Send the guest away", remove_guest, gives=CorrectedOut),
    Operation(
        "POST",
        OPENING,
        "Agree to an opening and begin",
        confirm_opening,
        takes=Opening,
        gives=CorrectedOut,
    ),
    *(_correction(edit) for edit in EDITS),
)
