"""Plot: which story events a turn begins, and which are over with it.

A turn arrives once it is judged otherwise. What is due begins or runs out without a model. A model is asked
only while something goes on that may be over, or after a turn that matters, in which something may have
begun; it is believed only where the turn's own words bear it out. What comes of a story event that is over
leaves in the same commit, and nobody gets any of it who does not know all that the model was shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

from pydantic import BaseModel, Field

from pipeline.answers import Line, Lines, Whole, clamped, few, said
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.moment import Moment, dialogue, moment_of, question
from pipeline.plot import conditions
from pipeline.plot.due import fired
from pipeline.plot.ending import completed, holders
from pipeline.plot.standing import Standing
from pipeline.prompt.ooc import strip_ooc
from pipeline.recount import Recounted
from pipeline.stage import Emits, stage
from pipeline.whom import folded
from store import log, memories, relations, replays, views
from store import plot as plotted
from store.events import (
    JUST_CREATED,
    Effect,
    Event,
    Payload,
    Prop,
    StoryEventCompleted,
    StoryEventPlanned,
    StoryEventStarted,
    StoryPlan,
    TurnAssistant,
    TurnUser,
)
from store.plot import StoryEvent
from store.views import Chat

ROOM = 700
WORTH_ASKING = 2
"""From which significance on a turn may have begun something."""
MAX_OUTCOMES, MAX_NEW_PROPS, ANSWER_TOKENS = 4, 4, 400
TASK = (
    "You keep track of what goes on in a story: a feast, a chase, a quarrel, a storm. Judge from the last"
    " line alone, and only if its words plainly say so; mostly nothing begins or ends."
)


class Gain(BaseModel):
    who: Line = Field(default="", description="name of who has it from now on")
    thing: Line = Field(default="", description="what it is")


class Insight(BaseModel):
    who: Line = Field(default="", description="name of who knows it now")
    about: Line = Field(default="", description="name of somebody else whom it is about")
    fact: Line = Field(default="", description="one short sentence")


class Feeling(BaseModel):
    who: Line = Field(default="", description="name of whose feelings changed")
    towards: Line = Field(default="", description="name of somebody else")
    affinity: Whole = Field(default=0, description="change of liking, -10 to 10")
    trust: Whole = Field(default=0, description="change of trust, -10 to 10")


class Over(BaseModel):
    """Whether something that goes on is over, and what came of it. The default is that it goes on."""

    over: Line = Field(default="", description="title of what the last line ends, or empty")
    ending_words: Line = Field(default="", description="exact words of the last line that end it")
    gist: Line = Field(default="", description="in one sentence, what happened in all of it")
    gains: Annotated[list[Gain], few(MAX_OUTCOMES)] = Field(
        default=[], max_length=MAX_OUTCOMES, description="things somebody keeps; else they are gone"
    )
    insights: Annotated[list[Insight], few(MAX_OUTCOMES)] = Field(
        default=[], max_length=MAX_OUTCOMES, description="lasting knowledge gained"
    )
    feelings: Annotated[list[Feeling], few(MAX_OUTCOMES)] = Field(default=[], max_length=MAX_OUTCOMES)


class Begun(BaseModel):
    """Whether something begins that will go on for a while. The default is that nothing does."""

    begun: Line = Field(default="", description="short title of what the last line begins, or empty")
    beginning_words: Line = Field(default="", description="exact words of the last line that begin it")
    described: Line = Field(default="", description="what is going on, in one sentence")
    props: Lines = Field(default=[], description="things that are there only because of it")


class Turned(Over, Begun):
    """Both at once."""


@stage(
    "plot",
    on=(TurnUser, TurnAssistant),
    timeout_s=None,
    awaits=("scene", "significance", "activities"),
    stands_on=plotted.COURSE,
)
async def plot(turn: Event[TurnUser | TurnAssistant], ctx: Context) -> Emits:
    moment = moment_of(ctx, turn.id)
    if moment is None:
        return
    asked = _asked(ctx, moment)
    judged, heard = Turned(), Recounted("", ())
    if asked.schema is not None:
        heard = dialogue(ctx, moment, room=ROOM, observers=moment.turn.present)
        wanted = asked.schema
        found = await decide(
            ctx, wanted, _question(asked, heard), default=wanted(), answer_tokens=ANSWER_TOKENS
        )
        judged = Turned.model_validate(found.model_dump())
    now = _Now.of(ctx, moment, heard)
    for payload in (*_ended(now, judged, asked), *_due(now), *_began(now, judged, asked)):
        yield payload


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a model is asked about: the story events that go on, and those who know of them all."""

    moment: Moment
    going: Sequence[StoryEvent]
    knowing: frozenset[int]
    lines: str
    new: bool

    @property
    def schema(self) -> type[Turned] | type[Over] | type[Begun] | None:
        if self.going:
            return Turned if self.new else Over
        return Begun if self.new else None


def _asked(ctx: Context, moment: Moment) -> _Asked:
    """A new one is only asked for where all present know what the model is shown of the old ones."""
    present = frozenset(moment.turn.present)
    events = [one for one in _open(ctx, moment) if one.state == "active" and _at(one, moment)]
    knowing = present.intersection(*(_at(one, moment) for one in events))
    matters = (moment.turn.significance or 0) >= WORTH_ASKING
    states = relations.states(ctx.db, moment.chat.id) if events else {}
    standing = Standing(states, {}, {})
    lines = "\n".join(_line(one, moment, standing) for one in events)
    return _Asked(moment, events, knowing, lines, matters and knowing == present)


def _at(event: StoryEvent, moment: Moment) -> frozenset[int]:
    """Those who perceived the turn and know of the story event."""
    present = frozenset(moment.turn.present)
    return present if event.scene_id == moment.turn.scene_id else present & frozenset(event.present)


def _line(event: StoryEvent, moment: Moment, standing: Standing) -> str:
    held = holders(event, standing)
    props = "; ".join(
        prop.name + (f" (held by {_names(held[prop.name], moment)})" if prop.name in held else "")
        for prop in event.plan.props
    )
    told = f"{event.plan.title}: {event.plan.description}".rstrip(": ")
    return f"- {told}" + (f" Things of it: {props}." if props else "")


def _names(entities: Sequence[int], moment: Moment) -> str:
    return ", ".join(moment.names.get(one, "somebody else") for one in entities)


def _question(asked: _Asked, heard: Recounted) -> tuple[Message, Message]:
    going = f"What goes on:\n{asked.lines}" if asked.going else ""
    return question(TASK, going, f"What was said:\n{heard.text}")


def _open(ctx: Context, moment: Moment) -> list[StoryEvent]:
    """The open story events as the turn found them: planned or begun before it, and without what an earlier
    run for the same turn made of them."""
    own = _own(ctx)
    found = plotted.story_events(ctx.db, moment.chat.id) if own else None
    events = plotted.open_story_events(ctx.db, moment.chat.id) if found is None else found
    as_found = [_without(one, {event.id for event in own}) for one in events if one.id < moment.turn.id]
    return [
        one for one in as_found if one.state in plotted.OPEN and (one.started_clock or 0) <= moment.turn.clock
    ]


def _own(ctx: Context) -> list[Event[Payload]]:
    """What earlier runs for the same turn recorded; it falls when this one is done."""
    earlier = replays.outcomes_in_force(ctx.db, ctx.claim)
    return [event for run_id in earlier for event in log.of_run(ctx.db, run_id)]


def _without(event: StoryEvent, own: set[int]) -> StoryEvent:
    if event.ended_by in own:
        event = replace(event, state="active" if event.started_by is not None else "planned")
    if event.started_by in own:
        event = replace(event, state="planned", started_by=None, started_clock=None)
    return event


@dataclass(frozen=True, slots=True)
class _Now:
    """How things stand once the model has answered; from here on nothing waits."""

    ctx: Context
    chat: Chat
    moment: Moment
    heard: Recounted
    events: dict[int, StoryEvent]
    standing: Standing
    fallen: Sequence[Event[Payload]]
    """What earlier runs for the same turn recorded, and nothing here is to rest on."""

    @classmethod
    def of(cls, ctx: Context, moment: Moment, heard: Recounted) -> "_Now":
        ctx.looks()
        events = {one.id: one for one in _open(ctx, moment)}
        standing = Standing.of(ctx.db, moment.chat.id) if events else Standing({}, {}, {})
        standing.events.update(events)
        fallen = _own(ctx)
        if events:
            standing.leave_out(ctx.db, moment.chat.id, fallen)
        return cls(ctx, views.chat(ctx.db, moment.chat.id), moment, heard, events, standing, fallen)


def _ended(now: _Now, judged: Turned, asked: _Asked) -> Iterator[Payload]:
    """The story event that is over, and what came of it, to those who know all that was judged by."""
    if not _borne_out(judged.ending_words, now.moment):
        return
    named = [one for one in asked.going if folded(one.plan.title) == folded(judged.over)]
    event = now.events.pop(named[0].id, None) if len(named) == 1 else None
    if event is None or event.state != "active":
        return
    witnesses = asked.knowing & frozenset(event.present)
    shown = {one: now.moment.names[one] for one in sorted(witnesses)}
    effects = (*event.plan.on_complete, *_outcomes(now, judged, asked.knowing))
    over = StoryEventCompleted(story_event_id=event.id, gist=said(judged.gist), reason=judged.ending_words)
    drew_on = now.heard.turn_ids
    there = now.moment.turn.present
    told = completed(
        now.chat,
        event,
        over,
        effects,
        now.standing,
        there=there,
        witnesses=shown,
        pins=partial(memories.pinned, now.ctx.db, now.chat.id),
        drew_on=drew_on,
    )
    yield from now.standing.reckoned(told)


def _borne_out(words: str, moment: Moment) -> bool:
    wanted = folded(words)
    return any(map(str.isalnum, wanted)) and wanted in folded(strip_ooc(moment.turn.text))


def _outcomes(now: _Now, judged: Turned, knowing: frozenset[int]) -> Iterator[Effect]:
    """What came of it, for those who may have it; what somebody knew already is not learnt."""
    called = now.moment.called
    for gain in judged.gains:
        who = called(gain.who)
        if who in knowing and said(gain.thing):
            yield Effect(kind="gains", entity_id=who, text=gain.thing)
    for insight in judged.insights:
        who, about = called(insight.who), called(insight.about)
        if who is None or who not in knowing or about is None or who == about or not said(insight.fact):
            continue
        fallen = {event.id for event in now.fallen}
        known = relations.facts(now.ctx.db, now.chat.id, who, about)
        if folded(insight.fact) not in {folded(one.text) for one in known if one.event_id not in fallen}:
            yield Effect(kind="learns", entity_id=who, about_id=about, text=insight.fact)
    for feeling in judged.feelings:
        who, about = called(feeling.who), called(feeling.towards)
        affinity, trust = clamped(feeling.affinity), clamped(feeling.trust)
        if who in knowing and about is not None and who != about and (affinity or trust):
            yield Effect(kind="feels", entity_id=who, about_id=about, affinity=affinity, trust=trust)


def _due(now: _Now) -> Iterator[Payload]:
    """What begins or runs out with the turn; what was just completed counts as such."""
    if not now.events:
        return
    turn = now.moment.turn
    situation = conditions.of_turn(now.ctx.db, turn)
    ended = [one.payload for one in now.fallen if isinstance(one.payload, StoryEventCompleted)]
    before = situation.completed - {one.story_event_id for one in ended}
    situation = replace(situation, completed=before | now.standing.over)
    yield from fired(now.chat, now.events.values(), now.standing, situation, turn.clock)


def _began(now: _Now, judged: Turned, asked: _Asked) -> Iterator[Payload]:
    """What the turn begins by itself, unless it is one that is known already."""
    title = said(judged.begun)
    known = {folded(one.plan.title) for one in now.events.values()}
    if not asked.new or not title or folded(title) in known or folded(title) == folded(judged.over):
        return
    if not _borne_out(judged.beginning_words, now.moment):
        return
    named: dict[str, str] = {}
    for one in judged.props:
        named.setdefault(folded(one), one)
    props = tuple(Prop(name=one) for one in [one for one in named.values() if said(one)][:MAX_NEW_PROPS])
    turn = now.moment.turn
    yield StoryEventPlanned(plan=StoryPlan(title=title, description=said(judged.described), props=props))
    yield StoryEventStarted(
        story_event_id=JUST_CREATED,
        present=turn.present,
        reason=judged.beginning_words,
        clock=turn.clock,
    )
