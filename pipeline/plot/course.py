"""The course: which story events begin and which run out between two clocks, in the order of the story."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from pipeline.plot.conditions import Situation, begins
from store.plot import StoryEvent


class Happening(NamedTuple):
    """A story event begins or runs out. They sort by when they happen; of one that does both in the same
    minute, the beginning comes first."""

    clock: int
    story_event_id: int
    order: int
    what: Literal["started", "expired"]
    story_event: StoryEvent
    reason: str = ""


def course(events: Iterable[StoryEvent], situation: Situation, until: int) -> list[Happening]:
    """What happens to open story events from the situation's clock until another, both included. One that
    runs out before it can begin does not begin."""
    return sorted((one for event in events for one in _of(event, situation, until)), key=lambda one: one[:3])


def _of(event: StoryEvent, situation: Situation, until: int) -> Iterator[Happening]:
    expires = event.plan.expires
    last = until if expires is None else min(until, expires)
    if event.state == "planned":
        found = begins(event.plan, situation)
        if found is not None and found[0] <= last:
            clock, reason = found
            yield Happening(clock, event.id, 0, "started", event, reason)
    if expires is not None and expires < until:
        yield Happening(expires, event.id, 1, "expired", event)
