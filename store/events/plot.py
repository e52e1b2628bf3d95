"""Plot: story events that are planned, go on for a while and end, and threads that stay open across scenes.

What belongs to a story event lies in its plan. When the event is over the plan is out of the story; what
survives is recorded in events of its own (an object in somebody's inventory, a fact, a changed edge, a
memory), in the commit that completes it.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from store.events.clock import Clock
from store.events.judgement import Significance
from store.events.payload import Name, Payload, ShortText
from store.events.references import EntityId, EventId
from store.events.relationships import Strength

ConditionKind = Literal["time", "place", "present", "event", "phrase"]
EffectKind = Literal["weather", "activity", "mood", "gains", "learns", "feels"]
SURVIVING: frozenset[EffectKind] = frozenset({"gains", "learns", "feels"})
"""What may come of a story event that is over, besides the memory of it."""
MAX_PROPS, MAX_CONDITIONS, MAX_EFFECTS = 20, 10, 20


class Prop(BaseModel):
    """A thing that is there because a story event is, and goes with it unless somebody acquires it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    description: ShortText = ""


class Condition(BaseModel):
    """Something that may be so in the story: the `clock` has come so far, the scene is at the `place`, all
    `entity_ids` are present, the story event `event_id` is completed, or a turn has the `phrase`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ConditionKind
    clock: Clock | None = None
    place: ShortText = ""
    entity_ids: Annotated[tuple[EntityId, ...], Field(max_length=3)] = ()
    event_id: EventId | None = None
    phrase: ShortText = ""

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        needed = {
            "time": self.clock is not None,
            "place": bool(self.place.strip()),
            "present": bool(self.entity_ids),
            "event": self.event_id is not None,
            "phrase": any(map(str.isalnum, self.phrase)),
        }
        if not needed[self.kind]:
            field = {"time": "clock", "present": "entity_ids", "event": "event_id"}.get(self.kind, self.kind)
            raise ValueError(f"a condition of kind {self.kind!r} needs {field!r}; give it a value")
        return self


class Effect(BaseModel):
    """What becomes so: the `weather` is `text`; the entity is doing, feels or gains `text`; it learns `text`
    about `about_id`, or its edge to `about_id` moves by affinity and trust."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: EffectKind
    entity_id: EntityId | None = None
    about_id: EntityId | None = None
    text: ShortText = ""
    affinity: Strength = 0
    trust: Strength = 0

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        missing = []
        if self.kind != "weather" and self.entity_id is None:
            missing.append("entity_id")
        if self.kind in ("learns", "feels") and self.about_id is None:
            missing.append("about_id")
        if self.kind != "feels" and not self.text.strip():
            missing.append("text")
        if self.kind == "feels" and not (self.affinity or self.trust):
            missing.append("affinity or trust")
        if missing:
            raise ValueError(f"an effect of kind {self.kind!r} needs {', '.join(missing)}")
        if self.about_id is not None and self.about_id == self.entity_id:
            raise ValueError(f"about_id is {self.about_id}, the entity itself; name somebody else")
        return self


class StoryPlan(BaseModel):
    """What may happen: it starts when all `preconditions` and one of the `triggers` hold, by hand without
    any, and expires when the clock passes `expires` before it is over."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: Name
    description: ShortText = ""
    props: Annotated[tuple[Prop, ...], Field(max_length=MAX_PROPS)] = ()
    preconditions: Annotated[tuple[Condition, ...], Field(max_length=MAX_CONDITIONS)] = ()
    triggers: Annotated[tuple[Condition, ...], Field(max_length=MAX_CONDITIONS)] = ()
    on_start: Annotated[tuple[Effect, ...], Field(max_length=MAX_EFFECTS)] = ()
    on_complete: Annotated[tuple[Effect, ...], Field(max_length=MAX_EFFECTS)] = ()
    significance: Significance = 1
    expires: Clock | None = None

    @model_validator(mode="after")
    def _only_what_survives(self) -> Self:
        for effect in self.on_complete:
            if effect.kind not in SURVIVING:
                kept = ", ".join(sorted(SURVIVING))
                raise ValueError(f"on_complete has an effect of kind {effect.kind!r}; only {kept} outlive it")
        return self


class StoryEventPlanned(Payload):
    kind = "story_event.planned"
    plan: StoryPlan


class StoryEventEdited(Payload):
    """Another plan in place of the one there was."""

    kind = "story_event.edited"
    story_event_id: EventId
    plan: StoryPlan


class StoryEventStarted(Payload):
    """It goes on from here, seen by those `present`; `clock` is when, where that is not now."""

    kind = "story_event.started"
    story_event_id: EventId
    present: tuple[EntityId, ...] = ()
    reason: ShortText = ""
    clock: Clock | None = None


class StoryEventCompleted(Payload):
    """It is over; the promotions are recorded beside this. `gist` is what there is to remember."""

    kind = "story_event.completed"
    story_event_id: EventId
    gist: ShortText = ""
    reason: ShortText = ""


class StoryEventCancelled(Payload):
    kind = "story_event.cancelled"
    story_event_id: EventId
    reason: ShortText = ""


class StoryEventExpired(Payload):
    """Its time ran out; `clock` is when, where that is not now."""

    kind = "story_event.expired"
    story_event_id: EventId
    clock: Clock | None = None


class ThreadOpened(Payload):
    """Something left open that those in `known_to` carry with them."""

    kind = "thread.opened"
    title: Name
    summary: ShortText = ""
    known_to: tuple[EntityId, ...] = ()
    scene_id: EventId | None = None
    drew_on: tuple[EventId, ...] = ()


class ThreadUpdated(Payload):
    """How it stands now; None leaves a thing as it was. Those in `known_to` know it from now on."""

    kind = "thread.updated"
    thread_id: EventId
    title: Name | None = None
    summary: ShortText | None = None
    known_to: tuple[EntityId, ...] | None = None
    drew_on: tuple[EventId, ...] = ()


class ThreadClosed(Payload):
    kind = "thread.closed"
    thread_id: EventId
    resolution: ShortText = ""
    drew_on: tuple[EventId, ...] = ()
