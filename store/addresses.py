"""Addresses: what a thing of the story is known by, whichever run has made it.

A stage that runs again records its memories, facts, places, scenes and the rest anew, under new ids, while
what was said of the old ones names these. An address says what a thing is: what Ada remembers of turn 12,
the scene that begins with turn 30, what Bea tells of that scene. It is read off the log, where what a word
names stands whether it counts or not; so whatever was said of a thing can be said of the one that takes its
place.
"""

from collections.abc import Iterator, Mapping

import apsw

from store import log
from store.events import (
    ContainerChanged,
    ContainerCreated,
    DigestEdited,
    DigestSurfaced,
    DigestWritten,
    EdgeFactRemoved,
    EdgeUpdated,
    Event,
    MemoryEdited,
    MemoryPinned,
    MemoryUnpinned,
    MemoryWitnessChanged,
    MemoryWritten,
    Payload,
    QuotesEdited,
    SceneClosed,
    SceneEdited,
    SceneOpened,
    SceneSummarized,
    StoryEventCancelled,
    StoryEventCompleted,
    StoryEventEdited,
    StoryEventExpired,
    StoryEventPlanned,
    StoryEventStarted,
    ThreadClosed,
    ThreadOpened,
    ThreadUpdated,
)
from store.events.relationships import MAX_FACTS
from store.rows import row

NAMING: Mapping[type[Payload], str] = {
    MemoryEdited: "memory_id",
    MemoryPinned: "memory_id",
    MemoryUnpinned: "memory_id",
    MemoryWitnessChanged: "memory_id",
    EdgeFactRemoved: "fact_id",
    ContainerChanged: "container_id",
    SceneEdited: "scene_id",
    SceneClosed: "scene_id",
    SceneSummarized: "scene_id",
    MemoryWritten: "scene_id",
    QuotesEdited: "summary_id",
    DigestEdited: "digest_id",
    DigestSurfaced: "digest_id",
    StoryEventEdited: "story_event_id",
    StoryEventStarted: "story_event_id",
    StoryEventCompleted: "story_event_id",
    StoryEventCancelled: "story_event_id",
    StoryEventExpired: "story_event_id",
    ThreadUpdated: "thread_id",
    ThreadClosed: "thread_id",
}
"""What is said of a thing → the field that names it. A memory names a scene where it is what its owner tells
of it."""
HELD_IN: Mapping[str, str] = {
    "memory_id": "memory",
    "fact_id": "fact",
    "container_id": "container",
    "scene_id": "scene",
    "summary_id": "scene_summary",
    "digest_id": "digest",
    "story_event_id": "story_event",
    "thread_id": "thread",
}
"""Field → the projection that has what it names, if that counts."""


def named(db: apsw.Connection, event: Event[Payload]) -> tuple[str, int] | None:
    """What the event says something of, as the field that names it and the id; None where it is nothing that
    a run could make anew."""
    field = NAMING.get(type(event.payload))
    if field is None or (isinstance(event.payload, MemoryWritten) and not is_told(db, event)):
        return None
    return field, getattr(event.payload, field)


def is_told(db: apsw.Connection, event: Event[Payload]) -> bool:
    """Whether a memory is what its owner tells of a scene that is over: written with that. The gist of a
    story event is of a scene as well, and was once written alike."""
    memory = event.payload
    if not isinstance(memory, MemoryWritten) or memory.form != "summary" or memory.scene_id is None:
        return False
    with_it = "SELECT 1 FROM event WHERE run_id = ? AND ordinal = ? AND kind = 'scene.summarized'"
    return row(db, with_it, (event.run_id, event.ordinal - 1)) is not None


def said_of(db: apsw.Connection, event: Event[Payload]) -> str | None:
    """The address of what the event says something of; None where nothing can take its place."""
    found = named(db, event)
    if found is None:
        return None
    thing_id, by = found[1], _event(db, maker(db, event))
    return next((at for at, one in made(db, by) if one == thing_id), None) if by else None


def maker(db: apsw.Connection, event: Event[Payload]) -> int:
    """The event that made what this one says something of; 0 where it is nothing."""
    field, thing_id = named(db, event) or ("", 0)
    return thing_id // MAX_FACTS if field == "fact_id" else thing_id


def made(db: apsw.Connection, event: Event[Payload]) -> Iterator[tuple[str, int]]:
    """The things that an event of a run makes, each by its address and its id. What is made by hand stands
    for itself: nothing makes it anew."""
    if event.run_id is None:
        return
    match event.payload:
        case MemoryWritten(turn_id=int(turn_id)) as memory:
            yield f"memory {memory.form} {memory.owner_id} turn {turn_id}", event.id
        case MemoryWritten(scene_id=int(scene_id)) as memory if is_told(db, event):
            yield f"memory told {memory.owner_id} {opening(db, scene_id)}", event.id
        case MemoryWritten() as memory:
            yield f"memory {memory.form} {memory.owner_id} {origin(db, event)}", event.id
        case SceneSummarized() as summary:
            yield f"summary {summary.owner_id} {opening(db, summary.scene_id)}", event.id
        case DigestWritten() as digest:
            yield f"digest {opening(db, digest.scene_id)}", event.id
        case SceneOpened():
            yield opening(db, event.id), event.id
        case ContainerCreated() as created:
            yield f"place {origin(db, event)} {_plain(created.container.name)}", event.id
        case StoryEventPlanned() as planned:
            yield f"story event {origin(db, event)} {_plain(planned.plan.title)}", event.id
        case ThreadOpened() as opened:
            yield f"thread {origin(db, event)} {_plain(opened.title)}", event.id
        case EdgeUpdated(facts=facts) as edge if facts:
            whose = f"fact {origin(db, event)} {edge.observer_id} {edge.target_id}"
            for number, fact in enumerate(facts):
                yield f"{whose} {_plain(fact.text)}", event.id * MAX_FACTS + number


def opening(db: apsw.Connection, scene_id: int) -> str:
    """A scene by what it began with: the turn that led there or the skip that was asked for. One that was
    opened by hand stands for itself."""
    return f"scene {_opener(db, scene_id)}"


def _opener(db: apsw.Connection, scene_id: int) -> int:
    opened = _event(db, scene_id)
    return scene_id if opened is None else origin(db, opened)


def root(db: apsw.Connection, event: Event[Payload]) -> int:
    """What a thing stands and falls with: the turn it came of, and what is told of a scene with what that
    began with."""
    match event.payload:
        case MemoryWritten(scene_id=int(scene_id)) if is_told(db, event):
            return _opener(db, scene_id)
        case SceneSummarized(scene_id=scene_id) | DigestWritten(scene_id=scene_id):
            return _opener(db, scene_id)
    return origin(db, event)


def origin(db: apsw.Connection, event: Event[Payload]) -> int:
    """The turn that an event came of, or the act of a person: what no replay makes anew."""
    event_id, run_id, cause_id = event.id, event.run_id, event.cause_id
    while run_id is not None and cause_id is not None:
        found = row(db, "SELECT id, run_id, cause_id, kind FROM event WHERE id = ?", (cause_id,))
        if found is None:
            break
        event_id, run_id, cause_id, kind = found
        if kind in ("turn.user", "turn.assistant"):
            break
    return event_id


def _event(db: apsw.Connection, event_id: int) -> Event[Payload] | None:
    return log.event(db, event_id) if row(db, "SELECT 1 FROM event WHERE id = ?", (event_id,)) else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
