"""Reading the plot: story events and threads, as the person and the stages see them."""

import json
from dataclasses import dataclass
from typing import Literal

import apsw

from store.errors import NotFound
from store.events.plot import StoryPlan
from store.live import CONTROLS
from store.rows import Row, row, rows

StoryEventState = Literal["planned", "active", "completed", "cancelled", "expired"]
OPEN: tuple[StoryEventState, ...] = ("planned", "active")

COURSE = (
    "story_event.edited",
    "story_event.started",
    "story_event.completed",
    "story_event.cancelled",
    "story_event.expired",
    *sorted(CONTROLS),
)
"""Kinds that change how a story event stands."""


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """A story event as it stands. `present` are those who saw it start, in the scene `scene_id`; `reason` is
    why it started or ended. Clocks are minutes of story time."""

    id: int
    chat_id: int
    plan: StoryPlan
    state: StoryEventState
    present: tuple[int, ...]
    scene_id: int | None
    started_by: int | None
    started_clock: int | None
    ended_by: int | None
    ended_clock: int | None
    gist: str
    reason: str
    changed_by: int


@dataclass(frozen=True, slots=True)
class Thread:
    """Something that is open, or was. `touched_clock` is when it last moved."""

    id: int
    chat_id: int
    title: str
    summary: str
    known_to: tuple[int, ...]
    scene_id: int | None
    drew_on: tuple[int, ...]
    opened_clock: int
    touched_clock: int
    closed_by: int | None
    resolution: str
    changed_by: int


@dataclass(frozen=True, slots=True)
class OpenPlot:
    """The story events and threads of a chat that are open."""

    events: tuple[StoryEvent, ...] = ()
    threads: tuple[Thread, ...] = ()


STORY_EVENT = (
    "id, chat_id, plan, state, present, scene_id, started_by, started_clock, ended_by, ended_clock, gist,"
    " reason, changed_by"
)
THREAD = (
    "id, chat_id, title, summary, known_to, scene_id, drew_on, opened_clock, touched_clock, closed_by,"
    " resolution, changed_by"
)


def _story_event(found: Row) -> StoryEvent:
    event_id, chat_id, plan, state, present, *rest = found
    return StoryEvent(
        event_id, chat_id, StoryPlan.model_validate_json(plan), state, tuple(json.loads(present)), *rest
    )


def _thread(found: Row) -> Thread:
    thread_id, chat_id, title, summary, known_to, scene_id, drew_on, *rest = found
    known, drawn = tuple(json.loads(known_to)), tuple(json.loads(drew_on))
    return Thread(thread_id, chat_id, title, summary, known, scene_id, drawn, *rest)


def story_event(db: apsw.Connection, chat_id: int, story_event_id: int) -> StoryEvent:
    found = row(
        db, f"SELECT {STORY_EVENT} FROM story_event WHERE id = ? AND chat_id = ?", (story_event_id, chat_id)
    )
    if found is None:
        raise NotFound(f"There is no story event {story_event_id} in chat {chat_id}.")
    return _story_event(found)


def story_events(db: apsw.Connection, chat_id: int) -> list[StoryEvent]:
    """All of a chat, in the order they were planned."""
    found = rows(db, f"SELECT {STORY_EVENT} FROM story_event WHERE chat_id = ? ORDER BY id", (chat_id,))
    return [_story_event(one) for one in found]


def open_story_events(db: apsw.Connection, chat_id: int) -> list[StoryEvent]:
    """Those planned or going on. Costs nothing where there are none."""
    found = rows(
        db,
        f"SELECT {STORY_EVENT} FROM story_event INDEXED BY story_event_open WHERE chat_id = ?"
        " AND state IN ('planned', 'active') ORDER BY id",
        (chat_id,),
    )
    return [_story_event(one) for one in found]


def completed(db: apsw.Connection, chat_id: int) -> frozenset[int]:
    """The story events of a chat that came to their end."""
    found = rows(
        db,
        "SELECT id FROM story_event INDEXED BY story_event_chat WHERE chat_id = ? AND state = 'completed'",
        (chat_id,),
    )
    return frozenset(story_event_id for (story_event_id,) in found)


def thread(db: apsw.Connection, chat_id: int, thread_id: int) -> Thread:
    found = row(db, f"SELECT {THREAD} FROM thread WHERE id = ? AND chat_id = ?", (thread_id, chat_id))
    if found is None:
        raise NotFound(f"There is no thread {thread_id} in chat {chat_id}.")
    return _thread(found)


def threads(db: apsw.Connection, chat_id: int) -> list[Thread]:
    """All of a chat, the open ones too, in the order they were opened."""
    found = rows(db, f"SELECT {THREAD} FROM thread WHERE chat_id = ? ORDER BY id", (chat_id,))
    return [_thread(one) for one in found]


def open_threads(db: apsw.Connection, chat_id: int) -> list[Thread]:
    found = rows(
        db,
        f"SELECT {THREAD} FROM thread INDEXED BY thread_open WHERE chat_id = ? AND closed_by IS NULL"
        " ORDER BY id",
        (chat_id,),
    )
    return [_thread(one) for one in found]


def open_plot(db: apsw.Connection, chat_id: int) -> OpenPlot:
    """What is open in a chat. One query where nothing is, because every turn asks."""
    found = row(
        db,
        "SELECT EXISTS (SELECT 1 FROM story_event INDEXED BY story_event_open WHERE chat_id = ?1"
        " AND state IN ('planned', 'active')),"
        " EXISTS (SELECT 1 FROM thread INDEXED BY thread_open WHERE chat_id = ?1 AND closed_by IS NULL)",
        (chat_id,),
    )
    events, held = found or (0, 0)
    return OpenPlot(
        tuple(open_story_events(db, chat_id)) if events else (),
        tuple(open_threads(db, chat_id)) if held else (),
    )
