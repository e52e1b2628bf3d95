"""Containers, scenes and what is told of them, and the world around."""

import json

import apsw

from store import spans
from store.events import (
    ContainerChanged,
    ContainerCreated,
    Event,
    QuotesEdited,
    SceneClosed,
    SceneEdited,
    SceneOpened,
    SceneSummarized,
    WorldChanged,
)
from store.events.places import Container
from store.projections import memories
from store.projections.fold import projects
from store.rows import row, rows


def _container_values(container: Container) -> tuple[object, ...]:
    slots = json.dumps(container.slots, ensure_ascii=False)
    held = (int(container.moving), int(container.public), container.audible_range)
    return (container.name, container.description, slots, *held)


@projects(ContainerCreated)
def container_created(db: apsw.Connection, event: Event[ContainerCreated]) -> None:
    db.execute(
        "INSERT INTO container(id, chat_id, name, description, slots, moving, public, audible_range,"
        " changed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?1)",
        (event.id, event.chat_id, *_container_values(event.payload.container)),
    )


@projects(ContainerChanged)
def container_changed(db: apsw.Connection, event: Event[ContainerChanged]) -> None:
    db.execute(
        "UPDATE container SET name = ?, description = ?, slots = ?, moving = ?, public = ?,"
        " audible_range = ?, changed_by = ? WHERE id = ? AND chat_id = ?",
        (
            *_container_values(event.payload.container),
            event.id,
            event.payload.container_id,
            event.chat_id,
        ),
    )


@projects(SceneOpened)
def scene_opened(db: apsw.Connection, event: Event[SceneOpened]) -> None:
    """It becomes the current scene, unless it begins with a turn that another scene has followed since: then
    it is over as well. A container that no longer counts is no place: the scene is nowhere in particular."""
    opened = event.payload
    found = row(db, "SELECT scene_id FROM chat WHERE id = ?", (event.chat_id,))
    begins_in = found
    present = json.dumps(sorted(set(opened.present)))
    if opened.from_turn_id is not None:
        begins_in = row(
            db, "SELECT scene_id FROM turn WHERE id = ? AND chat_id = ?", (opened.from_turn_id, event.chat_id)
        )
    db.execute(
        "INSERT INTO scene(id, chat_id, container_id, title, present, clock, changed_by)"
        " VALUES (?1, ?2, (SELECT id FROM container WHERE id = ?3), ?4, ?5, coalesce("
        "(SELECT clock FROM turn WHERE id = ?6), (SELECT clock FROM chat WHERE id = ?2), 0), ?1)",
        (event.id, event.chat_id, opened.container_id, opened.title, present, opened.from_turn_id),
    )
    if opened.from_turn_id is not None and begins_in is not None:
        _move_turns(db, event, opened.from_turn_id, begins_in[0])
    if begins_in is None or begins_in == found:
        _become_current(db, event)
    else:
        over = "closed_by = ?1, closed_clock = (SELECT clock FROM chat WHERE id = ?2)"
        db.execute(f"UPDATE scene SET {over} WHERE id = ?1", (event.id, event.chat_id))
        _end_in_order(db, event.id)


def _move_turns(
    db: apsw.Connection, event: Event[SceneOpened], from_turn_id: int, scene_id: int | None
) -> None:
    """The turn, those after it in the dialogue of its scene, and what is remembered of them. The scene they
    lay in was over before."""
    moved = "SELECT id FROM turn WHERE chat_id = ?2 AND scene_id IS ?3 AND anchor_id >= ?4"
    values = (event.id, event.chat_id, scene_id, from_turn_id)
    db.execute(f"UPDATE memory SET scene_id = ?1 WHERE turn_id IN ({moved})", values)
    db.execute(f"UPDATE turn SET scene_id = ?1 WHERE id IN ({moved})", values)
    _end_in_order(db, scene_id)


def _become_current(db: apsw.Connection, event: Event[SceneOpened]) -> None:
    """What each was doing belonged to the scene before. That is over, also where the word that closed it was
    of a scene that does not count any more."""
    db.execute(
        "UPDATE scene SET closed_by = ?1, closed_clock = (SELECT clock FROM scene WHERE id = ?1)"
        " WHERE id = (SELECT scene_id FROM chat WHERE id = ?2) AND closed_by IS NULL",
        (event.id, event.chat_id),
    )
    db.execute("UPDATE chat SET scene_id = ?1, changed_by = ?1 WHERE id = ?2", (event.id, event.chat_id))
    db.execute("UPDATE entity SET activity = '', slot = '' WHERE chat_id = ?", (event.chat_id,))


@projects(SceneClosed)
def scene_closed(db: apsw.Connection, event: Event[SceneClosed]) -> None:
    """It ended when the turn was said that led on, or else now; and the weather was as it was then. What a
    person has said of either stands."""
    now = row(db, "SELECT scene_id FROM chat WHERE id = ?", (event.chat_id,))
    if event.payload.followed and now == (event.payload.scene_id,):
        return
    db.execute(
        "UPDATE scene SET closed_by = ?1, reason = ?2, closed_clock = coalesce(closed_clock,"
        " (SELECT clock FROM turn WHERE id = ?5), (SELECT clock FROM said WHERE id = ?1),"
        " (SELECT clock FROM chat WHERE id = ?4)),"
        " weather = coalesce(weather, (SELECT weather FROM said WHERE id = ?1),"
        " (SELECT weather FROM world WHERE chat_id = ?4)) WHERE id = ?3 AND chat_id = ?4",
        (event.id, event.payload.reason, event.payload.scene_id, event.chat_id, event.cause_id),
    )
    _end_in_order(db, event.payload.scene_id)


def _end_in_order(db: apsw.Connection, scene_id: int | None) -> None:
    """A scene that is over ends after what was said in it, and before the next one begins or the time is
    skipped that lies between; it may have been opened or closed when others had followed already."""
    db.execute(
        "UPDATE scene SET closed_clock = max(clock, coalesce((SELECT max(clock) FROM turn"
        " WHERE scene_id = ?1), 0), min(closed_clock, coalesce((SELECT coalesce((SELECT max(skip.clock)"
        " FROM skip WHERE skip.chat_id = next.chat_id AND mode = 'jump'"
        " AND skip.clock + minutes = next.clock), next.clock) FROM scene next"
        " WHERE next.chat_id = scene.chat_id AND (next.clock, next.id) > (scene.clock, scene.id)"
        " ORDER BY next.clock, next.id LIMIT 1), closed_clock)))"
        " WHERE id = ?1 AND closed_clock IS NOT NULL",
        (scene_id,),
    )


@projects(SceneEdited)
def scene_edited(db: apsw.Connection, event: Event[SceneEdited]) -> None:
    """A container that does not count is no place. The summaries of the scene matter as much as it does.
    Times that do not fit any more, because what lies around it is otherwise than it was, are left alone."""
    edited = event.payload
    judged = None if edited.significance == "turns" else edited.significance
    db.execute(
        "UPDATE scene SET title = coalesce(?3, title),"
        " container_id = CASE WHEN ?4 THEN (SELECT id FROM container WHERE id = ?5) ELSE container_id END,"
        " significance = CASE WHEN ?6 THEN ?7 ELSE significance END, weather = coalesce(?9, weather),"
        " changed_by = ?8"
        " WHERE id = ?1 AND chat_id = ?2",
        (
            edited.scene_id,
            event.chat_id,
            edited.title,
            int(edited.nowhere or edited.container_id is not None),
            None if edited.nowhere else edited.container_id,
            int(edited.significance is not None),
            judged,
            event.id,
            edited.weather,
        ),
    )
    if edited.begins is not None:
        _move_in_time(db, event, edited.begins)
    if edited.significance is not None:
        db.execute(
            "UPDATE memory SET significance = ? WHERE id IN"
            " (SELECT memory_id FROM scene_summary WHERE scene_id = ? AND chat_id = ?)",
            (judged or 0, edited.scene_id, event.chat_id),
        )


def _move_in_time(db: apsw.Connection, event: Event[SceneEdited], begins: int) -> None:
    """The scene with all in it that has a time: its turns and what is remembered of them, what began and
    ended there, what was left out. Time that was skipped before or after it is longer or shorter."""
    edited = event.payload
    now = spans.span(db, edited.scene_id, edited.upto)
    if now is None or now.misfit(begins, edited.ends) is not None:
        return
    until = now.latest if now.ends is None else now.ends
    of = {
        "chat": event.chat_id,
        "scene": edited.scene_id,
        "upto": edited.upto,
        "was": now.begins,
        "until": until,
        "begins": begins,
        "ends": edited.ends,
        "following": now.following,
    }
    for statement in MOVING:
        db.execute(statement, of)


SAID_THERE = (
    "SELECT id FROM turn WHERE scene_id = :scene AND (anchor_id, id) <="
    " (SELECT anchor_id, id FROM turn WHERE id = :upto)"
)
MOVING = (
    f"UPDATE memory SET clock = clock + :begins - :was WHERE turn_id IN ({SAID_THERE})",
    f"UPDATE turn SET clock = clock + :begins - :was WHERE id IN ({SAID_THERE})",
    "UPDATE memory SET clock = :ends WHERE :ends IS NOT NULL AND id IN"
    " (SELECT memory_id FROM scene_summary WHERE chat_id = :chat AND scene_id = :scene)",
    "UPDATE memory SET clock = :begins WHERE chat_id = :chat AND form = 'digest' AND clock = :was",
    "UPDATE skip SET clock = clock + :begins - :was WHERE chat_id = :chat AND mode = 'elision'"
    " AND clock >= :was AND clock + minutes <= :until",
    "UPDATE skip SET minutes = :begins - clock WHERE chat_id = :chat AND mode = 'jump'"
    " AND clock + minutes = :was",
    "UPDATE skip SET clock = :ends, minutes = :following - :ends WHERE :ends IS NOT NULL"
    " AND chat_id = :chat AND mode = 'jump' AND clock + minutes = :following",
    "UPDATE story_event SET started_clock = started_clock + :begins - :was WHERE chat_id = :chat"
    " AND scene_id = :scene AND started_clock BETWEEN :was AND :until",
    "UPDATE story_event SET ended_clock = ended_clock + :begins - :was WHERE chat_id = :chat"
    " AND ended_clock >= :was AND ended_clock < :until",
    "UPDATE scene SET clock = :begins, closed_clock = coalesce(:ends, closed_clock) WHERE id = :scene",
)


@projects(SceneSummarized)
def scene_summarized(db: apsw.Connection, event: Event[SceneSummarized]) -> None:
    """What the witness keeps of it as a memory comes next and is tied to it: another word for one is another
    word for both. What the witness told before is not kept beside it. Of a scene that does not count, or
    goes on, nothing is told."""
    told = event.payload
    if not memories.is_over(db, event.chat_id, told.scene_id):
        return
    before = rows(
        db,
        "DELETE FROM scene_summary WHERE chat_id = ? AND owner_id = ? AND scene_id = ? RETURNING memory_id",
        (event.chat_id, told.owner_id, told.scene_id),
    )
    memories.remove(db, [memory_id for (memory_id,) in before if memory_id is not None])
    db.execute(
        "INSERT INTO scene_summary(id, chat_id, scene_id, owner_id, summary, quotes, drew_on)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            event.id,
            event.chat_id,
            told.scene_id,
            told.owner_id,
            told.summary,
            json.dumps(told.quotes, ensure_ascii=False),
            json.dumps(told.drew_on),
        ),
    )


@projects(QuotesEdited)
def quotes_edited(db: apsw.Connection, event: Event[QuotesEdited]) -> None:
    quotes = json.dumps(event.payload.quotes, ensure_ascii=False)
    db.execute(
        "UPDATE scene_summary SET quotes = ?, quotes_by = ? WHERE id = ? AND chat_id = ?",
        (quotes, event.id, event.payload.summary_id, event.chat_id),
    )


@projects(WorldChanged)
def world_changed(db: apsw.Connection, event: Event[WorldChanged]) -> None:
    """The clock never goes back, except before anything was said: the story begins when it is told to."""
    told = event.payload
    db.execute(
        "INSERT INTO world(id, chat_id, time, weather, changed_by)"
        " VALUES (?1, ?2, coalesce(?3, ''), coalesce(?4, ''), ?1) ON CONFLICT (chat_id)"
        " DO UPDATE SET time = coalesce(?3, time), weather = coalesce(?4, weather), changed_by = ?1",
        (event.id, event.chat_id, told.time, told.weather),
    )
    if told.clock is not None:
        db.execute(
            "UPDATE chat SET clock = CASE WHEN turns = 0 THEN ?1 ELSE max(clock, ?1) END WHERE id = ?2",
            (told.clock, event.chat_id),
        )
        db.execute(
            "UPDATE scene SET clock = ?1 WHERE id = (SELECT scene_id FROM chat WHERE id = ?2 AND turns = 0)",
            (told.clock, event.chat_id),
        )
