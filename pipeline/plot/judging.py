"""Judging: what a model is asked about the story events of a turn, and what it may answer.

It is shown what those present know to go on, and asked whether that is over, and, after a turn that matters,
whether something begins. Each answer defaults to nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BaseModel, Field

from pipeline.answers import Line, Lines, Whole, few
from pipeline.context import Context
from pipeline.inference.types import Message
from pipeline.moment import Moment, question
from pipeline.plot.ending import holders
from pipeline.plot.standing import Standing
from pipeline.recount import Recounted
from store import log, relations, replays
from store import plot as plotted
from store.events import (
    Event,
    Payload,
)
from store.plot import StoryEvent

WORTH_ASKING = 2
"""From which significance on a turn may have begun something."""
MAX_OUTCOMES = 4
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


@dataclass(frozen=True, slots=True)
class Asked:
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


def asked(ctx: Context, moment: Moment) -> Asked:
    """A new one is only asked for where all present know what the model is shown of the old ones."""
    present = frozenset(moment.turn.present)
    events = [one for one in open_events(ctx, moment) if one.state == "active" and _at(one, moment)]
    knowing = present.intersection(*(_at(one, moment) for one in events))
    matters = (moment.turn.significance or 0) >= WORTH_ASKING
    states = relations.states(ctx.db, moment.chat.id) if events else {}
    standing = Standing(states, {}, {})
    lines = "\n".join(_line(one, moment, standing) for one in events)
    return Asked(moment, events, knowing, lines, matters and knowing == present)


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


def question_of(asked: Asked, heard: Recounted) -> tuple[Message, Message]:
    going = f"What goes on:\n{asked.lines}" if asked.going else ""
    return question(TASK, going, f"What was said:\n{heard.text}")


def open_events(ctx: Context, moment: Moment) -> list[StoryEvent]:
    """The open story events as the turn found them: planned or begun before it, and without what an earlier
    run for the same turn made of them."""
    own = own_outcome(ctx)
    found = plotted.story_events(ctx.db, moment.chat.id) if own else None
    events = plotted.open_story_events(ctx.db, moment.chat.id) if found is None else found
    as_found = [_without(one, {event.id for event in own}) for one in events if one.id < moment.turn.id]
    return [
        one for one in as_found if one.state in plotted.OPEN and (one.started_clock or 0) <= moment.turn.clock
    ]


def own_outcome(ctx: Context) -> list[Event[Payload]]:
    """What earlier runs for the same turn recorded; it falls when this one is done."""
    earlier = replays.outcomes_in_force(ctx.db, ctx.claim)
    return [event for run_id in earlier for event in log.of_run(ctx.db, run_id)]


def _without(event: StoryEvent, own: set[int]) -> StoryEvent:
    if event.ended_by in own:
        event = replace(event, state="active" if event.started_by is not None else "planned")
    if event.started_by in own:
        event = replace(event, state="planned", started_by=None, started_clock=None)
    return event
