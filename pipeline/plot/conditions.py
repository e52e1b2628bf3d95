"""Conditions: what may be so in the story, and from when on it is.

All but time either hold in a situation or do not; a time holds from its clock on. So one question answers for
a turn and for a skip alike: from when on, if at all.
"""

from dataclasses import dataclass

import apsw

from pipeline.prompt.ooc import strip_ooc
from pipeline.whom import folded, stands_in
from store import places, plot
from store.events import Condition, StoryPlan
from store.views import Chat, Turn

ALWAYS = 0


@dataclass(frozen=True, slots=True)
class Situation:
    """What conditions are held against. `clock` is when it begins; `completed` are the story events that are;
    `text` is what was said in character, if somebody spoke."""

    clock: int
    place: str
    present: frozenset[int]
    completed: frozenset[int]
    text: str = ""


def now(db: apsw.Connection, chat: Chat, clock: int) -> Situation:
    """The chat as it stands, from a clock on."""
    place = _place(db, chat.scene_id)
    return Situation(clock, place, frozenset(chat.cast), plot.completed(db, chat.id))


def of_turn(db: apsw.Connection, turn: Turn) -> Situation:
    """What a turn was said in."""
    place = _place(db, turn.scene_id)
    completed = plot.completed(db, turn.chat_id)
    return Situation(turn.clock, place, frozenset(turn.present), completed, strip_ooc(turn.text))


def _place(db: apsw.Connection, scene_id: int | None) -> str:
    container_id = places.scene(db, scene_id).container_id if scene_id is not None else None
    return places.place(db, container_id).container.name if container_id is not None else ""


def begins(plan: StoryPlan, situation: Situation) -> tuple[int, str] | None:
    """From when on the plan's conditions hold, and the trigger that says so; None where they do not. What has
    no triggers begins by hand alone."""
    needed = [_from(one, situation) for one in plan.preconditions]
    triggered = [(at, one) for one in plan.triggers if (at := _from(one, situation)) is not None]
    if not triggered or None in needed:
        return None
    at, trigger = min(triggered, key=lambda found: found[0])
    return max(situation.clock, at, *(one for one in needed if one is not None)), told(trigger)


def _from(condition: Condition, situation: Situation) -> int | None:
    if condition.kind == "time":
        return condition.clock
    holds = {
        "place": lambda: folded(condition.place) == folded(situation.place),
        "present": lambda: set(condition.entity_ids) <= situation.present,
        "event": lambda: condition.event_id in situation.completed,
        "phrase": lambda: stands_in(situation.text, condition.phrase),
    }
    return ALWAYS if holds[condition.kind]() else None


def told(condition: Condition) -> str:
    """A condition in a few words, as the reason why something began."""
    said = {
        "time": "the time had come",
        "place": f"the place: {condition.place}",
        "present": "who was present",
        "event": "another story event was completed",
        "phrase": f"the words: {condition.phrase}",
    }
    return said[condition.kind]
