"""What the JSON interface takes and gives about scenes."""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.scenes import Wording
from store.events import ShortText
from web.models import Id, Out
from web.models_state import ChangedBy


class SceneEditIn(Wording):
    seen: Id = Field(description="The `changed_by` of what you saw; a later change is a conflict")


class QuotesIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    owner_id: Id = Field(description="Who keeps them")
    quotes: list[ShortText] = Field(description="All the lines to keep, word for word")
    seen: Id = Field(description="The `quotes_by` of what you saw; a later change is a conflict")


class SceneSummaryOut(Out):
    owner_id: int = Field(description="Who tells it")
    memory_id: int | None = Field(description="The memory it is; corrected as `corrections/memory`")
    summary: str
    quotes: tuple[str, ...]
    changed_by: ChangedBy
    quotes_by: int = Field(description="The event that last changed the quotes: their `seen`")


class SceneToldOut(Out):
    id: int
    running: bool
    title: str
    place: str
    clock: int = Field(description="When it began, in minutes of story time")
    closed_clock: int | None
    present: tuple[int, ...] = Field(description="Who is or was there; 0 is you")
    turns: int
    first_turn_id: int | None
    significance: int = Field(description="0 routine, 1 notable, 2 significant, 3 pivotal")
    by_hand: bool = Field(description="Whether its significance is not just that of its turns")
    summaries: tuple[SceneSummaryOut, ...]
    weather: str | None = Field(description="How it was when the scene closed")
    outdated: tuple[int, ...] = Field(description="Who tells of other turns than lie in the scene now")
    retimed: str = Field(description="Times you said of it that do not fit any more, in words")
    changed_by: ChangedBy


class UnheldOut(Out):
    event_id: int
    kind: str
    told: str = Field(description="What you said, in words")
