"""The drawer of a chat: how things stand, piece by piece, and the forms that set them right.

Each piece has an address of its own, so that a script can fetch and replace it alone; without scripts the
drawer is a page, and a form leads back to it.
"""

from typing import Any

import apsw
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from store import memories, queries, views
from store.courses import courses
from store.errors import Conflict, FabulaError, NotFound
from store.views import Bot
from web.edits import EDITS, GUEST_EDITS, Edit
from web.errors import invalid, status_of, told
from web.graph import edge_graph, signed, sparkline, tone
from web.models_state import MemoryOut, StateOut
from web.operation import Handler, engine_of, number, piecewise
from web.state import memories_of, names_of, state_of
from web.templates import page
from web.typed import Typed, fields_of, typed_texts

PARTS = ("scene", "people", "edges", "memories", "note")
MEMORIES = 10
MANY_MEMORIES = 40
HOWS = ("witnessed", "told", "overheard", "read", "inferred", "digest")


def _read(db: apsw.Connection, chat_id: int, parts: tuple[str, ...], only: int | None) -> dict[str, Any]:
    """What the templates need; `only` is the one owner whose memories are to be shown."""
    state = state_of(db, chat_id, courses(db, chat_id) if "edges" in parts else {})
    remembered = state.remembering if "memories" in parts else []
    owners = [one for one in remembered if only is None or one.id == only]
    return {
        "state": state,
        "parts": parts,
        "guests": _possible_guests(db, state) if "people" in parts else [],
        "memories": {one.id: memories_of(db, chat_id, one.id, None, MEMORIES) for one in owners},
        "page_size": MEMORIES,
        **_shared(db, chat_id),
    }


def _shared(db: apsw.Connection, chat_id: int) -> dict[str, Any]:
    chat = views.chat(db, chat_id)
    names = names_of(db, chat, memories.owners(db, chat_id))
    return {
        "chat": chat,
        "names": names,
        "hows": HOWS,
        "graph": edge_graph,
        "spark": sparkline,
        "tone": tone,
        "signed": signed,
    }


def _possible_guests(db: apsw.Connection, state: StateOut) -> list[Bot]:
    present = {one.id for one in state.present}
    return [bot for bot in queries.bots(db) if bot.id not in present]


async def show(request: Request) -> Response:
    """The whole drawer as a page, or with `?bare` as a piece of one."""
    return await _shown(request, PARTS, Typed())


async def show_part(request: Request) -> Response:
    part = request.path_params["part"]
    if part not in PARTS:
        raise NotFound(f"The drawer has no part {part[:40]!r}.", hint=f"It has {', '.join(PARTS)}.")
    return await _shown(request, (part,), Typed())


async def _shown(request: Request, parts: tuple[str, ...], typed: Typed, status: int = 200) -> Response:
    chat_id = request.path_params["chat_id"]
    values = await engine_of(request).store.read(lambda db: _read(db, chat_id, parts, None))
    name = "drawer/parts.html" if piecewise(request) else "drawer/page.html"
    return page(request, name, values | {"typed": typed}, status=status)


async def older_memories(request: Request) -> Response:
    """The next page of one owner's memories."""
    chat_id, owner_id = request.path_params["chat_id"], request.path_params["owner_id"]
    before = number(request, "before")

    def read(db: apsw.Connection) -> dict[str, Any]:
        found = memories_of(db, chat_id, owner_id, before, MANY_MEMORIES)
        return {"found": found, "owner_id": owner_id, "page_size": MANY_MEMORIES, **_shared(db, chat_id)}

    values = await engine_of(request).store.read(read)
    name = "drawer/older.html" if piecewise(request) else "drawer/older_page.html"
    return page(request, name, values | {"typed": Typed(), "paged": True})


async def _one_memory(request: Request, typed: Typed, status: int = 200) -> Response:
    memory_id = typed.id("memory_id")
    chat_id = request.path_params["chat_id"]

    def read(db: apsw.Connection) -> dict[str, Any]:
        memory = memories.memory(db, memory_id)
        if memory.chat_id != chat_id:
            raise NotFound(f"There is no memory {memory_id} in this chat.")
        shown = MemoryOut.model_validate(memory)
        return {"found": [shown], "owner_id": memory.owner_id, "page_size": 0, **_shared(db, chat_id)}

    values = await engine_of(request).store.read(read)
    name = "drawer/older.html" if piecewise(request) else "drawer/older_page.html"
    return page(request, name, values | {"typed": typed, "paged": False}, status=status)


def _form(edit: Edit) -> Handler:
    """Take one form: done, its piece is shown as it now stands; wrong, with what was typed and why not."""

    async def submit(request: Request) -> Response:
        texts = await typed_texts(request)
        chat_id = request.path_params["chat_id"]
        try:
            wanted = edit.takes.model_validate(fields_of(texts, edit.takes))
            await edit.apply(engine_of(request), chat_id, wanted)
        except (ValidationError, FabulaError) as error:
            problem = invalid(error) if isinstance(error, ValidationError) else error
            typed = Typed(texts, told(problem), isinstance(problem, Conflict))
            return await _again(request, edit, typed, status_of(problem))
        if not piecewise(request):
            anchor = "memories" if edit.part == "memory" else edit.part
            return RedirectResponse(f"/chats/{chat_id}/drawer#part-{anchor}", status_code=303)
        return await _again(request, edit, Typed({"memory_id": texts.get("memory_id", [])}), 200)

    return submit


async def _again(request: Request, edit: Edit, typed: Typed, status: int) -> Response:
    views.chat(engine_of(request).store.hot, request.path_params["chat_id"])
    if edit.part == "memory":
        return await _one_memory(request, typed, status)
    parts = (edit.part,) if piecewise(request) else PARTS
    return await _shown(request, parts, typed, status)


def routes() -> list[Route]:
    drawer = "/chats/{chat_id:id}/drawer"
    return [
        Route(drawer, show),
        Route(f"{drawer}/memories/{{owner_id:id}}", older_memories),
        *(Route(f"{drawer}/{edit.name}", _form(edit), methods=["POST"]) for edit in (*EDITS, *GUEST_EDITS)),
        Route(f"{drawer}/{{part}}", show_part),
    ]
