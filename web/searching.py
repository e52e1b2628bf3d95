"""Search over all chats, and the way from what was found to its place in the story."""

from typing import Any

import apsw
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store import finding, queries
from store.errors import FabulaError, Invalid
from store.finding import Found, Wanted
from web.errors import status_of, told
from web.markup import excerpt
from web.models import MAX_ID_DIGITS, Out
from web.operation import MAX_PAGE, Operation, answer, engine_of, number
from web.templates import TEMPLATES, page

SHOWN = 20
MAX_OFFSET = 10_000
LEVELS = {1: "notable", 2: "significant", 3: "pivotal"}


class SnippetOut(Out):
    """A piece of a snippet; `hit` where it is what was looked for."""

    text: str
    hit: bool


class FoundTurnOut(Out):
    """A turn that was found. Speaker 0 is you."""

    model_config = ConfigDict(from_attributes=True)
    turn_id: int
    chat_id: int
    chat: str
    archived: bool
    speaker_id: int
    speaker: str
    significance: int | None
    hidden: bool
    recorded_at: int
    snippet: list[SnippetOut]


class SearchOut(BaseModel):
    """One page of what was found; `next` is the offset to go on from, if there is more."""

    found: list[FoundTurnOut]
    next: int | None


def wanted_of(request: Request) -> Wanted:
    """What the address asks for; an empty filter is none."""
    given = request.query_params
    return Wanted(
        text=given.get("q", "")[:1000],
        chat_id=_choice(given.get("chat", ""), "chat"),
        speaker_id=_choice(given.get("speaker", ""), "speaker"),
        significance=_choice(given.get("significance", ""), "significance"),
    )


def _choice(given: str, name: str) -> int | None:
    if not given:
        return None
    if not given.isdecimal() or len(given) > MAX_ID_DIGITS:
        raise Invalid(f"{name}: {given[:40]!r} is no whole number.", hint=f"Correct {name}, or leave it out.")
    return int(given)


def _offset(request: Request) -> int:
    return min(_choice(request.query_params.get("offset", ""), "offset") or 0, MAX_OFFSET)


def _found(db: apsw.Connection, wanted: Wanted, limit: int, offset: int) -> tuple[list[Found], int | None]:
    """A page, and where the next begins."""
    found = finding.find(db, wanted, limit=limit + 1, offset=offset)
    return found[:limit], offset + limit if len(found) > limit else None


async def search(request: Request) -> Response:
    wanted, offset = wanted_of(request), _offset(request)
    limit = min(number(request, "limit") or SHOWN, MAX_PAGE)
    found, more = await engine_of(request).store.read(lambda db: _found(db, wanted, limit, offset))
    return answer(SearchOut(found=[FoundTurnOut.model_validate(one) for one in found], next=more))


async def show_search(request: Request) -> Response:
    """The page: a question in the address, so that it can be kept, and what was found."""
    try:
        wanted, offset = wanted_of(request), _offset(request)
    except FabulaError as error:
        values = await engine_of(request).store.read(_choices)
        shown = {"wanted": Wanted(), "found": [], "asked": False, "error": told(error), "earlier": None}
        return page(request, "search.html", values | shown | {"more": None}, status=status_of(error))

    def read(db: apsw.Connection) -> dict[str, Any]:
        asked = wanted != Wanted(wanted.text) or bool(wanted.text.strip())
        found, more = _found(db, wanted, SHOWN, offset) if asked else ([], None)
        links = {"more": _again(request, more), "earlier": _again(request, offset - SHOWN)}
        return {**_choices(db), "found": found, "asked": asked, **links}

    values = await engine_of(request).store.read(read)
    return page(request, "search.html", values | {"wanted": wanted, "error": None})


def _again(request: Request, offset: int | None) -> str | None:
    """The same question from another place on; None where there is none."""
    if offset is None or offset < 0:
        return None
    return str(request.url.include_query_params(offset=offset).replace(scheme="", netloc=""))


def _choices(db: apsw.Connection) -> dict[str, Any]:
    return {"chats": queries.chats(db), "speakers": finding.speakers(db), "levels": LEVELS}


def _excerpt(one: Found) -> Markup:
    return Markup(excerpt(one.text, one.begin, one.end, one.hits))  # noqa: S704 - sanitised by web.markup


TEMPLATES.env.filters["excerpt"] = _excerpt
OPERATIONS = (
    Operation(
        "GET",
        "/api/search",
        "Turns of all chats by their words",
        search,
        gives=SearchOut,
        queries=("q", "chat", "speaker", "significance", "offset", "limit"),
    ),
)


def routes() -> list[Route]:
    return [Route("/search", show_search)]
