"""What the JSON interface takes and gives about scenes."""

from pydantic import Field

from pipeline.scenes import Wording
from web.models import Id, Out
from web.models_state import ChangedBy


class SceneEditIn(Wording):
    seen: Id = Field(description="The `changed_by` of what you saw; a later change is a conflict")


class SceneSummaryOut(Out):
    owner_id: int = Field(description="Who tells it")
    memory_id: int | None = Field(description="The memory it is; corrected as `corrections/memory`")
    summary: str
    quotes: tuple[str, ...]
    changed_by: ChangedBy


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
    changed_by: ChangedBy
