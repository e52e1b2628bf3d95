"""Auto-mode, and digests of scenes without you."""

import json

import apsw

from store.events import AutoModeSet, AutoTicked, DigestEdited, DigestSurfaced, DigestWritten, Event
from store.projections.fold import projects


@projects(AutoModeSet)
def auto_mode_set(db: apsw.Connection, event: Event[AutoModeSet]) -> None:
    db.execute(
        "UPDATE chat SET auto_left = ?, changed_by = ? WHERE id = ?",
        (event.payload.turns, event.id, event.chat_id),
    )


@projects(AutoTicked)
def auto_ticked(db: apsw.Connection, event: Event[AutoTicked]) -> None:
    db.execute(
        "UPDATE chat SET auto_left = max(0, auto_left - 1), changed_by = ? WHERE id = ?",
        (event.id, event.chat_id),
    )


@projects(DigestWritten)
def digest_written(db: apsw.Connection, event: Event[DigestWritten]) -> None:
    told = event.payload
    told_by = json.dumps(sorted(set(told.told_by)))
    db.execute(
        "INSERT INTO digest(id, chat_id, scene_id, text, told_by, changed_by)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?1)",
        (event.id, event.chat_id, told.scene_id, told.text, told_by),
    )


@projects(DigestEdited)
def digest_edited(db: apsw.Connection, event: Event[DigestEdited]) -> None:
    db.execute(
        "UPDATE digest SET text = ?, changed_by = ? WHERE id = ? AND chat_id = ?",
        (event.payload.text, event.id, event.payload.digest_id, event.chat_id),
    )


@projects(DigestSurfaced)
def digest_surfaced(db: apsw.Connection, event: Event[DigestSurfaced]) -> None:
    surfaced = event.payload
    db.execute(
        "UPDATE digest SET surfaced_by = ?1, surfaced_in = ?2, changed_by = ?1 WHERE id = ?3 AND chat_id = ?4"
        " AND surfaced_by IS NULL",
        (event.id, surfaced.scene_id, surfaced.digest_id, event.chat_id),
    )
