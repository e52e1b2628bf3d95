"""Pinning: what is pivotal stays before its owner, and older automatic pins make room for it."""

from collections.abc import Iterator, Sequence

import apsw

from store import memories
from store.events import PIVOTAL, MemoryPinned, MemoryUnpinned, SignificanceScored
from store.memories import Memory

MAX_PINS = 8
"""Pins of one bot, counting those by hand. Only automatic ones make room; a new one is always kept."""


def pinned(memory: Memory, pins: Sequence[Memory]) -> Iterator[MemoryPinned | MemoryUnpinned]:
    """Pin a memory its owner perceived; `pins` are the owner's, oldest first. Pinned anew where it already
    is, so that the outcome of a replay stands alone."""
    if memory.owner_id not in memory.witnesses or memory.pinned == "manual":
        return
    yield from room([one for one in pins if one.id != memory.id])
    yield MemoryPinned(memory_id=memory.id, by="auto")


def room(pins: Sequence[Memory]) -> Iterator[MemoryUnpinned]:
    """What makes room for one pin more."""
    excess = len(pins) + 1 - MAX_PINS
    evictable = [one for one in pins if one.pinned == "auto"]
    for oldest in evictable[: max(0, excess)]:
        yield MemoryUnpinned(memory_id=oldest.id, by="auto")


def as_rated(db: apsw.Connection, rated: SignificanceScored) -> Iterator[MemoryPinned | MemoryUnpinned]:
    """The memories of a turn that a person rated: pinned where it is pivotal, else without their automatic
    pins."""
    for memory in memories.of_turn(db, rated.turn_id):
        if rated.score == PIVOTAL:
            yield from pinned(memory, memories.pinned(db, memory.chat_id, memory.owner_id))
        elif memory.pinned == "auto":
            yield MemoryUnpinned(memory_id=memory.id, by="auto")
