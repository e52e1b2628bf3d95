"""Runs as pages: the list with its filters, one run with all that is known of it, and what came of an event.

What can be done to runs is done to one, or to everything that a filter leaves; that is counted and asked
about first.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import apsw
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.desk import DEEDS
from store import account, attempts, descent, live, log, queries, views
from store.errors import Conflict, ErrorClass, FabulaError, Invalid, NotFound
from store.events import Event
from store.ledger import STATES
from store.queries import Run
from store.replays import SET_ASIDE
from store.selection import Selection
from web.api_desk import run_named, selection_of
from web.errors import status_of, told
from web.models import MAX_ID_DIGITS
from web.operation import engine_of, number, piecewise
from web.templates import page
from web.typed import Typed, typed_texts

PAGE = 50
SETTLED = ("done", "dead", "cancelled")
WORDS = {
    "retry": ("Try again", "will be tried again"),
    "discard": ("Discard", "discarded"),
    "replay": ("Replay", "will be replayed"),
}
"""What a person presses, and what is said of so many runs afterwards."""


async def show_list(request: Request) -> Response:
    selected, before = selection_of(request), number(request, "before")
    store = engine_of(request).store

    def read(db: apsw.Connection) -> dict[str, Any]:
        found = queries.runs(db, selected, before=before, limit=PAGE + 1)
        return {
            "runs": found[:PAGE],
            "older": found[PAGE - 1].id if len(found) > PAGE else None,
            "chats": _titles(db, [run.chat_id for run in found]),
            "all_chats": [] if piecewise(request) else queries.chats(db),
        }

    values = await store.read(read)
    names = list(engine_of(request).pipeline.stages)
    values |= {"selected": selected, "query": query_of(selected), "before": before, "now": store.clock()}
    values |= {
        "stages": names,
        "states": STATES,
        "classes": [one.value for one in ErrorClass],
        "words": WORDS,
    }
    values["said"] = _told_of(request)
    return page(request, "desk/rows.html" if piecewise(request) else "desk/runs.html", values)


def query_of(selected: Selection) -> str:
    """The selection as it stands in an address."""
    given = {
        "stage": selected.stage,
        "state": selected.state,
        "chat": selected.chat_id,
        "error": selected.error_class,
    }
    return urlencode({name: value for name, value in given.items() if value is not None})


def _titles(db: apsw.Connection, chat_ids: list[int]) -> dict[int, str]:
    titles = {}
    for chat_id in set(chat_ids) - {0}:
        try:
            titles[chat_id] = views.chat(db, chat_id).title
        except NotFound:
            titles[chat_id] = f"chat {chat_id}"
    return titles


async def show_run(request: Request) -> Response:
    """A page that shows what a script has already seen is not sent again."""
    return await _shown_run(request, Typed())


async def _shown_run(request: Request, typed: Typed, status: int = 200) -> Response:
    engine = engine_of(request)
    run_id = request.path_params["run_id"]
    if piecewise(request) and request.query_params.get("seen") == _seen(run_named(engine.store.hot, run_id)):
        return Response(status_code=204)
    values = await engine.store.read(lambda db: _account_of(db, run_named(db, run_id)))
    values |= {"error": typed.error, "typed": typed, "now": engine.store.clock(), "words": WORDS}
    values["said"] = _told_of(request)
    values["deeds"] = [
        name
        for name, deed in DEEDS.items()
        if values["run"].state in deed.states
        and (name != "replay" or engine.pipeline.is_replayable(values["run"].stage))
    ]
    name = "desk/run_parts.html" if piecewise(request) else "desk/run.html"
    return page(request, name, values, status=status)


def _seen(run: Run) -> str:
    return f"{run.state}-{run.attempt}-{run.due}-{run.started_at}"


def _account_of(db: apsw.Connection, run: Run) -> dict[str, Any]:
    stop = attempts.stop_of(db, run.id)
    return {
        "run": run,
        "seen": _seen(run),
        "settled": run.state in SETTLED,
        "chat_title": _titles(db, [run.chat_id]).get(run.chat_id, ""),
        "trigger": shown_event(db, log.event(db, run.event_id)),
        "attempts": attempts.of_run(db, run.id),
        "events": [shown_event(db, event) for event in log.of_run(db, run.id)],
        "generations": attempts.of_same_event(db, run.stage, run.event_id),
        "interventions": account.of_run(db, run.id),
        "set_aside": stop == SET_ASIDE,
    }


def shown_event(db: apsw.Connection, event: Event[Any]) -> dict[str, Any]:
    """An event with its payload as people read JSON."""
    payload = json.dumps(event.payload.model_dump(mode="json"), indent=2, ensure_ascii=False)
    return {
        "id": event.id,
        "kind": event.kind,
        "chat_id": event.chat_id,
        "recorded_at": event.recorded_at,
        "payload": payload,
        "is_turn": event.kind in ("turn.user", "turn.assistant"),
        "counts": live.is_live(db, event.id),
    }


def _do(deed: str) -> Callable[[Request], Awaitable[Response]]:
    async def do(request: Request) -> Response:
        run_id, typed = request.path_params["run_id"], Typed(await typed_texts(request))
        try:
            changed = await engine_of(request).desk.do(deed, [run_id], typed.text("note"))
        except NotFound:
            raise
        except FabulaError as error:
            return await _shown_run(request, Typed(typed.texts, told(error)), status_of(error))
        return _said(f"/desk/runs/{run_id}", "", deed, changed)

    return do


def _said(path: str, query: str, deed: str, changed: int) -> Response:
    """Back to where it was done, which says how many it was."""
    query = "&".join(part for part in (query, urlencode({"did": deed, "runs": changed})) if part)
    return RedirectResponse(f"{path}?{query}", status_code=303)


def _told_of(request: Request) -> str:
    """In our own words: an address cannot make a page say anything else."""
    deed, runs = request.query_params.get("did", ""), request.query_params.get("runs", "")
    if deed not in WORDS or not runs.isdecimal() or len(runs) > MAX_ID_DIGITS:
        return ""
    return f"{int(runs)} run{'' if int(runs) == 1 else 's'} {WORDS[deed][1]}."


async def ask_bulk(request: Request) -> Response:
    """How many it would be, before anything is done."""
    return await _asked(request, request.query_params.get("deed", ""), selection_of(request), Typed())


async def _asked(
    request: Request, deed: str, selected: Selection, typed: Typed, status: int = 200
) -> Response:
    if deed not in DEEDS:
        raise Invalid(f"deed: {deed[:40]!r} is none.", hint=f"It is one of {', '.join(DEEDS)}.")
    total = await engine_of(request).desk.count(deed, selected)
    title = ""
    if selected.chat_id is not None:
        title = views.chat(engine_of(request).store.hot, selected.chat_id).title
    values = {"deed": deed, "selected": selected, "query": query_of(selected), "total": total}
    values |= {"typed": typed, "error": typed.error, "chat_title": title, "words": WORDS}
    return page(request, "desk/bulk.html", values, status=status)


async def do_bulk(request: Request) -> Response:
    typed = Typed(await typed_texts(request))
    deed, total, selected = typed.text("deed"), typed.text("total"), selection_of(request)
    if deed not in DEEDS or not total.isdecimal() or len(total) > MAX_ID_DIGITS:
        return await _asked(request, deed, selected, typed)
    try:
        changed = await engine_of(request).desk.do_to_all(deed, selected, int(total), typed.text("note"))
    except (Conflict, Invalid) as error:
        return await _asked(request, deed, selected, Typed(typed.texts, told(error)), status_of(error))
    return _said("/desk/runs", query_of(selected), deed, changed)


async def show_descent(request: Request) -> Response:
    """What came of an event, as a tree."""
    event_id = request.path_params["event_id"]

    def read(db: apsw.Connection) -> dict[str, Any]:
        found = descent.of_event(db, event_id)
        chat_id = found.root.chat_id
        return {
            "descent": found,
            "chat_title": _titles(db, [chat_id or 0]).get(chat_id or 0, ""),
            "root": shown_event(db, log.event(db, event_id)),
        }

    return page(request, "desk/descent.html", await engine_of(request).store.read(read))


def routes() -> list[Route]:
    return [
        Route("/desk/runs", show_list),
        Route("/desk/runs/bulk", ask_bulk),
        Route("/desk/runs/bulk", do_bulk, methods=["POST"]),
        Route("/desk/runs/{run_id:id}", show_run),
        *(Route(f"/desk/runs/{{run_id:id}}/{deed}", _do(deed), methods=["POST"]) for deed in DEEDS),
        Route("/desk/events/{event_id:id}", show_descent),
    ]
