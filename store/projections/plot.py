"""Story events through their life, and threads. What has ended stays ended: a later word changes nothing."""

import json

import apsw

from store.events import (
    Event,
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
from store.events.plot import StoryPlan
from store.projections.fold import projects

CLOCK = "(SELECT clock FROM chat WHERE id = ?2)"
"""Now, for what is told once."""


def _when(parameter: int) -> str:
    """When an event was told, also where it is said again of what has taken a thing's place later."""
    return f"coalesce((SELECT clock FROM said WHERE id = ?{parameter}), {CLOCK})"


OPEN = "WHERE id = ?1 AND chat_id = ?2 AND state IN ('planned', 'active')"


def _stored(plan: StoryPlan) -> str:
    return plan.model_dump_json()


def _ids(entities: tuple[int, ...]) -> str:
    return json.dumps(sorted(set(entities)))


@projects(StoryEventPlanned)
def story_event_planned(db: apsw.Connection, event: Event[StoryEventPlanned]) -> None:
    db.execute(
        "INSERT INTO story_event(id, chat_id, plan, state, changed_by) VALUES (?1, ?2, ?3, 'planned', ?1)",
        (event.id, event.chat_id, _stored(event.payload.plan)),
    )


@projects(StoryEventEdited)
def story_event_edited(db: apsw.Connection, event: Event[StoryEventEdited]) -> None:
    db.execute(
        f"UPDATE story_event SET plan = ?3, changed_by = ?4 {OPEN}",
        (event.payload.story_event_id, event.chat_id, _stored(event.payload.plan), event.id),
    )


@projects(StoryEventStarted)
def story_event_started(db: apsw.Connection, event: Event[StoryEventStarted]) -> None:
    started = event.payload
    db.execute(
        "UPDATE story_event SET state = 'active', present = ?3, reason = ?4, started_by = ?5,"
        f" started_clock = coalesce(?6, {_when(5)}), scene_id = coalesce((SELECT scene_id FROM said"
        " WHERE id = ?5), (SELECT scene_id FROM chat WHERE id = ?2)),"
        " changed_by = ?5 WHERE id = ?1 AND chat_id = ?2 AND state = 'planned'",
        (
            started.story_event_id,
            event.chat_id,
            _ids(started.present),
            started.reason,
            event.id,
            started.clock,
        ),
    )


@projects(StoryEventCompleted)
def story_event_completed(db: apsw.Connection, event: Event[StoryEventCompleted]) -> None:
    ended = event.payload
    _end(db, event, "completed", ended.story_event_id, gist=ended.gist, reason=ended.reason)


@projects(StoryEventCancelled)
def story_event_cancelled(db: apsw.Connection, event: Event[StoryEventCancelled]) -> None:
    _end(db, event, "cancelled", event.payload.story_event_id, reason=event.payload.reason)


@projects(StoryEventExpired)
def story_event_expired(db: apsw.Connection, event: Event[StoryEventExpired]) -> None:
    _end(db, event, "expired", event.payload.story_event_id, clock=event.payload.clock)


def _end(
    db: apsw.Connection,
    event: Event[StoryEventCompleted | StoryEventCancelled | StoryEventExpired],
    state: str,
    story_event_id: int,
    *,
    gist: str = "",
    reason: str = "",
    clock: int | None = None,
) -> None:
    db.execute(
        "UPDATE story_event SET state = ?3, gist = ?4, reason = ?5, ended_by = ?6,"
        f" ended_clock = coalesce(?7, {_when(6)}), changed_by = ?6 {OPEN}",
        (story_event_id, event.chat_id, state, gist, reason, event.id, clock),
    )


@projects(ThreadOpened)
def thread_opened(db: apsw.Connection, event: Event[ThreadOpened]) -> None:
    opened = event.payload
    db.execute(
        "INSERT INTO thread(id, chat_id, title, summary, known_to, scene_id, drew_on, opened_clock,"
        f" touched_clock, changed_by) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, {CLOCK}, {CLOCK}, ?1"
        " WHERE EXISTS (SELECT 1 FROM chat WHERE id = ?2)",
        (
            event.id,
            event.chat_id,
            opened.title,
            opened.summary,
            _ids(opened.known_to),
            opened.scene_id,
            json.dumps(opened.drew_on),
        ),
    )


@projects(ThreadUpdated)
def thread_updated(db: apsw.Connection, event: Event[ThreadUpdated]) -> None:
    told = event.payload
    known_to = None if told.known_to is None else _ids(told.known_to)
    drew_on = json.dumps(told.drew_on) if told.drew_on else None
    db.execute(
        "UPDATE thread SET title = coalesce(?3, title), summary = coalesce(?4, summary),"
        " known_to = coalesce(?5, known_to), drew_on = coalesce(?6, drew_on),"
        f" touched_clock = {_when(7)}, changed_by = ?7 WHERE id = ?1 AND chat_id = ?2 AND closed_by IS NULL",
        (told.thread_id, event.chat_id, told.title, told.summary, known_to, drew_on, event.id),
    )


@projects(ThreadClosed)
def thread_closed(db: apsw.Connection, event: Event[ThreadClosed]) -> None:
    closed = event.payload
    db.execute(
        f"UPDATE thread SET closed_by = ?3, resolution = ?4, touched_clock = {_when(3)}, changed_by = ?3"
        " WHERE id = ?1 AND chat_id = ?2 AND closed_by IS NULL",
        (closed.thread_id, event.chat_id, event.id, closed.resolution),
    )
