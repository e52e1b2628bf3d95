"""Long work over JSON: how far it is, how much it would be, begun and cancelled."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from pipeline.replaying import Replay
from store.events import MAX_NAME_CHARS
from web.models import CountOut, Id, IdOut, Out
from web.operation import Operation, answer, body, engine_of


class ReembedIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    embedder: str = Field(default="", max_length=200, description="bundled, or an endpoint of config.toml")
    afresh: bool = Field(default=False, description="Also what has a vector of this model")


class ReplayIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stage: str = Field(max_length=MAX_NAME_CHARS)
    chat_id: Id
    first: Id | None = Field(default=None, description="The first event; the oldest if left out")
    last: Id | None = Field(default=None, description="The last event; the newest if left out")

    def replay(self) -> Replay:
        return Replay(self.stage, self.chat_id, self.first, self.last)


class WorkOut(Out):
    """A piece of long work; `total` is 0 while nobody knows how much it is."""

    id: int
    kind: str
    asked: dict[str, Any]
    state: str
    done: int
    total: int
    outcome: str
    hint: str
    began_at: int
    ended_at: int | None


class EstimateOut(Out):
    embedder: str
    model: str
    answering: str = Field(description="The model by which memories are found now; empty: by none")
    texts: int
    cached: int
    lacking: int
    sampled: int
    seconds: float | None = Field(description="About how long it takes; null where nothing is to be done")


class PlannedOut(Out):
    event_id: int
    event: str
    text: str
    generation: int
    supersedes: int = Field(description="Events of the earlier outcome whose place would be taken")
    busy: bool = Field(description="The stage is still to answer it, and it is left to that run")


async def list_work(request: Request) -> Response:
    return answer(engine_of(request).longwork.shown(), list[WorkOut])


async def estimate_reembedding(request: Request) -> Response:
    asked = await body(request, ReembedIn)
    return answer(
        await engine_of(request).longwork.estimate(asked.embedder, afresh=asked.afresh), EstimateOut
    )


async def begin_reembedding(request: Request) -> Response:
    asked = await body(request, ReembedIn)
    begun = await engine_of(request).longwork.reembed(asked.embedder, afresh=asked.afresh)
    return answer(IdOut(id=begun), status=202)


async def plan_replay(request: Request) -> Response:
    asked = await body(request, ReplayIn)
    return answer(await engine_of(request).longwork.planned(asked.replay()), list[PlannedOut])


async def begin_replay(request: Request) -> Response:
    asked = await body(request, ReplayIn)
    return answer(IdOut(id=await engine_of(request).longwork.replay(asked.replay())), status=202)


async def begin_check(request: Request) -> Response:
    return answer(IdOut(id=await engine_of(request).longwork.check()), status=202)


async def cancel_work(request: Request) -> Response:
    asked = await engine_of(request).longwork.cancel(request.path_params["work_id"])
    return answer(CountOut(changed=int(asked)))


OPERATIONS = (
    Operation("GET", "/api/work", "Long work, the newest first", list_work, gives=list[WorkOut]),
    Operation(
        "POST",
        "/api/work/reembed/estimate",
        "How much re-embedding would be; a few texts are embedded to measure it",
        estimate_reembedding,
        takes=ReembedIn,
        gives=EstimateOut,
    ),
    Operation(
        "POST",
        "/api/work/reembed",
        "Embed everything with one model, by which memories are found when it is done",
        begin_reembedding,
        202,
        takes=ReembedIn,
        gives=IdOut,
    ),
    Operation(
        "POST",
        "/api/work/replay/plan",
        "What a replay would do, event by event",
        plan_replay,
        takes=ReplayIn,
        gives=list[PlannedOut],
    ),
    Operation(
        "POST",
        "/api/work/replay",
        "Run a stage again over a chat",
        begin_replay,
        202,
        takes=ReplayIn,
        gives=IdOut,
    ),
    Operation(
        "POST",
        "/api/work/check",
        "Compare the projections with a fold of the log",
        begin_check,
        202,
        gives=IdOut,
    ),
    Operation(
        "POST",
        "/api/work/{work_id}/cancel",
        "Ask for the end of a piece of work; 0 when it is over",
        cancel_work,
        gives=CountOut,
    ),
)
