"""Plot: which story events a turn begins, and which are over with it.

A turn arrives once it is judged otherwise. What is due begins or runs out without a model. A model is asked
only while something goes on that may be over, or after a turn that matters, in which something may have
begun; it is believed only where the turn's own words bear it out. What comes of a story event that is over
leaves in the same commit, and nobody gets any of it who does not know all that the model was shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pipeline.answers import clamped, said
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.moment import Moment, dialogue, moment_of
from pipeline.plot import conditions
from pipeline.plot.due import fired
from pipeline.plot.ending import completed
from pipeline.plot.judging import Asked, Turned, asked, open_events, own_outcome, question_of
from pipeline.plot.standing import Standing
from pipeline.prompt.ooc import strip_ooc
from pipeline.recount import Recounted
from pipeline.stage import Emits, stage
from pipeline.whom import folded
from store import memories, relations, views
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
MAX_NEW_PROPS, ANSWER_TOKENS = 4, 400


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
    about = asked(ctx, moment)
    judged, heard = Turned(), Recounted("", ())
    if about.schema is not None:
        heard = dialogue(ctx, moment, room=ROOM, observers=moment.turn.present)
        wanted = about.schema
        found = await decide(
            ctx, wanted, question_of(about, heard), default=wanted(), answer_tokens=ANSWER_TOKENS
        )
        judged = Turned.model_validate(found.model_dump())
    now = _Now.of(ctx, moment, heard)
    for payload in (*_ended(now, judged, about), *_due(now), *_began(now, judged, about)):
        yield payload


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
        events = {one.id: one for one in open_events(ctx, moment)}
        standing = Standing.of(ctx.db, moment.chat.id) if events else Standing({}, {}, {})
        standing.events.update(events)
        fallen = own_outcome(ctx)
        if events:
            standing.leave_out(ctx.db, moment.chat.id, fallen)
        return cls(ctx, views.chat(ctx.db, moment.chat.id), moment, heard, events, standing, fallen)


def _ended(now: _Now, judged: Turned, asked: Asked) -> Iterator[Payload]:
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


def _began(now: _Now, judged: Turned, asked: Asked) -> Iterator[Payload]:
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
