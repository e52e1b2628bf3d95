"""What the JSON interface takes and gives about the plot."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from store.events import Effect, Name, ShortText, StoryPlan
from store.events.plot import MAX_EFFECTS, MAX_PROPS
from web.models import Id, Out
from web.models_state import ChangedBy

Known = Annotated[tuple[Id, ...], Field(max_length=20)]


class HeldOut(Out):
    prop: str
    by: tuple[int, ...]


class StoryEventOut(Out):
    id: int
    state: str = Field(description="planned, active, completed, cancelled or expired")
    plan: StoryPlan
    present: tuple[int, ...] = Field(description="Who saw it begin")
    scene_id: int | None
    started_clock: int | None = Field(description="Minutes of story time")
    ended_clock: int | None
    gist: str
    reason: str = Field(description="Why it began or ended")
    held: list[HeldOut] = Field(description="Its props that somebody holds, while it goes on")
    changed_by: ChangedBy


class ThreadOut(Out):
    id: int
    title: str
    summary: str
    known_to: tuple[int, ...]
    scene_id: int | None
    opened_clock: int
    touched_clock: int = Field(description="When it last moved, in minutes of story time")
    stale_minutes: int = Field(description="Story time since then, while it is open")
    open: bool
    resolution: str
    changed_by: ChangedBy


class StoryOut(Out):
    clock: int = Field(description="Minutes since midnight before the story's first day")
    story_events: list[StoryEventOut]
    threads: list[ThreadOut]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlanEditIn(StoryPlan):
    seen: Id = Field(description="The `changed_by` of what you saw; a later change is a conflict")


class KeepIn(_In):
    prop: Name
    by: Id | None = Field(default=None, description="Who has it from now on; null for nobody")


class CompleteIn(_In):
    gist: ShortText = Field(default="", description="What those who were there remember of it")
    effects: Annotated[tuple[Effect, ...], Field(max_length=MAX_EFFECTS)] | None = Field(
        default=None, description="What survives; by default what its plan says"
    )
    keeps: Annotated[tuple[KeepIn, ...], Field(max_length=MAX_PROPS)] = ()


class CancelIn(_In):
    reason: ShortText = ""


class ThreadIn(_In):
    title: Name
    summary: ShortText = ""
    known_to: Known | None = Field(default=None, description="By default everyone present")


class ThreadEditIn(_In):
    seen: Id = Field(description="The `changed_by` of what you saw; a later change is a conflict")
    title: Name | None = None
    summary: ShortText | None = None
    known_to: Known | None = None


class ThreadCloseIn(_In):
    resolution: ShortText = ""
