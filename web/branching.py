"""The branches of a chat as a tree, and two of them side by side."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store import history, views
from store.errors import FabulaError, Invalid
from store.history import Branch
from web.errors import invalid, status_of, told
from web.graph import signed
from web.models_state import EdgeOut, StateOut
from web.operation import engine_of, number, piecewise
from web.past import done
from web.state import state_of
from web.templates import page
from web.typed import Typed, typed_texts

BRANCHES = "/chats/{chat_id:id}/branches"


@dataclass(frozen=True)
class Row:
    """One thing in both branches; `differs` is what catches the eye."""

    what: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


def tree(branches: Sequence[Branch]) -> list[tuple[int, Branch]]:
    """The branches with how deep each stands, every one after its parent."""
    children: dict[int | None, list[Branch]] = {}
    for one in branches:
        children.setdefault(one.parent_id, []).append(one)

    def below(parent_id: int | None, depth: int) -> Iterator[tuple[int, Branch]]:
        for one in children.get(parent_id, ()):
            yield depth, one
            yield from below(one.id, depth + 1)

    return list(below(None, 0))


def compared(db: apsw.Connection, chat_id: int, one: int, other: int) -> list[Row]:
    """How a chat stands in two of its branches. Folds each of them: to be run in a thread.

    Raises:
        NotFound: the chat has no such branch.
    """
    left, right = (_stands(db, chat_id, branch_id) for branch_id in (one, other))
    return [Row(what, left.get(what, "–"), right.get(what, "–")) for what in dict.fromkeys((*left, *right))]


def _stands(db: apsw.Connection, chat_id: int, branch_id: int) -> Mapping[str, str]:
    """A branch in words, thing by thing."""
    with history.as_told_in(db, chat_id, branch_id) as folded:
        state = state_of(folded, chat_id, {})
        turns = views.chat(folded, chat_id).turns
        last = views.turns_before(folded, chat_id, None, 1)
    told = {"Turns": str(turns), "Said last": last[0].text if last else "–", **_scene(state)}
    told |= {f"{edge.observer} → {edge.target}": _edge(edge) for edge in state.edges}
    for one in state.present:
        told[f"{one.name} is doing"] = one.activity or "nothing in particular"
        told[f"{one.name} carries"] = ", ".join(one.inventory) or "nothing"
    return told


def _scene(state: StateOut) -> dict[str, str]:
    return {
        "Place": state.place.name if state.place else "not told",
        "Time": state.world.time or "not told",
        "Weather": state.world.weather or "not told",
    }


def _edge(edge: EdgeOut) -> str:
    known = len(edge.facts)
    facts = f"{known} fact{'' if known == 1 else 's'} known"
    return f"affinity {signed(edge.affinity)}, trust {signed(edge.trust)}; {facts}"


async def _panel(request: Request, typed: Typed, status: int = 200) -> Response:
    chat_id = request.path_params["chat_id"]

    def read(db: apsw.Connection) -> dict[str, Any]:
        return {"chat": views.chat(db, chat_id), "branches": tree(history.branches(db, chat_id))}

    values = await engine_of(request).store.read(read)
    return _shown(request, "past/branches.html", values | {"typed": typed, "error": typed.error}, status)


def _shown(request: Request, piece: str, values: dict[str, Any], status: int = 200) -> Response:
    name = piece if piecewise(request) else "past/page.html"
    return page(request, name, values | {"piece": piece}, status=status)


async def show(request: Request) -> Response:
    return await _panel(request, Typed())


async def compare(request: Request) -> Response:
    """Two branches side by side."""
    chat_id, one, other = request.path_params["chat_id"], number(request, "one"), number(request, "other")
    if one is None or other is None:
        raise Invalid("Two branches are needed.", hint="Choose one on each side.")

    def read(db: apsw.Connection) -> dict[str, Any]:
        chat = views.chat(db, chat_id)
        named = [history.branch(db, chat_id, branch_id) for branch_id in (one, other)]
        return {"chat": chat, "named": named, "rows": compared(db, chat_id, one, other)}

    return _shown(request, "past/compare.html", await engine_of(request).store.read(read))


def _change(act: str) -> Callable[[Request], Any]:
    async def change(request: Request) -> Response:
        chat_id, branch_id = request.path_params["chat_id"], request.path_params["branch_id"]
        texts, rewriting = await typed_texts(request), engine_of(request).rewriting
        name = Typed(texts).text("name")
        try:
            if act == "switch":
                await rewriting.switch(chat_id, branch_id)
                return done(request, "The story goes on in this branch.", f"/chats/{chat_id}")
            await rewriting.rename_branch(chat_id, branch_id, name)
        except (ValidationError, FabulaError) as error:
            problem = invalid(error) if isinstance(error, ValidationError) else error
            return await _panel(request, Typed(texts, told(problem)), status_of(problem))
        return done(request, f"The branch is called “{name.strip()}” now.", f"/chats/{chat_id}/branches")

    return change


def routes() -> list[Route]:
    return [
        Route(BRANCHES, show),
        Route(f"{BRANCHES}/compare", compare),
        *(
            Route(f"{BRANCHES}/{{branch_id:id}}/{act}", _change(act), methods=["POST"])
            for act in ("switch", "rename")
        ),
    ]
