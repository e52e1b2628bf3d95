"""Skipping time, and going on in another scene: what both leave in the log, whoever asked for it.

A skip that a person asked for with a control and one that their prose tells of are the same thing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from pipeline import story_time
from pipeline.plot.due import fired_between
from store import places
from store.events import (
    JUST_CREATED,
    Container,
    ContainerCreated,
    Payload,
    SceneClosed,
    SceneOpened,
    SkipMode,
    TimeSkipped,
    WorldChanged,
)
from store.rows import row

PAST = "another has followed"
"""Why a scene is over that is found among others."""


@dataclass(frozen=True, slots=True)
class Landing:
    """The scene that is gone to: in a container that is known, or one to be `created`; `from_turn_id` is the
    turn it begins with, if one was said already."""

    container_id: int | None
    created: Container | None = None
    title: str = ""
    present: tuple[int, ...] = ()
    from_turn_id: int | None = None
    time: str = ""
    weather: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """So much time from `clock` on; `turn_id` is the turn that said so, if one did."""

    mode: SkipMode
    minutes: int
    words: str
    clock: int
    turn_id: int | None = None

    @property
    def until(self) -> int:
        return self.clock + self.minutes


def passed(db: apsw.Connection, chat_id: int, skip: Skip) -> Iterator[Payload]:
    """Time passes in a scene that goes on."""
    yield TimeSkipped(mode=skip.mode, minutes=skip.minutes, words=skip.words, turn_id=skip.turn_id)
    yield from fired_between(db, chat_id, skip.clock, skip.until)
    if story_time.in_words(skip.until) != story_time.in_words(skip.clock):
        yield WorldChanged(time=story_time.in_words(skip.until))


def next_scene(
    db: apsw.Connection,
    chat_id: int,
    scene_id: int | None,
    landing: Landing,
    *,
    clock: int,
    reason: str,
    skip: Skip | None = None,
) -> Iterator[Payload]:
    """The scene closed, if there is one, and another opened; with a skip, time passes between them. What was
    to happen meanwhile happens in the new scene: in the old one nobody is left to see it."""
    if scene_id is not None:
        yield SceneClosed(scene_id=scene_id, reason=reason)
    if skip is not None:
        yield TimeSkipped(mode=skip.mode, minutes=skip.minutes, words=skip.words, turn_id=skip.turn_id)
    if landing.created is not None:
        yield ContainerCreated(container=landing.created)
    yield SceneOpened(
        container_id=JUST_CREATED if landing.created is not None else landing.container_id,
        title=landing.title,
        present=landing.present,
        from_turn_id=landing.from_turn_id,
    )
    if landing.from_turn_id is not None and _is_past(db, chat_id, landing.from_turn_id, began_there=False):
        yield SceneClosed(scene_id=JUST_CREATED, reason=PAST, followed=True)
    if skip is not None:
        yield from fired_between(db, chat_id, skip.clock, skip.until)
        time = landing.time or story_time.in_words(skip.until)
        yield WorldChanged(time=time, weather=landing.weather or None)
    elif landing.time or landing.weather:
        told = story_time.clock_at(landing.time, clock)
        yield WorldChanged(time=landing.time or None, weather=landing.weather or None, clock=told)


def no_scene(db: apsw.Connection, chat_id: int, turn_id: int, scene_id: int) -> Iterator[Payload]:
    """After all no scene begins with a turn with which one did: the one before has lasted until the next."""
    if _is_past(db, chat_id, turn_id, began_there=True):
        yield SceneClosed(scene_id=scene_id, reason=PAST, followed=True)


def _is_past(db: apsw.Connection, chat_id: int, turn_id: int, *, began_there: bool) -> bool:
    """Whether a turn lies in a scene that others have followed, and that began with it or did not. What ended
    a scene that began there ends the one that takes its place as well."""
    found = row(
        db,
        "SELECT turn.scene_id IS NOT chat.scene_id, event.run_id IS NOT NULL AND event.cause_id = turn.id"
        " FROM turn JOIN chat ON chat.id = ?1 LEFT JOIN event ON event.id = turn.scene_id WHERE turn.id = ?2",
        (chat_id, turn_id),
    )
    return found is not None and bool(found[0]) and bool(found[1]) == began_there


def container_of(db: apsw.Connection, scene_id: int | None) -> int | None:
    return places.scene(db, scene_id).container_id if scene_id is not None else None
