"""How a chat stands and what can be corrected about it, for the page's forms and the JSON interface."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from store.events import Container, Fact, Name, Opening, ShortText, Text
from store.events.payload import Spoken
from web.models import Id, Out

Level = Annotated[int, Field(ge=-100, le=100)]
ChangedBy = Annotated[int, Field(description="The event that last changed it; send it back as `seen`")]


class EntityOut(Out):
    """Someone in the chat; 0 is you."""

    id: int
    here: bool = Field(description="In the present scene")
    name: str
    mood: str
    goals: str
    status: str
    activity: str
    slot: str
    inventory: tuple[str, ...]
    changed_by: ChangedBy


class SceneOut(Out):
    id: int
    title: str


class PlaceOut(Container):
    id: int
    changed_by: ChangedBy


class WorldOut(Out):
    time: str
    weather: str
    changed_by: ChangedBy


class PointOut(Out):
    event_id: int
    affinity: int
    trust: int


class FactOut(Out):
    id: int
    text: str
    how: str
    from_id: int | None
    from_name: str
    event_id: int


class EdgeOut(Out):
    """How one entity sees another. Its mirror is another edge."""

    observer_id: int
    target_id: int
    observer: str
    target: str
    present: bool = Field(description="Both are in the chat now")
    affinity: int
    trust: int
    summary: str
    changed_by: ChangedBy
    course: list[PointOut]
    facts: list[FactOut]


class GroupOut(Out):
    summary: str
    changed_by: ChangedBy


class NoteOut(Out):
    text: str
    depth: int
    changed_by: ChangedBy


class NamedOut(Out):
    id: int
    name: str


class YouOut(BaseModel):
    name: str
    persona: str
    before: tuple[str, ...] = Field(description="Names you had in this chat before")
    changed_by: ChangedBy


class StateOut(Out):
    """Everything the drawer shows, except the memories."""

    chat_id: int
    begun: bool
    archived: bool
    opening: str
    proposal: Opening | None
    guest_id: int | None
    scene: SceneOut | None
    place: PlaceOut | None
    world: WorldOut
    present: list[EntityOut]
    edges: list[EdgeOut]
    group: GroupOut
    note: NoteOut
    you: YouOut
    remembering: list[NamedOut] = Field(description="Whoever has memories of this chat")


class MemoryOut(Out):
    id: int
    owner_id: int
    turn_id: int | None
    scene_id: int | None
    form: str
    speaker_name: str
    text: str
    witnesses: tuple[int, ...]
    how: str
    from_id: int | None
    drew_on: tuple[int, ...]
    significance: int
    pinned: str = Field(description="Empty, auto or manual")
    changed_by: ChangedBy


class CorrectedOut(BaseModel):
    event_id: int | None = Field(description="The event it was recorded by; null when it stood so already")


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _SeenIn(_In):
    seen: Id = Field(description="The `changed_by` of what you saw; a later change is a conflict")


class ActivityIn(_SeenIn):
    entity_id: Id
    activity: ShortText
    slot: ShortText | None = None


class EntityIn(_SeenIn):
    entity_id: Id
    mood: ShortText | None = None
    goals: ShortText | None = None
    status: ShortText | None = None


class InventoryIn(_SeenIn):
    entity_id: Id
    inventory: Annotated[tuple[Name, ...], Field(max_length=50)]


class PlaceIn(Container):
    seen: Id = Field(default=0, description="The `changed_by` of the place you saw; 0 where there was none")


class WorldIn(_SeenIn):
    time: ShortText | None = None
    weather: ShortText | None = None


class EdgeIn(_SeenIn):
    observer_id: Id
    target_id: Id
    affinity: Level
    trust: Level


class EdgeSummaryIn(_SeenIn):
    observer_id: Id
    target_id: Id
    summary: ShortText


class FactIn(Fact):
    observer_id: Id
    target_id: Id
    from_id: Id | None = None


class FactRemovedIn(_In):
    fact_id: Id


class GroupIn(_SeenIn):
    summary: ShortText


class YouIn(_SeenIn):
    name: Name | None = None
    persona: Text | None = None


class NoteIn(_SeenIn):
    text: ShortText
    depth: int = Field(default=4, ge=0, le=100)


class MemoryIn(_SeenIn):
    memory_id: Id
    text: Spoken


class PinIn(_SeenIn):
    memory_id: Id
    pinned: bool


class WitnessesIn(_SeenIn):
    memory_id: Id
    witnesses: Annotated[tuple[Id, ...], Field(max_length=20)]


class NothingIn(_In):
    """A form that is only a button."""


class GuestIn(_In):
    guest_id: Id
    met: Text = Field(default="", description="Whether host and guest know each other, in your words")
