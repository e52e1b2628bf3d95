"""Memory: what one entity keeps of what happened, how it came to know it, and who perceived it."""

from typing import Literal

from store.events.clock import Clock
from store.events.judgement import Significance
from store.events.payload import Payload, Spoken
from store.events.references import EntityId, EventId

How = Literal["witnessed", "told", "overheard", "read", "inferred", "digest"]
"""How a piece of knowledge was come by."""
MemoryForm = Literal["turn", "summary", "digest"]
PinnedBy = Literal["auto", "manual"]


class MemoryWritten(Payload):
    """What one entity remembers; `witnesses` are the entities that perceived it (0 is you), `from_id` who
    told it, `drew_on` the events it descends from besides its cause, `clock` when it was, if not now;
    `significance` how much it matters, where that is not for its turn or scene to say."""

    kind = "memory.written"
    owner_id: EntityId
    turn_id: EventId | None = None
    speaker_name: str
    text: Spoken
    witnesses: tuple[EntityId, ...]
    form: MemoryForm = "turn"
    how: How = "witnessed"
    from_id: EntityId | None = None
    scene_id: EventId | None = None
    drew_on: tuple[EventId, ...] = ()
    clock: Clock | None = None
    significance: Significance | None = None


class MemoryEdited(Payload):
    kind = "memory.edited"
    memory_id: EventId
    text: Spoken


class MemoryPinned(Payload):
    """From now on always in its owner's prompt; an automatic pin may be evicted by a newer one."""

    kind = "memory.pinned"
    memory_id: EventId
    by: PinnedBy


class MemoryUnpinned(Payload):
    kind = "memory.unpinned"
    memory_id: EventId
    by: PinnedBy


class MemoryWitnessChanged(Payload):
    """Who perceived it, corrected by the person. An owner that did not perceive it does not remember it."""

    kind = "memory.witness_changed"
    memory_id: EventId
    witnesses: tuple[EntityId, ...]


class MemoryEmbedded(Payload):
    """The stage `embed` has seen to it that the vector of a memory's text is in the cache; `digest` and
    `model` name it there. A record of that run and no more: a search asks the cache, which may be filled or
    emptied without a word in the log."""

    kind = "memory.embedded"
    memory_id: EventId
    model: str
    digest: str
