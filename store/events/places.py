"""Place and time: containers, scenes, the world around them, and the opening a chat is drafted with."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from store.events.clock import Clock
from store.events.payload import Name, Payload, ShortText, Text
from store.events.plot import StoryPlan
from store.events.references import EntityId, EventId
from store.events.relationships import Strength

AudibleRange = Literal["slot", "container", "beyond"]
"""How far what is said here carries."""


class Container(BaseModel):
    """A place that can hold people: a room, a car, a clearing."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    description: ShortText = ""
    slots: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    moving: bool = False
    public: bool = False
    audible_range: AudibleRange = "container"


class ContainerCreated(Payload):
    kind = "container.created"
    container: Container


class ContainerChanged(Payload):
    kind = "container.changed"
    container_id: EventId
    container: Container


JUST_CREATED = -1
"""For a `container_id`, `scene_id`, `story_event_id` or `memory_id`: what the same run or act has just
created. The event's id is only known at the commit, which writes it into the log instead; the log itself
never holds this number."""


class SceneOpened(Payload):
    """A new scene, in a container if one is known. `present` are the entities in it; nobody named means
    everyone in the chat, whoever comes in or goes while it lasts.

    Judging takes a while, and the dialogue goes on meanwhile: `from_turn_id` is the turn the scene begins
    with, and what has followed it belongs to the new scene too.
    """

    kind = "scene.opened"
    container_id: EventId | None = None
    title: ShortText = ""
    present: tuple[EntityId, ...] = ()
    from_turn_id: EventId | None = None


class SceneClosed(Payload):
    """A scene is over. Found among others when the story had gone on already, it is so only because another
    has `followed`: as long as one does."""

    kind = "scene.closed"
    scene_id: EventId
    reason: ShortText = ""
    followed: bool = False


MAX_QUOTES = 20
Quotes = Annotated[tuple[ShortText, ...], Field(max_length=MAX_QUOTES)]
"""Lines worth keeping word for word."""
SceneSignificance = Literal[0, 1, 2, 3, "turns"]
"""How much a scene matters, as a turn does; "turns" is as much as the most significant of its turns."""


class SceneEdited(Payload):
    """What a scene is called, where and when it was, in what weather, and how much it matters, as a person
    puts it; None leaves a thing as it was. `nowhere` says that it was in no place in particular; `upto` is
    the last turn it had when its times were said: what else comes to lie in it keeps its own."""

    kind = "scene.edited"
    scene_id: EventId
    title: ShortText | None = None
    container_id: EventId | None = None
    nowhere: bool = False
    significance: SceneSignificance | None = None
    begins: Clock | None = None
    ends: Clock | None = None
    upto: EventId | None = None
    weather: ShortText | None = None


class SceneSummarized(Payload):
    """A closed scene as one of its witnesses tells it; `quotes` are lines worth keeping word for word."""

    kind = "scene.summarized"
    scene_id: EventId
    owner_id: EntityId
    summary: Text
    quotes: Quotes = ()
    drew_on: tuple[EventId, ...] = ()


class QuotesEdited(Payload):
    """The lines to keep beside a summary, all of them, as a person wants them."""

    kind = "scene.quotes_edited"
    summary_id: EventId
    quotes: Quotes


class WorldChanged(Payload):
    """Time and weather in the story's own words, and what the clock says; None leaves a thing as it was."""

    kind = "world.changed"
    time: ShortText | None = None
    weather: ShortText | None = None
    clock: Clock | None = None


class OpeningActivity(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    entity_id: EntityId
    activity: ShortText


class OpeningEdge(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    observer_id: EntityId
    target_id: EntityId
    affinity: Strength = 0
    trust: Strength = 0
    summary: ShortText = ""


class Opening(BaseModel):
    """What a free-text opening says about where, when and how things stand."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    container: Container | None = None
    time: ShortText = ""
    weather: ShortText = ""
    activities: tuple[OpeningActivity, ...] = ()
    edges: tuple[OpeningEdge, ...] = ()
    story_events: Annotated[tuple[StoryPlan, ...], Field(max_length=10)] = ()
    """What may happen later."""


class OpeningProposed(Payload):
    """What the kickoff read out of the person's opening; nothing of it counts before they agree."""

    kind = "opening.proposed"
    opening: Opening


class OpeningConfirmed(Payload):
    """The person agrees, perhaps with corrections; the events that make it true follow in the same commit."""

    kind = "opening.confirmed"
    opening: Opening
