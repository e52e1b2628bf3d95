"""Kickoff: where, when and how a drafted chat begins, read out of the person's own words.

`chat.started` with an opening arrives; one `opening.proposed` leaves. It changes nothing: the person corrects
and confirms it. Only what is told is proposed, so an opening that cannot be read proposes an empty one.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field

from pipeline import story_time
from pipeline.answers import Line, Lines, few, said
from pipeline.cast import Cast, cast_of
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.parts import clipped
from pipeline.placing import same_name
from pipeline.prompt.ooc import strip_ooc
from pipeline.stage import Emits, stage
from pipeline.whom import folded
from store import views
from store.events import (
    MAX_NAME_CHARS,
    MAX_SHORT_CHARS,
    MAX_SKIP,
    NOON,
    YOU,
    AudibleRange,
    ChatStarted,
    Condition,
    Container,
    Event,
    Opening,
    OpeningActivity,
    OpeningEdge,
    OpeningProposed,
    Prop,
    StoryPlan,
)

OPENING_TOKENS, ANSWER_TOKENS = 2000, 800
MAX_SLOTS, MAX_COMING, MAX_THINGS = 20, 3, 5
Degree = Annotated[int, Field(ge=-100, le=100)]


class Doing(BaseModel):
    """What somebody is doing as it begins."""

    who: str = Field(description="a name from the list")
    activity: str


class Standing(BaseModel):
    """How somebody sees somebody else as it begins."""

    who: str = Field(description="a name from the list: whose view this is")
    of: str = Field(description="a name from the list: who is seen")
    affinity: Degree = Field(default=0, description="-100 hates, 0 is indifferent, 100 loves")
    trust: Degree = Field(default=0, description="-100 fears betrayal, 0 does not know, 100 trusts blindly")
    summary: str = Field(default="", description="one sentence from that point of view, or empty")


class Coming(BaseModel):
    """Something that is going to happen."""

    title: str = Field(description="a few words, such as 'The masked ball'")
    description: str = Field(default="", description="what will happen, in one or two sentences")
    things: list[str] = Field(default=[], description="things that are there only because of it")
    when: Line = Field(default="", description="when it begins: a time, or how much later; empty if not told")
    where: Line = Field(default="", description="in which place it begins, if told")
    words: Line = Field(default="", description="words that begin it as soon as somebody says them, if told")
    present: Lines = Field(default=[], description="names from the list: who must be there, if told")


class Beginning(BaseModel):
    """What an opening says. The default says nothing."""

    place: str = Field(default="", description="a short name of the place, or empty if none is told")
    description: str = Field(default="", description="what the place is like, in one sentence")
    slots: list[str] = Field(default=[], description="spots in it where one can be, such as 'by the window'")
    moving: bool = Field(default=False, description="true if the place itself moves, such as a car or a ship")
    public: bool = Field(default=False, description="true if strangers come and go there")
    audible_range: AudibleRange = Field(
        default="container",
        description="how far speech carries: 'slot' only to the same spot, 'container' through the place,"
        " 'beyond' out of it",
    )
    time: str = Field(default="", description="the time of day or date, if told")
    weather: str = Field(default="", description="the weather, if told")
    activities: list[Doing] = Field(default=[], description="what each is doing, if told")
    relationships: list[Standing] = Field(default=[], description="how each sees another, if told")
    coming: Annotated[list[Coming], few(MAX_COMING)] = Field(
        default=[], max_length=MAX_COMING, description="what is said to happen later in the story, if told"
    )


ASK = (
    "You read the opening of a role-play and note where, when and how it begins. Only what is told counts:"
    " leave everything else empty, false or 0. The list of names: {names}. {you} is the person playing; 'I'"
    " and 'you' in the opening mean them."
)


@stage("kickoff", on=(ChatStarted,), timeout_s=None)
async def kickoff(started: Event[ChatStarted], ctx: Context) -> Emits:
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    if chat.begun:
        return
    cast = cast_of(ctx.db, chat, (YOU, *chat.bots))
    counter = ctx.counter.for_model(ctx.endpoints.model)
    question = [
        Message(role="system", content=ASK.format(names=", ".join(cast.names.values()), you=cast.names[YOU])),
        Message(role="user", content=clipped(strip_ooc(started.payload.opening), OPENING_TOKENS, counter)),
    ]
    read = await decide(ctx, Beginning, question, default=Beginning(), answer_tokens=ANSWER_TOKENS)
    yield OpeningProposed(opening=_opening(read, cast))


def _opening(read: Beginning, cast: Cast) -> Opening:
    """What was read, with names turned into entities; whoever is not in the chat is left out."""
    activities = {
        who: OpeningActivity(entity_id=who, activity=_short(one.activity))
        for one in read.activities
        if one.activity.strip() and (who := _entity(cast, one.who)) is not None
    }
    return Opening(
        container=_container(read),
        time=_short(read.time),
        weather=_short(read.weather),
        activities=tuple(activities[who] for who in sorted(activities)),
        edges=_edges(read.relationships, cast),
        story_events=_story_events(read, cast),
    )


def _story_events(read: Beginning, cast: Cast) -> tuple[StoryPlan, ...]:
    plans: dict[str, StoryPlan] = {}
    for one in read.coming:
        title = _name(one.title)
        things = dict.fromkeys(name for thing in one.things if (name := _name(thing)))
        props = tuple(Prop(name=thing) for thing in tuple(things)[:MAX_THINGS])
        if title:
            plan = StoryPlan(title=title, description=_short(one.description), props=props)
            plans.setdefault(folded(title), plan.model_copy(update=_waiting(one, read, cast)))
    return tuple(plans.values())[:MAX_COMING]


def _waiting(one: Coming, read: Beginning, cast: Cast) -> dict[str, tuple[Condition, ...]]:
    """What it waits for, as far as that can be told: the first of it begins it, the rest must be so as well.
    What is so from the beginning begins nothing: who is there, and the place where the story begins."""
    found = list(_conditions(one, read, cast))
    here = Condition(kind="place", place=_name(read.place)) if _name(read.place) else None
    triggers = [condition for condition in found if condition.kind != "present" and condition != here]
    if not triggers:
        return {}
    needed = tuple(condition for condition in found if condition != triggers[0])
    return {"triggers": (triggers[0],), "preconditions": needed}


def _conditions(one: Coming, read: Beginning, cast: Cast) -> Iterator[Condition]:
    begins = story_time.clock_at(_short(read.time), 0)
    now = NOON if begins is None else begins
    minutes = story_time.minutes_until(said(one.when), now) or 0
    if 0 < minutes <= MAX_SKIP:
        yield Condition(kind="time", clock=now + minutes)
    if any(map(str.isalnum, said(_short(one.words)))):
        yield Condition(kind="phrase", phrase=_short(one.words))
    if place := said(_name(one.where)):
        here = same_name(place) == same_name(read.place)
        yield Condition(kind="place", place=_name(read.place) if here else place)
    named = {who for name in one.present if (who := _entity(cast, name)) is not None}
    if named:
        yield Condition(kind="present", entity_ids=tuple(sorted(named)))


def _name(text: str) -> str:
    return _short(text)[:MAX_NAME_CHARS].strip()


def _edges(standings: list[Standing], cast: Cast) -> tuple[OpeningEdge, ...]:
    edges: dict[tuple[int, int], OpeningEdge] = {}
    for one in standings:
        observer, target = _entity(cast, one.who), _entity(cast, one.of)
        if observer is None or target is None or observer == target:
            continue
        edges[observer, target] = OpeningEdge(
            observer_id=observer,
            target_id=target,
            affinity=one.affinity,
            trust=one.trust,
            summary=_short(one.summary),
        )
    return tuple(edges[pair] for pair in sorted(edges))


def _container(read: Beginning) -> Container | None:
    name = _name(read.place)
    if not name:
        return None
    slots = dict.fromkeys(slot[:MAX_NAME_CHARS].strip() for slot in map(_short, read.slots) if slot)
    return Container(
        name=name,
        description=_short(read.description),
        slots=tuple(slots)[:MAX_SLOTS],
        moving=read.moving,
        public=read.public,
        audible_range=read.audible_range,
    )


def _entity(cast: Cast, name: str) -> int | None:
    """Who is meant; an opening is told by the person, whose own "I" a model may copy."""
    found = cast.called(name)
    return YOU if found is None and folded(name) == "i" else found


def _short(text: str) -> str:
    return text.replace("\x00", "").strip()[:MAX_SHORT_CHARS].strip()
