"""Reading place and time: the scene, its container, what was told of closed ones, and the world."""

import json
from dataclasses import dataclass

import apsw

from store.errors import NotFound
from store.events import Container
from store.rows import Row, row, rows

SCENES = ("scene.opened", "scene.closed")
"""Kinds that change which scene goes on."""


@dataclass(frozen=True, slots=True)
class Place:
    """A container as it stands."""

    id: int
    container: Container
    changed_by: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene; `closed_by` is the event that closed it, `present` who is in it, if not everyone;
    the clocks say when it opened and closed; `weather` how it was when it closed, if the story has one;
    `significance` is what a person said of it, if they did."""

    id: int
    chat_id: int
    container_id: int | None
    title: str
    closed_by: int | None
    reason: str
    clock: int = 0
    closed_clock: int | None = None
    significance: int | None = None
    changed_by: int = 0
    weather: str | None = None
    present: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SceneSummary:
    """A closed scene as one of its witnesses tells it; `memory_id` is the same as that witness keeps it,
    `changed_by` the event that last changed the words, `quotes_by` that which last changed the quotes."""

    id: int
    scene_id: int
    owner_id: int
    summary: str
    quotes: tuple[str, ...]
    drew_on: tuple[int, ...]
    memory_id: int | None = None
    changed_by: int = 0
    quotes_by: int = 0


@dataclass(frozen=True, slots=True)
class World:
    time: str = ""
    weather: str = ""
    changed_by: int = 0


CONTAINER = "id, name, description, slots, moving, public, audible_range, changed_by"
SCENE = (
    "id, chat_id, container_id, title, closed_by, reason, clock, closed_clock, significance, changed_by,"
    " weather, present"
)
SUMMARY = (
    "scene_summary.id, scene_summary.scene_id, scene_summary.owner_id, summary, quotes,"
    " scene_summary.drew_on, memory_id, coalesce(memory.changed_by, scene_summary.id),"
    " coalesce(quotes_by, scene_summary.id)"
)


def _place(found: Row) -> Place:
    container_id, name, description, slots, moving, public, audible_range, changed_by = found
    held = Container(
        name=name,
        description=description,
        slots=tuple(json.loads(slots)),
        moving=bool(moving),
        public=bool(public),
        audible_range=audible_range,
    )
    return Place(container_id, held, changed_by)


def place(db: apsw.Connection, container_id: int) -> Place:
    found = row(db, f"SELECT {CONTAINER} FROM container WHERE id = ?", (container_id,))
    if found is None:
        raise NotFound(f"There is no container {container_id}.")
    return _place(found)


def places(db: apsw.Connection, chat_id: int) -> list[Place]:
    found = rows(db, f"SELECT {CONTAINER} FROM container WHERE chat_id = ? ORDER BY id", (chat_id,))
    return [_place(one) for one in found]


def _scene(found: Row) -> Scene:
    return Scene(*(*found[:-1], tuple(json.loads(found[-1]))))


def scene(db: apsw.Connection, scene_id: int) -> Scene:
    found = row(db, f"SELECT {SCENE} FROM scene WHERE id = ?", (scene_id,))
    if found is None:
        raise NotFound(f"There is no scene {scene_id}.")
    return _scene(found)


def scenes(db: apsw.Connection, chat_id: int) -> list[Scene]:
    found = rows(db, f"SELECT {SCENE} FROM scene WHERE chat_id = ? ORDER BY id", (chat_id,))
    return [_scene(one) for one in found]


def scene_before(db: apsw.Connection, turn_id: int) -> Scene | None:
    """The scene in which a turn was said, leaving out one that was only opened because of it: that scene
    begins with the turn, and it is the one before that the turn may have brought to an end."""
    found = row(db, "SELECT chat_id, scene_id FROM turn WHERE id = ?", (turn_id,))
    if found is None:
        raise NotFound(f"There is no turn {turn_id}.")
    chat_id, scene_id = found
    if scene_id is not None and scene_id > turn_id:
        scene_id = _scene_until(db, chat_id, turn_id)
    return scene(db, scene_id) if scene_id is not None else None


def _scene_until(db: apsw.Connection, chat_id: int, turn_id: int) -> int | None:
    """The scene of the turn before, or, before the first turn, the newest there was."""
    found = row(
        db,
        "SELECT scene_id FROM turn WHERE chat_id = ? AND id < ? ORDER BY anchor_id DESC, id DESC LIMIT 1",
        (chat_id, turn_id),
    ) or row(db, "SELECT max(id) FROM scene WHERE chat_id = ? AND id < ?", (chat_id, turn_id))
    return found[0] if found else None


def perceived(db: apsw.Connection, scene_id: int) -> list[tuple[int, ...]]:
    """Who perceived each turn of a scene, in order."""
    found = rows(db, "SELECT present FROM turn WHERE scene_id = ? ORDER BY anchor_id, id", (scene_id,))
    return [tuple(json.loads(present)) for (present,) in found]


def summaries(db: apsw.Connection, chat_id: int, owner_id: int, *, limit: int = 3) -> list[SceneSummary]:
    """The owner's own summaries of the last scenes that it remembers, oldest of them first."""
    found = rows(
        db,
        f"SELECT {SUMMARY} FROM scene_summary LEFT JOIN memory ON memory.id = memory_id"
        " WHERE scene_summary.chat_id = ?1 AND scene_summary.owner_id = ?2 AND (memory_id IS NULL"
        " OR EXISTS (SELECT 1 FROM json_each(memory.witnesses) WHERE value = ?2))"
        " ORDER BY scene_summary.scene_id DESC LIMIT ?3",
        (chat_id, owner_id, limit),
    )
    return [_summary(one) for one in found][::-1]


def all_summaries(db: apsw.Connection, chat_id: int) -> list[SceneSummary]:
    """Everybody's, for the person's own view; never for an entity's prompt."""
    found = rows(
        db,
        f"SELECT {SUMMARY} FROM scene_summary LEFT JOIN memory ON memory.id = memory_id"
        " WHERE scene_summary.chat_id = ? ORDER BY scene_summary.scene_id, scene_summary.owner_id",
        (chat_id,),
    )
    return [_summary(one) for one in found]


def _summary(found: Row) -> SceneSummary:
    summary_id, scene_id, owner_id, summary, quotes, drew_on, *rest = found
    learnt = (tuple(json.loads(quotes)), tuple(json.loads(drew_on)))
    return SceneSummary(summary_id, scene_id, owner_id, summary, *learnt, *rest)


def summarized_scenes(db: apsw.Connection, chat_id: int, owner_id: int) -> frozenset[int]:
    """The scenes the owner has a summary of: their turns need not be told again."""
    found = rows(
        db, "SELECT scene_id FROM scene_summary WHERE chat_id = ? AND owner_id = ?", (chat_id, owner_id)
    )
    return frozenset(scene_id for (scene_id,) in found)


def world(db: apsw.Connection, chat_id: int) -> World:
    found = row(db, "SELECT time, weather, changed_by FROM world WHERE chat_id = ?", (chat_id,))
    return World(*found) if found else World()
