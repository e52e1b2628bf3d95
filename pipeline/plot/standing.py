"""Standing: how those in a chat and its places are, with what is about to be recorded reckoned in.

One story event may end what another has just begun, in the same commit; so what is told of the second must
know of the first before either is folded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import apsw

from store import live, log, places, plot, relations, without
from store.events import (
    ActivityChanged,
    Container,
    ContainerChanged,
    EntityChanged,
    Event,
    InventoryChanged,
    Payload,
    StoryEventCompleted,
    StoryEventExpired,
    StoryEventStarted,
)
from store.plot import StoryEvent
from store.relations import EntityState


@dataclass
class Standing:
    """`events` are the story events that are open; `over` those that are about to be completed. `left_off` is
    what they did, since the first of these began, whose doing a new scene has put away: it comes back where
    the scene is taken back."""

    states: dict[int, EntityState]
    places: dict[int, Container]
    events: dict[int, StoryEvent]
    over: set[int] = field(default_factory=set)
    left_off: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, db: apsw.Connection, chat_id: int) -> "Standing":
        states, events = relations.states(db, chat_id), plot.open_story_events(db, chat_id)
        return cls(
            states,
            {one.id: one.container for one in places.places(db, chat_id)},
            {one.id: one for one in events},
            left_off=_left_off(db, chat_id, states, events),
        )

    def going_besides(self, event: StoryEvent) -> list[StoryEvent]:
        """The other story events that go on."""
        return [one for one in self.events.values() if one.state == "active" and one.id != event.id]

    def leave_out(self, db: apsw.Connection, chat_id: int, fallen: Sequence[Event[Payload]]) -> None:
        """What an earlier outcome changed is as if it had not: it falls when this one is recorded."""
        ids = {event.id for event in fallen}
        for event in fallen:
            match event.payload:
                case (
                    InventoryChanged(entity_id=who)
                    | ActivityChanged(entity_id=who)
                    | EntityChanged(entity_id=who)
                ):
                    self.states[who] = without.entity(db, chat_id, who, ids)
                case ContainerChanged(container_id=where):
                    self.places[where] = without.container(db, chat_id, where, ids) or self.places[where]

    def reckoned(self, told: Iterator[Payload]) -> Iterator[Payload]:
        """The payloads, each reckoned in before the next is made."""
        for payload in told:
            self._reckon(payload)
            yield payload

    def _reckon(self, payload: Payload) -> None:
        match payload:
            case InventoryChanged() | ActivityChanged() | EntityChanged():
                before = self.states.get(payload.entity_id, EntityState(payload.entity_id))
                self.states[payload.entity_id] = _after(before, payload)
            case ContainerChanged():
                self.places[payload.container_id] = payload.container
            case StoryEventStarted() if payload.story_event_id in self.events:
                started = replace(
                    self.events[payload.story_event_id], state="active", present=payload.present
                )
                self.events[payload.story_event_id] = started
            case StoryEventCompleted():
                self.events.pop(payload.story_event_id, None)
                self.over.add(payload.story_event_id)
            case StoryEventExpired():
                self.events.pop(payload.story_event_id, None)


def _after(state: EntityState, change: InventoryChanged | ActivityChanged | EntityChanged) -> EntityState:
    if isinstance(change, InventoryChanged):
        lost = {thing.casefold() for thing in change.lost}
        left = tuple(thing for thing in state.inventory if thing.casefold() not in lost)
        return replace(state, inventory=(*left, *change.gained))
    if isinstance(change, ActivityChanged):
        return replace(
            state, activity=change.activity, slot=state.slot if change.slot is None else change.slot
        )
    return replace(
        state,
        mood=state.mood if change.mood is None else change.mood,
        goals=state.goals if change.goals is None else change.goals,
        status=state.status if change.status is None else change.status,
    )


def _left_off(
    db: apsw.Connection, chat_id: int, states: Mapping[int, EntityState], events: Iterable[StoryEvent]
) -> dict[int, str]:
    """The last words on what those did who do nothing now, as far back as anything that goes on began."""
    begun = [one.started_by for one in events if one.state == "active" and one.started_by is not None]
    found: dict[int, str] = {}
    if not begun:
        return found
    for event in log.newest(db, chat_id, ActivityChanged, after=min(begun)):
        did = event.payload
        state = states.get(did.entity_id)
        if state is not None and not (state.activity or state.slot) and live.is_live(db, event.id):
            found.setdefault(did.entity_id, f"{did.activity} {did.slot or ''}")
    return found
