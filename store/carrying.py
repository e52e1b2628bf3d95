"""Carrying over: what a person corrected in an outcome, for the outcome that takes its place.

A stage that runs again records its memories, facts, places, scenes, story events and threads anew, under new
ids, while a person's corrections name the old ones. What is found again is corrected again as the person had
left it.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Any

import apsw

from store import log
from store.events import (
    ContainerChanged,
    ContainerCreated,
    EdgeFactRemoved,
    EdgeUpdated,
    Event,
    MemoryEdited,
    MemoryPinned,
    MemoryUnpinned,
    MemoryWitnessChanged,
    MemoryWritten,
    Payload,
    SceneEdited,
    SceneOpened,
    StoryEventCancelled,
    StoryEventCompleted,
    StoryEventEdited,
    StoryEventPlanned,
    ThreadClosed,
    ThreadOpened,
    ThreadUpdated,
)
from store.events.relationships import MAX_FACTS
from store.ledger import Claim
from store.live import is_live
from store.rows import rows

Key = tuple[str | int | None, ...]
"""What makes a thing the same in two outcomes, after the name of the field that corrections know it by."""
Thing = tuple[str | int | None, int]
"""The field that corrections know a thing by, and its id."""
Corrections = dict[Key, list[tuple[Payload, ...]]]
"""What was last corrected of each thing; of several with one key, in their order."""

ASPECTS: Mapping[type[Payload], tuple[str, str]] = {
    MemoryEdited: ("memory_id", "text"),
    MemoryPinned: ("memory_id", "pin"),
    MemoryUnpinned: ("memory_id", "pin"),
    MemoryWitnessChanged: ("memory_id", "witnesses"),
    EdgeFactRemoved: ("fact_id", "removed"),
    ContainerChanged: ("container_id", "place"),
    SceneEdited: ("scene_id", "words"),
    StoryEventEdited: ("story_event_id", "plan"),
    StoryEventCompleted: ("story_event_id", "end"),
    StoryEventCancelled: ("story_event_id", "end"),
    ThreadUpdated: ("thread_id", "words"),
    ThreadClosed: ("thread_id", "end"),
}
"""Correction → the field that names what is corrected, and what of it: of one aspect the last word counts."""
PARTIAL = (SceneEdited, ThreadUpdated)
"""Corrections that leave what they do not name as it was: all of them count, in their order."""


def corrections(db: apsw.Connection, claim: Claim) -> Corrections:
    """What a person has corrected in the outcomes of a run's earlier generations, each thing as of the
    latest that had it. To be asked before those are superseded."""
    if claim.generation == 0:
        return {}
    known: dict[Key, list[int]] = {}
    recorded: set[int] = set()
    for run_id in _earlier(db, claim):
        of_run: dict[Key, list[int]] = {}
        for event in log.of_run(db, run_id):
            recorded.add(event.id)
            for key, thing_id in _things(event):
                of_run.setdefault(key, []).append(thing_id)
        known |= of_run
    named = {(key[0], one) for key, thing_ids in known.items() for one in thing_ids}
    by_hand = _by_hand(db, claim.chat_id, named, recorded) if named else {}
    return {
        key: [tuple(by_hand.get((key[0], one), {}).values()) for one in thing_ids]
        for key, thing_ids in known.items()
    }


def carried(to: Event[Any], left: Corrections) -> Iterator[Payload]:
    """What is to be recorded again for an event just recorded; each is taken out of what is left."""
    for key, thing_id in _things(to):
        for payload in left[key].pop(0) if left.get(key) else ():
            yield payload.model_copy(update={ASPECTS[type(payload)][0]: thing_id})


def _things(event: Event[Any]) -> Iterator[tuple[Key, int]]:
    """What an event brings into being that a person may correct, with its id."""
    match event.payload:
        case MemoryWritten() as memory:
            yield ("memory_id", memory.owner_id, memory.turn_id, memory.form), event.id
        case ContainerCreated() as created:
            yield ("container_id", _plain(created.container.name)), event.id
        case SceneOpened():
            yield ("scene_id",), event.id
        case StoryEventPlanned() as planned:
            yield ("story_event_id", _plain(planned.plan.title)), event.id
        case ThreadOpened() as opened:
            yield ("thread_id", _plain(opened.title)), event.id
        case EdgeUpdated() as edge:
            for number, fact in enumerate(edge.facts):
                key = ("fact_id", edge.observer_id, edge.target_id, _plain(fact.text))
                yield key, event.id * MAX_FACTS + number


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _earlier(db: apsw.Connection, claim: Claim) -> list[int]:
    found = rows(
        db,
        "SELECT id FROM run WHERE stage = ? AND event_id = ? AND generation < ? AND state = 'done'"
        " ORDER BY generation",
        (claim.stage, claim.event_id, claim.generation),
    )
    return [run_id for (run_id,) in found]


def _by_hand(
    db: apsw.Connection, chat_id: int, named: Set[Thing], recorded: Set[int]
) -> dict[Thing, dict[str, Payload]]:
    """Thing → aspect → the last correction. One that was carried over before answers what was recorded then,
    and has not lost its force with it."""
    fields = {field for field, _ in named}
    last: dict[Thing, dict[str, Payload]] = {}
    kinds = [kind.kind for kind, (field, _) in ASPECTS.items() if field in fields]
    for event in log.by_hand(db, chat_id, kinds):
        field, aspect = ASPECTS[type(event.payload)]
        thing = (field, getattr(event.payload, field))
        manual = getattr(event.payload, "by", "manual") == "manual"
        if thing in named and manual and (event.cause_id in recorded or is_live(db, event.id)):
            if isinstance(event.payload, PARTIAL):
                aspect = f"{aspect} {event.id}"
            last.setdefault(thing, {})[aspect] = event.payload
    return last
