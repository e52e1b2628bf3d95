"""The desk as a page: how every stage stands, and the switch that pauses it.

With scripts it looks again every few seconds; the piece that is fetched is the page's own.
"""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.stage import Pipeline
from store import account
from store.figures import Figures, Standing, percentile
from web import desk_charts as charts
from web.api_desk import figures_of
from web.operation import engine_of, piecewise
from web.templates import TEMPLATES, page
from web.typed import Typed, typed_texts

SHOWN_ACTS = 8
WORDS = {
    "addressee": "who answers a turn",
    "narrate": "writes the reply",
    "interjection": "whether the other one breaks in",
    "remember": "what everyone there keeps of a turn",
    "significance": "how much a turn matters",
    "edges": "how they see each other",
    "activities": "what everyone does, feels and holds",
    "plot": "whether story events begin or end",
    "scene": "whether another scene begins",
    "summarize": "what each keeps of a scene that is over",
    "introduce": "what host and guest are to each other",
    "kickoff": "reads the opening of a chat",
    "embed": "lets memories be found by meaning",
    "auto": "lets the bots go on by themselves",
    "skip": "makes time pass",
    "landing": "what they did while time passed",
    "digest": "what you learn of a scene without you",
}
"""What a stage is for, to whoever has never read of it."""

TEMPLATES.env.filters["span"] = charts.span
TEMPLATES.env.filters["size"] = charts.size


@dataclass(frozen=True, slots=True)
class Row:
    """A stage as the page shows it."""

    one: Standing
    in_play: bool
    known: bool
    words: str
    wait: tuple[int | None, int | None]
    time: tuple[int | None, int | None]


async def show(request: Request) -> Response:
    found = await figures_of(request)
    engine = engine_of(request)
    acts = await engine.store.read(lambda db: account.newest(db, SHOWN_ACTS))
    values = _shown(found, engine.pipeline) | {"acts": acts}
    return page(request, "desk/standing.html" if piecewise(request) else "desk/desk.html", values)


def _shown(found: Figures, pipeline: Pipeline) -> dict[str, Any]:
    return {
        "rows": [_row(one, pipeline) for one in found.stages],
        "health": found.health,
        "cut": found.cut,
        "now": found.now,
        "charts": charts,
    }


def _row(one: Standing, pipeline: Pipeline) -> Row:
    return Row(
        one,
        in_play=pipeline.is_play(one.stage),
        known=one.stage in pipeline.stages,
        words=WORDS.get(one.stage, ""),
        wait=(percentile(one.waits, 50), percentile(one.waits, 95)),
        time=(percentile(one.times, 50), percentile(one.times, 95)),
    )


async def pause(request: Request) -> Response:
    await engine_of(request).desk.pause(request.path_params["stage"], await _note(request))
    return _back(request)


async def resume(request: Request) -> Response:
    await engine_of(request).desk.resume(request.path_params["stage"], await _note(request))
    return _back(request)


async def _note(request: Request) -> str:
    return Typed(await typed_texts(request)).text("note")


def _back(request: Request) -> Response:
    return RedirectResponse(f"/desk#stage-{request.path_params['stage']}", status_code=303)


def routes() -> list[Route]:
    return [
        Route("/desk", show),
        Route("/desk/stages/{stage}/pause", pause, methods=["POST"]),
        Route("/desk/stages/{stage}/resume", resume, methods=["POST"]),
    ]
