"""The JSON interface to stages and runs: what the desk shows and does."""

from collections.abc import Awaitable, Callable, Sequence

import apsw
from starlette.requests import Request
from starlette.responses import Response

from store import account, attempts, descent, figures, log, queries
from store.errors import NotFound
from store.figures import Figures, Standing, percentile
from store.queries import Run
from store.selection import Selection
from web.models import CountOut, RunOut
from web.models_desk import (
    AttemptOut,
    BulkIn,
    BulkOut,
    DescentOut,
    DeskOut,
    HealthOfQueueOut,
    InterventionOut,
    NoteIn,
    RecordedOut,
    RunPageOut,
    StageOut,
)
from web.operation import MAX_PAGE, Operation, answer, body, engine_of, number


async def figures_of(request: Request) -> Figures:
    engine = engine_of(request)
    store, names = engine.store, tuple(engine.pipeline.stages)
    return await store.read(lambda db: figures.of_hour(db, store.path, names, now=store.clock()))


async def show_desk(request: Request) -> Response:
    found = await figures_of(request)
    stages = [_stage_out(one) for one in found.stages]
    health = HealthOfQueueOut.model_validate(found.health)
    return answer(DeskOut(now=found.now, cut=found.cut, stages=stages, health=health))


def _stage_out(one: Standing) -> StageOut:
    return StageOut(
        stage=one.stage,
        paused=one.paused,
        waiting=one.waiting,
        running=one.running,
        backoff=one.backoff,
        dead=one.dead,
        done=one.done,
        failed=one.failed,
        wait_p50=percentile(one.waits, 50),
        wait_p95=percentile(one.waits, 95),
        run_p50=percentile(one.times, 50),
        run_p95=percentile(one.times, 95),
        oldest_at=one.oldest_at,
    )


async def pause(request: Request) -> Response:
    changed = await engine_of(request).desk.pause(request.path_params["stage"], await _note(request))
    return answer(CountOut(changed=int(changed)))


async def resume(request: Request) -> Response:
    changed = await engine_of(request).desk.resume(request.path_params["stage"], await _note(request))
    return answer(CountOut(changed=int(changed)))


async def _note(request: Request) -> str:
    """The body may be left out: a button without a field for it sends none."""
    return (await body(request, NoteIn)).note if await request.body() else ""


def selection_of(request: Request) -> Selection:
    """The runs that an address asks for; a field that was left empty is not asked for."""
    stage, state, error = (request.query_params.get(name) or None for name in ("stage", "state", "error"))
    chat_id = number(request, "chat") if request.query_params.get("chat") else None
    return Selection(stage, state, chat_id, error)


async def list_runs(request: Request) -> Response:
    selected, before = selection_of(request), number(request, "before")
    limit = min(number(request, "limit") or MAX_PAGE, MAX_PAGE)
    found = await engine_of(request).store.read(
        lambda db: queries.runs(db, selected, before=before, limit=limit)
    )
    return answer(found, list[RunOut])


def run_named(db: apsw.Connection, run_id: int) -> Run:
    found = queries.run(db, run_id)
    if found is None:
        raise NotFound(f"There is no run {run_id}.", hint="The desk lists them.")
    return found


async def show_run(request: Request) -> Response:
    run_id = request.path_params["run_id"]

    def read(db: apsw.Connection) -> RunPageOut:
        run = run_named(db, run_id)
        return RunPageOut(
            run=RunOut.model_validate(run),
            trigger=RecordedOut.model_validate(descent.recorded(db, run.event_id)),
            attempts=[AttemptOut.model_validate(one) for one in attempts.of_run(db, run_id)],
            events=[
                RecordedOut.model_validate(descent.recorded(db, event.id)) for event in log.of_run(db, run_id)
            ],
            interventions=[InterventionOut.model_validate(one) for one in account.of_run(db, run_id)],
        )

    return answer(await engine_of(request).store.read(read))


def _do(deed: str) -> Callable[[Request], Awaitable[Response]]:
    async def do(request: Request) -> Response:
        note = await _note(request)
        changed = await engine_of(request).desk.do(deed, [request.path_params["run_id"]], note)
        return answer(CountOut(changed=changed))

    do.__name__ = f"{deed}_run"
    return do


async def in_bulk(request: Request) -> Response:
    """Without a total it is only counted."""
    wanted, desk = await body(request, BulkIn), engine_of(request).desk
    selected = Selection(wanted.stage, wanted.state, wanted.chat_id, wanted.error)
    if wanted.total is None:
        return answer(BulkOut(total=await desk.count(wanted.deed, selected), done=False))
    changed = await desk.do_to_all(wanted.deed, selected, wanted.total, wanted.note)
    return answer(BulkOut(total=changed, done=True))


async def list_account(request: Request) -> Response:
    limit = min(number(request, "limit") or MAX_PAGE, MAX_PAGE)
    found = await engine_of(request).store.read(lambda db: account.newest(db, limit))
    return answer(found, list[InterventionOut])


async def show_descent(request: Request) -> Response:
    event_id = request.path_params["event_id"]
    return answer(await engine_of(request).store.read(lambda db: descent.of_event(db, event_id)), DescentOut)


RUN = "/api/runs/{run_id}"
OPERATIONS: Sequence[Operation] = (
    Operation("GET", "/api/desk", "How every stage stands, and the queue itself", show_desk, gives=DeskOut),
    Operation(
        "POST",
        "/api/stages/{stage}/pause",
        "Let a stage start no more runs, in any process",
        pause,
        takes=NoteIn,
        gives=CountOut,
    ),
    Operation("POST", "/api/stages/{stage}/resume", "Let it go on", resume, takes=NoteIn, gives=CountOut),
    Operation(
        "GET",
        "/api/runs",
        "Runs, newest first",
        list_runs,
        gives=list[RunOut],
        queries=("state", "stage", "chat", "error", "before", "limit"),
    ),
    Operation("GET", RUN, "One run with its attempts, and what it recorded", show_run, gives=RunPageOut),
    Operation("POST", f"{RUN}/retry", "Try a run again", _do("retry"), takes=NoteIn, gives=CountOut),
    Operation("POST", f"{RUN}/discard", "Give a run up", _do("discard"), takes=NoteIn, gives=CountOut),
    Operation(
        "POST",
        f"{RUN}/replay",
        "Run the stage again for what this run has answered",
        _do("replay"),
        takes=NoteIn,
        gives=CountOut,
    ),
    Operation(
        "POST",
        "/api/runs/bulk",
        "Retry, discard or replay whatever is selected; first count it, by leaving out the total",
        in_bulk,
        takes=BulkIn,
        gives=BulkOut,
    ),
    Operation(
        "GET",
        "/api/account",
        "What people did to stages and runs, newest first",
        list_account,
        gives=list[InterventionOut],
        queries=("limit",),
    ),
    Operation(
        "GET",
        "/api/events/{event_id}/descent",
        "Everything that came of an event, with the runs that made it",
        show_descent,
        gives=DescentOut,
    ),
)
