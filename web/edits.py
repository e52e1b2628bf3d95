"""Every correction the page and the JSON interface offer: its name, what it takes and what it does."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pipeline.engine import Engine
from store.events import (
    ActivityChanged,
    AuthorNoteSet,
    Container,
    EdgeSummarized,
    EntityChanged,
    Fact,
    MemoryEdited,
    MemoryWitnessChanged,
    WorldChanged,
    YouChanged,
)
from web import models_state as m

Apply = Callable[[Engine, int, Any], Awaitable[int | None]]


@dataclass(frozen=True)
class Edit:
    """`part` names the piece of the drawer that shows it."""

    name: str
    part: str
    summary: str
    takes: type[BaseModel]
    apply: Apply


def _said(typed: BaseModel, *left_out: str) -> dict[str, Any]:
    return typed.model_dump(exclude={"seen", *left_out})


def _activity(engine: Engine, chat_id: int, typed: m.ActivityIn) -> Awaitable[int | None]:
    return engine.corrections.activity(chat_id, ActivityChanged(**_said(typed)), seen=typed.seen)


def _entity(engine: Engine, chat_id: int, typed: m.EntityIn) -> Awaitable[int | None]:
    return engine.corrections.entity(chat_id, EntityChanged(**_said(typed)), seen=typed.seen)


def _inventory(engine: Engine, chat_id: int, typed: m.InventoryIn) -> Awaitable[int | None]:
    return engine.corrections.inventory(chat_id, typed.entity_id, typed.inventory, seen=typed.seen)


def _place(engine: Engine, chat_id: int, typed: m.PlaceIn) -> Awaitable[int | None]:
    return engine.corrections.place(chat_id, Container(**_said(typed)), seen=typed.seen)


def _world(engine: Engine, chat_id: int, typed: m.WorldIn) -> Awaitable[int | None]:
    return engine.corrections.world(chat_id, WorldChanged(**_said(typed)), seen=typed.seen)


def _edge(engine: Engine, chat_id: int, typed: m.EdgeIn) -> Awaitable[int | None]:
    return engine.corrections.edge(chat_id, **typed.model_dump())


def _edge_summary(engine: Engine, chat_id: int, typed: m.EdgeSummaryIn) -> Awaitable[int | None]:
    return engine.corrections.edge_summary(chat_id, EdgeSummarized(**_said(typed)), seen=typed.seen)


def _fact(engine: Engine, chat_id: int, typed: m.FactIn) -> Awaitable[int | None]:
    fact = Fact(**_said(typed, "observer_id", "target_id"))
    return engine.corrections.add_fact(chat_id, typed.observer_id, typed.target_id, fact)


def _fact_removed(engine: Engine, chat_id: int, typed: m.FactRemovedIn) -> Awaitable[int | None]:
    return engine.corrections.remove_fact(chat_id, typed.fact_id)


def _group(engine: Engine, chat_id: int, typed: m.GroupIn) -> Awaitable[int | None]:
    return engine.corrections.group(chat_id, typed.summary, seen=typed.seen)


def _note(engine: Engine, chat_id: int, typed: m.NoteIn) -> Awaitable[int | None]:
    return engine.corrections.note(chat_id, AuthorNoteSet(**_said(typed)), seen=typed.seen)


def _you(engine: Engine, chat_id: int, typed: m.YouIn) -> Awaitable[int | None]:
    return engine.corrections.you(chat_id, YouChanged(**_said(typed)), seen=typed.seen)


def _memory(engine: Engine, chat_id: int, typed: m.MemoryIn) -> Awaitable[int | None]:
    return engine.recollections.memory(chat_id, MemoryEdited(**_said(typed)), seen=typed.seen)


def _pin(engine: Engine, chat_id: int, typed: m.PinIn) -> Awaitable[int | None]:
    return engine.recollections.pin(chat_id, typed.memory_id, pinned=typed.pinned, seen=typed.seen)


def _witnesses(engine: Engine, chat_id: int, typed: m.WitnessesIn) -> Awaitable[int | None]:
    return engine.recollections.witnesses(chat_id, MemoryWitnessChanged(**_said(typed)), seen=typed.seen)


def _guest(engine: Engine, chat_id: int, typed: m.GuestIn) -> Awaitable[int | None]:
    return engine.play.add_guest(chat_id, typed.guest_id, typed.met)


def _no_guest(engine: Engine, chat_id: int, _typed: BaseModel) -> Awaitable[int | None]:
    return engine.play.remove_guest(chat_id)


EDITS: Sequence[Edit] = (
    Edit("activity", "people", "Correct what someone is doing, and where", m.ActivityIn, _activity),
    Edit("entity", "people", "Correct mood, goals and status", m.EntityIn, _entity),
    Edit("you", "people", "Change what you are called, and what they may know of you", m.YouIn, _you),
    Edit("inventory", "people", "Correct what someone carries", m.InventoryIn, _inventory),
    Edit("place", "scene", "Correct the place of the running scene", m.PlaceIn, _place),
    Edit("world", "scene", "Correct time and weather", m.WorldIn, _world),
    Edit("edge", "edges", "Set affinity and trust of a directed edge", m.EdgeIn, _edge),
    Edit("edge-summary", "edges", "Correct a directed edge's summary", m.EdgeSummaryIn, _edge_summary),
    Edit("fact", "edges", "Add something an observer holds to be true", m.FactIn, _fact),
    Edit("fact-removed", "edges", "Take a fact away", m.FactRemovedIn, _fact_removed),
    Edit("group", "edges", "Correct the group's summary", m.GroupIn, _group),
    Edit("note", "note", "Set the author's note", m.NoteIn, _note),
    Edit("memory", "memory", "Correct a memory's text", m.MemoryIn, _memory),
    Edit("pin", "memory", "Pin or unpin a memory by hand", m.PinIn, _pin),
    Edit("witnesses", "memory", "Correct who perceived a memory", m.WitnessesIn, _witnesses),
)
"""What both interfaces offer under the same names."""
GUEST_EDITS: Sequence[Edit] = (
    Edit("guest", "people", "Let a guest in", m.GuestIn, _guest),
    Edit("guest-removed", "people", "Send the guest away", m.NothingIn, _no_guest),
)
"""What the drawer's forms offer besides; the JSON interface has an address for the guest."""
