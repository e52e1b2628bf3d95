"""The prompt inspector: what a reply was told with, alone or beside another alternative of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apsw
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.estimate import parts_of
from pipeline.inspection import InspectedBlock, Inspection, inspect
from pipeline.prompt.sent import SentPiece
from store import live, memories, views
from web.bars import token_bar
from web.operation import Operation, answer, engine_of, number
from web.state import names_of
from web.templates import page

PROMPT = "/api/chats/{chat_id}/turns/{turn_id}/prompt"


@dataclass(frozen=True)
class ShownPiece:
    """A piece on the page; `alone` where the other alternative's prompt did not have it."""

    piece: SentPiece
    alone: bool


async def show_prompt(request: Request) -> Response:
    chat_id, turn_id = request.path_params["chat_id"], request.path_params["turn_id"]
    return answer(await engine_of(request).store.read(lambda db: inspect(db, turn_id, chat_id)), Inspection)


async def inspected(request: Request) -> Response:
    """The account as a page; with `?beside=` two of them next to each other."""
    chat_id, turn_id = request.path_params["chat_id"], request.path_params["turn_id"]
    beside = number(request, "beside")
    values = await engine_of(request).store.read(lambda db: _read(db, chat_id, turn_id, beside))
    return page(request, "inspector.html", values)


def _read(db: apsw.Connection, chat_id: int, turn_id: int, beside: int | None) -> dict[str, Any]:
    chat = views.chat(db, chat_id)
    told = [inspect(db, one, chat_id) for one in (turn_id, beside) if one is not None]
    return {
        "chat": chat,
        "told": told,
        "names": names_of(db, chat, sorted({told[0].speaker_id, *memories.owners(db, chat_id)})),
        "others": [one for one in _alternatives(db, chat_id, turn_id) if one != turn_id],
        "all": _alternatives(db, chat_id, turn_id),
        "bars": [_bar(one) for one in told],
        "rows": _rows(told),
        "pieces": [_pieces(one, told) for one in told],
        "blocks": _names([block for block in one.blocks if block.pieces] for one in told),
    }


def _alternatives(db: apsw.Connection, chat_id: int, turn_id: int) -> list[int]:
    """All that were told in this reply's place, shown or not, the first one first."""
    firsts = live.first_alternatives(db, chat_id)
    first = firsts.get(turn_id, turn_id)
    return [first, *(one for one, begun in firsts.items() if begun == first)]


def _bar(one: Inspection) -> object:
    parts = parts_of(one.blocks, one.total)
    window = one.context_tokens or one.hard + one.response
    listed = ", ".join(f"{name} {tokens}" for name, tokens in parts.items())
    told = f"Tokens: {listed}; {one.response} for the reply, of {window}."
    return token_bar(parts, one.response, window, told)


def _names(blocks: Iterable[Iterable[InspectedBlock]]) -> list[str]:
    return list(dict.fromkeys(block.name for some in blocks for block in some))


def _rows(told: list[Inspection]) -> list[tuple[str, list[InspectedBlock | None]]]:
    """Block by block, in all that are compared."""
    by_name = [{block.name: block for block in one.blocks} for one in told]
    return [(name, [some.get(name) for some in by_name]) for name in _names(one.blocks for one in told)]


def _pieces(one: Inspection, told: list[Inspection]) -> dict[str, list[ShownPiece]]:
    others = [other for other in told if other is not one]
    shown = {}
    for block in one.blocks:
        known = {
            piece.text
            for other in others
            for same in other.blocks
            if same.name == block.name
            for piece in same.pieces
        }
        shown[block.name] = [
            ShownPiece(piece, bool(others) and piece.text not in known) for piece in block.pieces
        ]
    return shown


OPERATIONS = (Operation("GET", PROMPT, "What a reply was told with, and why", show_prompt, gives=Inspection),)


def routes() -> list[Route]:
    return [Route("/chats/{chat_id:id}/turns/{turn_id:id}/prompt", inspected)]
