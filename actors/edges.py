"""Edges: how those present see each other after a turn, one observer's view at a time.

A turn arrives; an `edge.updated` leaves for each directed pair in which something changed, and for the pair
that spoke. Each observer is judged from what it alone perceived, so a silent witness changes its mind too,
and a lie that was told to one is believed by that one.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pipeline.answers import Line, OneWord, Whole, clamped, few, said
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.moment import Moment, dialogue, moment_of, persona, question
from pipeline.recount import Recounted
from pipeline.stage import Emits, stage
from pipeline.whom import folded
from store import relations, views
from store.events import YOU, EdgeUpdated, Event, Fact, TurnAssistant, TurnUser

MAX_TARGETS, MAX_LEARNT = 2, 2
ROOM = 450
KNOWN_SHOWN, KNOWN_COMPARED = 6, 200
TASK = (
    "You judge how the last line of a story changes how {observer} sees {others}. Judge only from"
    " {observer}'s point of view. Most lines change nothing. Affinity and trust change by -10 to 10 at once;"
    " 1 or 2 is usual. Also list new lasting facts that {observer} learns about somebody from the last line;"
    " mostly none."
)


class Change(BaseModel):
    about: Line = Field(default="", description="name of whom the observer now sees differently")
    affinity: Whole = Field(default=0, description="change of liking, -10 to 10")
    trust: Whole = Field(default=0, description="change of trust, -10 to 10")


class Learnt(BaseModel):
    about: Line = Field(default="", description="name of whom the fact is about")
    fact: Line = Field(default="", description="the fact, one short sentence")
    how: Annotated[Literal["witnessed", "told", "overheard", "read", "inferred"], OneWord] = Field(
        default="inferred", description="how the observer learnt it"
    )
    told_by: Line = Field(default="", description="name of who said it, if told or overheard")


class Outlook(BaseModel):
    """What changed in the observer's eyes. The default is nothing."""

    changes: Annotated[list[Change], few(MAX_TARGETS)] = Field(
        default=[], max_length=MAX_TARGETS, description="empty if nothing changed"
    )
    learnt: Annotated[list[Learnt], few(MAX_LEARNT)] = Field(
        default=[], max_length=MAX_LEARNT, description="empty if nothing was learnt"
    )


@stage("edges", on=(TurnUser, TurnAssistant), timeout_s=None, awaits=("addressee",))
async def edges(turn: Event[TurnUser | TurnAssistant], ctx: Context) -> Emits:
    moment = moment_of(ctx, turn.id)
    if moment is None:
        return
    pair = _pair(ctx, moment)
    for observer in moment.turn.present:
        others = [one for one in moment.turn.present if one != observer]
        if not others:
            continue
        heard = dialogue(ctx, moment, room=ROOM, observers=(observer,))
        asked = _question(ctx, moment, observer, others, heard)
        outlook = await decide(ctx, Outlook, asked, default=Outlook())
        facts = _facts(ctx, moment, observer, others, outlook)
        for target in others:
            change = _change(moment, outlook, target, others)
            learnt = facts.get(target, ())
            if change.affinity or change.trust or learnt or {observer, target} == pair:
                yield EdgeUpdated(
                    observer_id=observer,
                    target_id=target,
                    affinity_delta=clamped(change.affinity),
                    trust_delta=clamped(change.trust),
                    facts=learnt,
                    turn_id=turn.id if {observer, target} == pair else None,
                    drew_on=heard.turn_ids,
                )


def _pair(ctx: Context, moment: Moment) -> set[int]:
    """Who spoke and to whom: the one answered, or the one who was given the floor."""
    turn = moment.turn
    if turn.speaker_id is None:
        spoken_to = views.floor_given(ctx.db, turn.chat_id, turn.id) or moment.chat.host_id
    elif turn.answers is None:
        others = [one for one in turn.present if one != turn.speaker_id]
        spoken_to = YOU if YOU in others or not others else others[0]
    else:
        spoken_to = views.turn(ctx.db, turn.answers).speaker_id or YOU
    return {moment.speaker_id, spoken_to}


def _question(
    ctx: Context, moment: Moment, observer: int, others: list[int], heard: Recounted
) -> tuple[Message, Message]:
    names, chat_id = moment.names, moment.chat.id
    task = TASK.format(observer=names[observer], others=" and ".join(names[one] for one in others))
    who = f"{names[observer]}: {persona(ctx, moment.chat, observer)}"
    seen = [relations.edge(ctx.db, chat_id, observer, one) for one in others]
    now = "\n".join(
        f"{names[edge.target_id]}: affinity {edge.affinity}, trust {edge.trust} (-100 to 100). {edge.summary}"
        for edge in seen
    )
    known = relations.facts(ctx.db, chat_id, observer, limit=KNOWN_SHOWN)
    facts = "\n".join(f"- {one.text}" for one in known)
    return question(
        task,
        who,
        f"How {names[observer]} sees them so far:\n{now}",
        f"Already known to {names[observer]}:\n{facts}" if facts else "",
        f"What {names[observer]} perceived:\n{heard.text}",
    )


def _change(moment: Moment, outlook: Outlook, target: int, others: list[int]) -> Change:
    """What was said of a target first; of an only target, also what names nobody."""
    for change in outlook.changes:
        if moment.called(change.about) == target or (not change.about and others == [target]):
            return change
    return Change()


def _facts(
    ctx: Context, moment: Moment, observer: int, others: list[int], outlook: Outlook
) -> dict[int, tuple[Fact, ...]]:
    """Target → what the observer newly holds to be true of it."""
    held = relations.facts(ctx.db, moment.chat.id, observer, limit=KNOWN_COMPARED)
    known = {folded(one.text) for one in held}
    found: dict[int, tuple[Fact, ...]] = {}
    for target, fact in _learnt(moment, observer, others, outlook):
        if folded(fact.text) not in known and len(known) < len(held) + MAX_LEARNT:
            known.add(folded(fact.text))
            found[target] = (*found.get(target, ()), fact)
    return found


def _learnt(moment: Moment, observer: int, others: list[int], outlook: Outlook) -> Iterator[tuple[int, Fact]]:
    """Facts with who they are about and who told them. Nobody learns from its own words; what one is told
    about oneself belongs to how one sees the teller."""
    for one in outlook.learnt:
        text, spoken = said(one.fact), one.how in ("told", "overheard")
        named = moment.called(one.told_by)
        teller = (moment.speaker_id if named is None else named) if spoken else None
        target = moment.called(one.about)
        if target == observer:
            target = teller
        if not text or teller == observer or target not in others:
            continue
        yield target, Fact(text=text, how=one.how, from_id=teller)
