"""The JSON interface to the plot: story events and threads."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pipeline.plot.board import Board, board
from store.events import StoryPlan, ThreadUpdated
from web.models import IdOut
from web.models_plot import (
    CancelIn,
    CompleteIn,
    PlanEditIn,
    StoryOut,
    ThreadCloseIn,
    ThreadEditIn,
    ThreadIn,
)
from web.models_state import CorrectedOut
from web.operation import Operation, answer, body, engine_of

CHAT = "/api/chats/{chat_id}"
EVENTS = CHAT + "/story-events"
EVENT = EVENTS + "/{story_event_id}"
THREADS = CHAT + "/threads"
THREAD = THREADS + "/{thread_id}"


def story_out(found: Board) -> dict[str, Any]:
    """A board as the interface gives it."""
    events = [
        asdict(one)
        | {
            "plan": one.plan,
            "held": [{"prop": prop, "by": by} for prop, by in found.held.get(one.id, {}).items()],
        }
        for one in found.story_events
    ]
    threads = [
        asdict(one) | {"open": one.closed_by is None, "stale_minutes": found.stale_minutes(one)}
        for one in found.threads
    ]
    return {"clock": found.clock, "story_events": events, "threads": threads}


async def show_story(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]
    found = await engine_of(request).store.read(lambda db: board(db, chat_id))
    return answer(story_out(found), StoryOut)


async def plan_story_event(request: Request) -> Response:
    plan, chat_id = await body(request, StoryPlan), request.path_params["chat_id"]
    return answer(IdOut(id=await engine_of(request).plotting.plan(chat_id, plan)), status=201)


def _event(request: Request) -> tuple[int, int]:
    return request.path_params["chat_id"], request.path_params["story_event_id"]


async def edit_story_event(request: Request) -> Response:
    wanted = await body(request, PlanEditIn)
    plan = StoryPlan.model_validate(wanted.model_dump(exclude={"seen"}))
    edited = await engine_of(request).plotting.edit(*_event(request), plan, seen=wanted.seen)
    return answer(CorrectedOut(event_id=edited))


async def start_story_event(request: Request) -> Response:
    return answer(CorrectedOut(event_id=await engine_of(request).plotting.start(*_event(request))))


async def complete_story_event(request: Request) -> Response:
    wanted = await body(request, CompleteIn)
    completed = await engine_of(request).plotting.complete(
        *_event(request),
        gist=wanted.gist,
        effects=wanted.effects,
        keeps={one.prop: one.by for one in wanted.keeps},
    )
    return answer(CorrectedOut(event_id=completed))


async def cancel_story_event(request: Request) -> Response:
    wanted = await body(request, CancelIn)
    cancelled = await engine_of(request).plotting.cancel(*_event(request), wanted.reason)
    return answer(CorrectedOut(event_id=cancelled))


async def open_thread(request: Request) -> Response:
    wanted, chat_id = await body(request, ThreadIn), request.path_params["chat_id"]
    opened = await engine_of(request).plotting.open_thread(
        chat_id, wanted.title, wanted.summary, wanted.known_to
    )
    return answer(IdOut(id=opened), status=201)


async def edit_thread(request: Request) -> Response:
    wanted = await body(request, ThreadEditIn)
    thread_id = request.path_params["thread_id"]
    told = ThreadUpdated(thread_id=thread_id, **wanted.model_dump(exclude={"seen"}))
    edited = await engine_of(request).plotting.edit_thread(
        request.path_params["chat_id"], told, seen=wanted.seen
    )
    return answer(CorrectedOut(event_id=edited))


async def close_thread(request: Request) -> Response:
    wanted = await body(request, ThreadCloseIn)
    chat_id, thread_id = request.path_params["chat_id"], request.path_params["thread_id"]
    closed = await engine_of(request).plotting.close_thread(chat_id, thread_id, wanted.resolution)
    return answer(CorrectedOut(event_id=closed))


OPERATIONS: Sequence[Operation] = (
    Operation(
        "GET",
        CHAT + "/story",
        "The clock, the story events and the threads of a chat",
        show_story,
        gives=StoryOut,
    ),
    Operation("POST", EVENTS, "Plan a story event", plan_story_event, 201, takes=StoryPlan, gives=IdOut),
    Operation(
        "POST", EVENT, "Another plan in its place", edit_story_event, takes=PlanEditIn, gives=CorrectedOut
    ),
    Operation("POST", EVENT + "/start", "Let it begin now", start_story_event, gives=CorrectedOut),
    Operation(
        "POST",
        EVENT + "/complete",
        "It is over; say what survives and who keeps its props",
        complete_story_event,
        takes=CompleteIn,
        gives=CorrectedOut,
    ),
    Operation(
        "POST",
        EVENT + "/cancel",
        "It comes to nothing",
        cancel_story_event,
        takes=CancelIn,
        gives=CorrectedOut,
    ),
    Operation("POST", THREADS, "Open a thread", open_thread, 201, takes=ThreadIn, gives=IdOut),
    Operation("POST", THREAD, "How it stands now", edit_thread, takes=ThreadEditIn, gives=CorrectedOut),
    Operation(
        "POST",
        THREAD + "/close",
        "It is settled",
        close_thread,
        takes=ThreadCloseIn,
        gives=CorrectedOut,
    ),
)
