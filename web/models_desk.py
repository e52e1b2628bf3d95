"""What the JSON interface takes and gives about stages and runs."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from store.account import MAX_NOTE_CHARS
from store.events import Name
from web.models import MAX_ID, Out, RunOut

Deed = Literal["retry", "discard", "replay"]
Note = Field(default="", max_length=MAX_NOTE_CHARS, description="Why; kept in the account")


class StageOut(BaseModel):
    """Figures are of the last hour, times in ms; null where there was nothing to measure."""

    stage: str
    paused: bool
    waiting: int
    running: int
    backoff: int
    dead: int
    done: int
    failed: int = Field(description="Attempts that failed")
    wait_p50: int | None
    wait_p95: int | None
    run_p50: int | None
    run_p95: int | None
    oldest_at: int | None = Field(description="When the oldest open run was enqueued; UTC, milliseconds")


class HealthOfQueueOut(Out):
    leases_expired: int = Field(description="Processes that stopped moving, and whose runs were taken back")
    processes_lost: int = Field(description="Processes that ended without a word")
    runs_taken_back: int
    taken_back_this_hour: int
    events: list[int] = Field(description="Events recorded in each minute of the last hour, the oldest first")
    database: int = Field(description="Bytes, as all sizes")
    wal: int
    disk_left: int
    disk: int


class DeskOut(BaseModel):
    now: int
    cut: bool = Field(description="The hour had more attempts than are counted: the newest are")
    stages: list[StageOut]
    health: HealthOfQueueOut


class NoteIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    note: str = Note


class SelectionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stage: Name | None = None
    state: str | None = None
    chat_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    error: str | None = Field(default=None, description="An error class that an attempt failed with")


class BulkIn(SelectionIn):
    deed: Deed
    total: int | None = Field(
        default=None, ge=0, description="What was counted; refused when it is more. Left out: only count"
    )
    note: str = Note


class BulkOut(BaseModel):
    total: int = Field(description="How many runs it would be done to, or was")
    done: bool


class InterventionOut(Out):
    id: int
    act: str
    stage: str | None
    chat_id: int | None
    note: str
    at: int
    runs: int


class AttemptOut(Out):
    token: int
    started_at: int
    finished_at: int | None
    outcome: str | None
    error_class: str | None
    error: dict[str, str] | None
    requests: list[dict[str, Any]] = Field(description="What a model was asked, while it is kept")
    answers: list[list[str]] = Field(description="To each request, the answers as they came")
    figures: dict[str, Any]


class RecordedOut(Out):
    id: int
    kind: str
    told: str = Field(description="The beginning of what it says")
    counts: bool
    run_id: int | None


class RunPageOut(BaseModel):
    run: RunOut
    trigger: RecordedOut
    attempts: list[AttemptOut]
    events: list[RecordedOut]
    interventions: list[InterventionOut]


class RanOut(Out):
    id: int
    stage: str
    generation: int
    state: str
    events: list["NodeOut"]


class NodeOut(RecordedOut):
    runs: list[RanOut]
    by_hand: list["NodeOut"]


class DescentOut(Out):
    root: NodeOut
    causes: list[RecordedOut]
    size: int
    cut: bool
