"""Activities: what those present do, carry and feel after a turn, and how the place around them is.

A turn arrives; an event leaves for each thing that is different now, and none for what was only repeated.
The judge sees only what everyone present perceived, because what somebody is doing is shown to all of them.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pipeline.answers import Line, Lines, OneWord, few, said
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.moment import Moment, dialogue, moment_of, question
from pipeline.stage import Emits, stage
from pipeline.whom import folded
from store import log, places, relations, views
from store.events import (
    ActivityChanged,
    ContainerChanged,
    EntityChanged,
    Event,
    InventoryChanged,
    TurnAssistant,
    TurnUser,
)
from store.places import Place
from store.relations import EntityState

ROOM = 450
MAX_SLOTS, MAX_CHANGES = 20, 6
TASK = (
    "You keep track of a story. List what the last line changes for those present: what each is doing"
    " (activity), where in the place (slot), mood, goals, status of body, things gained or lost. Only real"
    " changes, in a few words each; most lines change little or nothing."
)
Aspect = Literal["activity", "slot", "mood", "goals", "status", "gained", "lost"]


class Difference(BaseModel):
    who: Line = Field(default="", description="name of whom it changed for")
    what: Annotated[Aspect, OneWord] = Field(description="which side of them changed")
    now: Line = Field(default="", description="how it is now, or the thing gained or lost")


class Differences(BaseModel):
    """What the turn changed. The default is nothing."""

    changes: Annotated[list[Difference], few(MAX_CHANGES)] = Field(
        default=[], max_length=MAX_CHANGES, description="empty if nothing changed"
    )
    place: Annotated[Literal["same", "moving", "still"], OneWord] = Field(
        default="same", description="whether the place itself, a car or a ship, has begun to move or stopped"
    )
    slots: Lines = Field(default=[], description="all seats or spots of the place, only if they changed")


@stage("activities", on=(TurnUser, TurnAssistant), timeout_s=None, awaits=("scene",))
async def activities(turn: Event[TurnUser | TurnAssistant], ctx: Context) -> Emits:
    moment = moment_of(ctx, turn.id)
    if moment is None:
        return
    judged = await decide(ctx, Differences, _question(ctx, moment), default=Differences())
    chat = views.chat(ctx.db, moment.chat.id)
    states, here = relations.states(ctx.db, chat.id), _in_this_scene(ctx, moment)
    place = _place(ctx, chat.scene_id) if here else None
    for entity in moment.turn.present:
        if entity in chat.cast:
            before = states.get(entity, EntityState(entity))
            for change in _changes(before, _told(moment, judged, entity), place, here=here):
                yield change
    if place is not None:
        for moved in _place_changes(place, judged):
            yield moved


Told = dict[Aspect, list[str]]


def _told(moment: Moment, judged: Differences, entity: int) -> Told:
    """Aspect → what was said of it for one entity, in order."""
    told: Told = {}
    for one in judged.changes:
        if said(one.now) and moment.called(one.who) == entity:
            told.setdefault(one.what, []).append(one.now)
    return told


def _in_this_scene(ctx: Context, moment: Moment) -> bool:
    """Whether the turn belongs to the scene that is now; one of an earlier scene says nothing of this one.
    The turn that closes a scene already tells of the next."""
    scene_id = views.chat(ctx.db, moment.chat.id).scene_id
    if scene_id is None:
        return True
    opened = log.event(ctx.db, scene_id)
    return (opened.cause_id or opened.id) <= moment.turn.id


def _place(ctx: Context, scene_id: int | None) -> Place | None:
    container_id = places.scene(ctx.db, scene_id).container_id if scene_id is not None else None
    return places.place(ctx.db, container_id) if container_id is not None else None


def _changes(
    before: EntityState, told: Told, place: Place | None, *, here: bool
) -> Iterator[ActivityChanged | EntityChanged | InventoryChanged]:
    activity = _new(told, "activity", before.activity) if here else None
    slot = _new(told, "slot", before.slot) if here else None
    slots = place.container.slots if place is not None else ()
    if slot is not None and slots:
        slot = next((one for one in slots if folded(one) == folded(slot)), None)
    if activity is not None or (slot is not None and slot != before.slot):
        yield ActivityChanged(entity_id=before.entity_id, activity=activity or before.activity, slot=slot)
    mood, goals, status = (
        _new(told, "mood", before.mood),
        _new(told, "goals", before.goals),
        _new(told, "status", before.status),
    )
    if mood or goals or status:
        yield EntityChanged(entity_id=before.entity_id, mood=mood, goals=goals, status=status)
    gained, lost = _things(before, told)
    if gained or lost:
        yield InventoryChanged(entity_id=before.entity_id, gained=gained, lost=lost)


def _new(told: Told, aspect: Aspect, before: str) -> str | None:
    """The last word on an aspect, where it differs from how things were."""
    said_of_it = told.get(aspect)
    return said_of_it[-1] if said_of_it and folded(said_of_it[-1]) != folded(before) else None


def _things(before: EntityState, told: Told) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was gained and not held yet, what was held and lost; a thing said to be both is neither."""
    held = {folded(thing): thing for thing in before.inventory}
    gained = {folded(thing): thing for thing in told.get("gained", ())}
    lost = {folded(thing) for thing in told.get("lost", ())}
    new = tuple(thing for key, thing in gained.items() if key not in held and key not in lost)
    return new, tuple(thing for key, thing in held.items() if key in lost and key not in gained)


def _place_changes(place: Place, judged: Differences) -> Iterator[ContainerChanged]:
    """The container as it is now, where it moves, stands still or is laid out differently."""
    was = place.container
    slots = tuple({folded(one): one for one in judged.slots if said(one)}.values())[:MAX_SLOTS]
    laid_out = slots if slots and set(map(folded, slots)) != set(map(folded, was.slots)) else was.slots
    moving = was.moving if judged.place == "same" else judged.place == "moving"
    now = was.model_copy(update={"slots": laid_out, "moving": moving})
    if now != was:
        yield ContainerChanged(container_id=place.id, container=now)


def _question(ctx: Context, moment: Moment) -> tuple[Message, Message]:
    states = relations.states(ctx.db, moment.chat.id)
    now = "\n".join(
        _line(name, states.get(entity, EntityState(entity))) for entity, name in moment.names.items()
    )
    place = _place(ctx, moment.chat.scene_id)
    where = (
        f"Place: {place.container.name}. Slots: {', '.join(place.container.slots) or 'none'}."
        if place
        else ""
    )
    heard = dialogue(ctx, moment, room=ROOM, observers=moment.turn.present)
    return question(TASK, where, f"So far:\n{now}", f"What was said:\n{heard.text}")


def _line(name: str, state: EntityState) -> str:
    """How one of those present is; goals and status stay with whom they belong to."""
    known = {"activity": state.activity, "slot": state.slot, "carries": ", ".join(state.inventory)}
    told = "; ".join(f"{side}: {value}" for side, value in known.items() if value)
    return f"{name}: {told or 'nothing special'}"
