"""Significance review: how the turns of a chat are rated, and rating them by hand, many at once."""

from typing import Annotated, Any

import apsw
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.recollections import MOST_RATED
from store import ratings, views
from store.errors import FabulaError, Invalid
from store.events import Significance
from store.ratings import UNRATED
from web.bars import distribution
from web.errors import invalid, status_of, told
from web.models import MAX_ID, CountOut, ErrorText
from web.operation import Operation, answer, body, engine_of, number
from web.state import names_of
from web.templates import page
from web.typed import typed_texts

LEVELS = {UNRATED: "not rated", 0: "routine", 1: "notable", 2: "significant", 3: "pivotal"}
SHOWN = 60
REVIEW = "/chats/{chat_id:id}/significance"


TurnId = Annotated[int, Field(ge=1, le=MAX_ID)]


class RatingIn(BaseModel):
    """Turns, and how much they matter: 0 routine, 1 notable, 2 significant, 3 pivotal."""

    model_config = ConfigDict(extra="forbid")
    turn_ids: tuple[TurnId, ...] = Field(min_length=1, max_length=MOST_RATED)
    score: Significance


class RatingsOut(BaseModel):
    """How many turns of a chat have which significance."""

    unrated: int
    routine: int
    notable: int
    significant: int
    pivotal: int


async def show_ratings(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]

    def read(db: apsw.Connection) -> RatingsOut:
        views.chat(db, chat_id)
        found = ratings.distribution(db, chat_id)
        return RatingsOut(
            unrated=found.get(None, 0),
            routine=found.get(0, 0),
            notable=found.get(1, 0),
            significant=found.get(2, 0),
            pivotal=found.get(3, 0),
        )

    return answer(await engine_of(request).store.read(read))


async def rate(request: Request) -> Response:
    wanted = await body(request, RatingIn)
    changed = await engine_of(request).recollections.rate(
        request.path_params["chat_id"], wanted.turn_ids, wanted.score
    )
    return answer(CountOut(changed=changed))


async def review(request: Request) -> Response:
    return await _review(request, None)


async def rate_by_form(request: Request) -> Response:
    """The form of the review; what was wrong comes back above the list, which stays as it was."""
    chat_id = request.path_params["chat_id"]
    texts = await typed_texts(request)
    try:
        values = {"turn_ids": [one for one in texts.get("turn_ids", []) if one], "score": _score(texts)}
        if not values["turn_ids"]:
            raise Invalid("No turn is ticked.", hint="Tick the turns that should be rated, then press again.")
        wanted = RatingIn.model_validate(values)
        await engine_of(request).recollections.rate(chat_id, wanted.turn_ids, wanted.score)
    except (ValidationError, FabulaError) as error:
        problem = invalid(error) if isinstance(error, ValidationError) else error
        return await _review(request, told(problem), status_of(problem), texts)
    return RedirectResponse(f"{request.url.path}?{request.url.query}", status_code=303)


def _score(texts: dict[str, list[str]]) -> object:
    given = "".join(texts.get("score", [])[:1])
    return int(given) if given in ("0", "1", "2", "3") else given


async def _review(
    request: Request, error: ErrorText | None, status: int = 200, texts: dict[str, list[str]] | None = None
) -> Response:
    chat_id, shown = request.path_params["chat_id"], request.query_params.get("shown", "")
    if shown not in ("", *map(str, LEVELS)):
        raise Invalid(f"shown: {shown[:40]!r} is none.", hint=f"It is one of {', '.join(map(str, LEVELS))}.")
    score = int(shown) if shown else None
    before = number(request, "before")
    values = await engine_of(request).store.read(lambda db: _read(db, chat_id, score, before))
    ticked = (texts or {}).get("turn_ids", [])
    return page(request, "significance.html", {**values, "error": error, "ticked": ticked}, status=status)


def _read(db: apsw.Connection, chat_id: int, score: int | None, before: int | None) -> dict[str, Any]:
    chat = views.chat(db, chat_id)
    counted = ratings.distribution(db, chat_id)
    rows = [(name, counted.get(None if level == UNRATED else level, 0)) for level, name in LEVELS.items()]
    turns = ratings.rated(db, chat_id, score, before=before, limit=SHOWN + 1)
    listed = ", ".join(f"{number} {name}" for name, number in rows)
    return {
        "chat": chat,
        "chart": distribution(rows, f"Turns by significance: {listed}."),
        "turns": turns[:SHOWN],
        "names": names_of(db, chat, [one.speaker_id for one in turns if one.speaker_id is not None]),
        "by_hand": ratings.by_hand(db, chat_id, [one.id for one in turns]),
        "levels": LEVELS,
        "score": score,
        "more": turns[SHOWN - 1].id if len(turns) > SHOWN else None,
    }


OPERATIONS = (
    Operation(
        "GET",
        "/api/chats/{chat_id}/significance",
        "How many turns have which significance",
        show_ratings,
        gives=RatingsOut,
    ),
    Operation(
        "POST",
        "/api/chats/{chat_id}/significance",
        "Rate turns by hand, many at once",
        rate,
        takes=RatingIn,
        gives=CountOut,
    ),
)


def routes() -> list[Route]:
    return [Route(REVIEW, review), Route(REVIEW, rate_by_form, methods=["POST"])]
