"""Stale: what a person said that holds of nothing now, and what is told of a scene that is another by now.

Nothing of it is gone. It is shown as what it is, and holds again when the story is as it was.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from store import addresses, live, log
from store.events import Event, SceneEdited
from store.places import Scene, SceneSummary
from store.rows import rows

BY_HAND = (
    "SELECT said.id, said.thing_id FROM said JOIN event ON event.id = said.id"
    " WHERE said.chat_id = ? AND event.run_id IS NULL AND event.cause_id IS NULL ORDER BY said.id"
)


@dataclass(frozen=True, slots=True)
class Unheld:
    """A person's word on something that is not there any more: a memory, a scene, what is told of one. Its
    turn is, so that it did not simply fall with that."""

    event: Event[Any]
    of: Event[Any]


def unheld(db: apsw.Connection, chat_id: int) -> list[Unheld]:
    """What a person said that holds of nothing, in the order in which they did."""
    found = (
        Unheld(event, log.event(db, addresses.maker(db, event)))
        for event in (log.event(db, event_id) for event_id, of in rows(db, BY_HAND, (chat_id,)) if of is None)
    )
    return [one for one in found if live.is_live(db, addresses.root(db, one.of))]


def retimed(db: apsw.Connection, scenes: Sequence[Scene]) -> Mapping[int, tuple[int, int | None]]:
    """Scene → the times a person said of it, where it could not keep them."""
    told: dict[int, tuple[int, int | None]] = {}
    holds_of: dict[int, int | None] = dict(rows(db, BY_HAND, (scenes[0].chat_id,))) if scenes else {}
    for event in log.by_hand(db, scenes[0].chat_id, (SceneEdited.kind,)) if scenes else ():
        if event.payload.begins is not None and live.is_live(db, event.id):
            scene_id = holds_of.get(event.id) or event.payload.scene_id
            told[scene_id] = (event.payload.begins, event.payload.ends)
    return {
        one.id: told[one.id]
        for one in scenes
        if one.id in told and told[one.id] != (one.clock, told[one.id][1] and one.closed_clock)
    }


def outdated(db: apsw.Connection, chat_id: int, told: Sequence[SceneSummary]) -> frozenset[int]:
    """Those of the summaries that were told, or put in other words, when other turns were perceived in the
    scene than now."""
    edited: dict[int, int] = dict(
        rows(
            db,
            "SELECT said.thing_id, max(said.id) FROM said JOIN event ON event.id = said.id"
            " WHERE said.chat_id = ? AND event.kind = 'memory.edited' GROUP BY said.thing_id",
            (chat_id,),
        )
    )
    return frozenset(
        one.id for one in told if _drawn_on(db, one, edited.get(one.memory_id or 0)) != _perceived(db, one)
    )


def _drawn_on(db: apsw.Connection, told: SceneSummary, edited_by: int | None) -> frozenset[int]:
    """The turns it rests on: as it was told, or as it stood when the person put it in other words."""
    drew_on = log.event(db, told.id).payload.drew_on
    if edited_by is not None:
        drew_on = log.event(db, addresses.maker(db, log.event(db, edited_by))).payload.drew_on
    found = rows(
        db,
        "SELECT payload ->> 'turn_id' FROM event WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(drew_on),),
    )
    return frozenset(turn_id for (turn_id,) in found)


def _perceived(db: apsw.Connection, told: SceneSummary) -> frozenset[int]:
    found = rows(
        db,
        "SELECT turn_id FROM memory WHERE owner_id = ?1 AND scene_id = ?2 AND form = 'turn'"
        " AND EXISTS (SELECT 1 FROM json_each(witnesses) WHERE value = ?1)",
        (told.owner_id, told.scene_id),
    )
    return frozenset(turn_id for (turn_id,) in found)
