"""Memories, and the index they are found by.

The index holds a memory of a turn together with the turn before it that the same owner remembers, under a
scope token that names chat and owner: an owner that did not perceive it has no token and cannot find it.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

import apsw

from store.events import (
    Event,
    MemoryEdited,
    MemoryEmbedded,
    MemoryPinned,
    MemoryUnpinned,
    MemoryWitnessChanged,
    MemoryWritten,
)
from store.projections.fold import FOREVER, is_folded, projects
from store.rows import row, rows
from store.words import indexed

NOWHERE = "nobody"
CHANGES = (MemoryEdited, MemoryEmbedded, MemoryPinned, MemoryUnpinned, MemoryWitnessChanged)
"""What changes one memory and nothing else."""


def scope_token(chat_id: int, owner_id: int) -> str:
    """The indexed word that stands for one owner in one chat."""
    return f"c{chat_id}o{owner_id}"


@projects(MemoryWritten)
def memory_written(db: apsw.Connection, event: Event[MemoryWritten]) -> None:
    memory = event.payload
    judged = row(db, "SELECT significance, scene_id, clock FROM turn WHERE id = ?", (memory.turn_id,))
    significance, scene_id, clock = judged or (None, None, None)
    db.execute(
        "INSERT INTO memory(id, chat_id, owner_id, turn_id, scene_id, form, speaker_name, text, witnesses,"
        " how, from_id, drew_on, significance, clock, changed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
        " ?10, ?11, ?12, ?13, coalesce(?14, (SELECT clock FROM chat WHERE id = ?2), 0), ?1)",
        (
            event.id,
            event.chat_id,
            memory.owner_id,
            memory.turn_id,
            memory.scene_id if memory.scene_id is not None else scene_id,
            memory.form,
            memory.speaker_name,
            memory.text,
            json.dumps(sorted(set(memory.witnesses))),
            memory.how,
            memory.from_id,
            json.dumps(memory.drew_on),
            memory.significance if memory.significance is not None else significance or 0,
            memory.clock if memory.clock is not None else clock,
        ),
    )
    if memory.form == "summary" and memory.significance is None:
        _tie_to_scene(db, event)
    _index(db, event.id)


def is_over(db: apsw.Connection, chat_id: int | None, scene_id: int | None) -> bool:
    """Whether a scene counts and is over; else there is nothing to tell of it."""
    found = "SELECT 1 FROM scene WHERE id = ? AND chat_id = ? AND closed_by IS NOT NULL"
    return row(db, found, (scene_id, chat_id)) is not None


def _tie_to_scene(db: apsw.Connection, event: Event[MemoryWritten]) -> None:
    """The summary of a scene is what its owner keeps of it: it matters as much as the scene does, and is of
    the time when that ended."""
    told = event.payload
    db.execute(
        "UPDATE scene_summary SET memory_id = ? WHERE chat_id = ? AND owner_id = ? AND scene_id = ?"
        " AND memory_id IS NULL",
        (event.id, event.chat_id, told.owner_id, told.scene_id),
    )
    if db.changes():
        db.execute(
            "UPDATE memory SET significance = coalesce(scene.significance, 0),"
            " clock = coalesce(scene.closed_clock, memory.clock) FROM scene"
            " WHERE scene.id = ? AND memory.id = ?",
            (told.scene_id, event.id),
        )


def _index(db: apsw.Connection, memory_id: int) -> None:
    found = row(
        db,
        "SELECT chat_id, owner_id, turn_id, speaker_name, text, witnesses FROM memory WHERE id = ?",
        (memory_id,),
    )
    if found is None:
        return
    chat_id, owner_id, turn_id, speaker, text, witnesses = found
    scope = scope_token(chat_id, owner_id) if owner_id in json.loads(witnesses) else NOWHERE
    words = f"{speaker}: {text}"
    before = _before(db, chat_id, owner_id, memory_id) if turn_id is not None else None
    db.execute(
        "INSERT OR REPLACE INTO memory_text(rowid, scope, text) VALUES (?, ?, ?)",
        (memory_id, scope, indexed(f"{before}\n{words}" if before else words)),
    )


PERCEIVED = "form = 'turn' AND EXISTS (SELECT 1 FROM json_each(witnesses) WHERE value = ?2)"
"""A turn's memory whose owner (?2) perceived it: the next ones are indexed with it."""


def _before(db: apsw.Connection, chat_id: int, owner_id: int, memory_id: int) -> str | None:
    """The owner's memory of the turn before, if it perceived that one."""
    found = row(
        db,
        "SELECT speaker_name || ': ' || text FROM memory WHERE chat_id = ?1 AND owner_id = ?2 AND id < ?3"
        f" AND {PERCEIVED} ORDER BY id DESC LIMIT 1",
        (chat_id, owner_id, memory_id),
    )
    return found[0] if found else None


def _reindex(db: apsw.Connection, memory_id: int) -> None:
    """A memory whose text or witnesses changed, and those that are indexed with it."""
    _index(db, memory_id)
    found = row(db, "SELECT chat_id, owner_id FROM memory WHERE id = ?", (memory_id,))
    if found is not None:
        chat_id, owner_id = found
        _index_following(db, chat_id, owner_id, memory_id)


def _index_following(db: apsw.Connection, chat_id: int, owner_id: int, memory_id: int) -> None:
    """The owner's memories after this one, as far as they are indexed with it where it was perceived."""
    following = rows(
        db,
        "SELECT id FROM memory WHERE chat_id = ?1 AND owner_id = ?2 AND id > ?3 AND turn_id IS NOT NULL"
        " AND id <= coalesce((SELECT id FROM memory WHERE chat_id = ?1 AND owner_id = ?2 AND id > ?3"
        f" AND {PERCEIVED} ORDER BY id LIMIT 1), {FOREVER}) ORDER BY id",
        (chat_id, owner_id, memory_id),
    )
    for (one,) in following:
        _index(db, one)


def index_again(db: apsw.Connection, memory_ids: Iterable[int]) -> None:
    """Bring the index up to date after rows were put back or taken away behind the folds' backs."""
    for memory_id in sorted(memory_ids):
        if row(db, "SELECT 1 FROM memory WHERE id = ?", (memory_id,)) is None:
            db.execute("DELETE FROM memory_text WHERE rowid = ?", (memory_id,))
        else:
            _reindex(db, memory_id)


def made_by(events: Iterable[Event[Any]]) -> list[int]:
    """The memories of turns that these events have made; a summary is tied to its scene, and goes with it."""
    return [
        event.id
        for event in events
        if isinstance(event.payload, MemoryWritten) and event.payload.form == "turn"
    ]


def made_nothing_else(events: Iterable[Event[Any]], made: Collection[int]) -> bool:
    """Whether these events have changed no projection but these memories."""
    return all(
        event.id in made
        or (isinstance(event.payload, CHANGES) and event.payload.memory_id in made)
        or not is_folded(event.kind)
        for event in events
    )


def any_shared(db: apsw.Connection, events: Iterable[Event[Any]]) -> bool:
    """Whether beside one of these memories of turns another stands that is known by the same: what was said
    of the one is said of the other where the one goes."""
    return any(
        _is_shared(db, event)
        for event in events
        if isinstance(event.payload, MemoryWritten) and event.payload.form == "turn"
    )


def _is_shared(db: apsw.Connection, memory: Event[MemoryWritten]) -> bool:
    told = memory.payload
    of = (told.turn_id, told.owner_id, told.form, memory.chat_id)
    alike = "turn_id = ? AND owner_id = ? AND form = ? AND chat_id = ?"
    found = row(db, f"SELECT count(*) FROM memory WHERE {alike}", of)
    return told.turn_id is None or (found is not None and found[0] > 1)


def remove(db: apsw.Connection, memory_ids: Iterable[int]) -> None:
    """Take memories away as if they had never been written. No fold looks at one but to change it, so that
    nothing else would be otherwise."""
    for memory_id in memory_ids:
        gone = rows(db, "DELETE FROM memory WHERE id = ? RETURNING chat_id, owner_id", (memory_id,))
        for chat_id, owner_id in gone:
            db.execute("DELETE FROM memory_text WHERE rowid = ?", (memory_id,))
            _index_following(db, chat_id, owner_id, memory_id)


@projects(MemoryEdited)
def memory_edited(db: apsw.Connection, event: Event[MemoryEdited]) -> None:
    """Where it is the summary of a scene, that says the same."""
    db.execute(
        "UPDATE memory SET text = ?, embedded = '', changed_by = ? WHERE id = ?",
        (event.payload.text, event.id, event.payload.memory_id),
    )
    db.execute(
        "UPDATE scene_summary SET summary = ? WHERE memory_id = ? AND chat_id = ?",
        (event.payload.text, event.payload.memory_id, event.chat_id),
    )
    _reindex(db, event.payload.memory_id)


@projects(MemoryWitnessChanged)
def memory_witness_changed(db: apsw.Connection, event: Event[MemoryWitnessChanged]) -> None:
    db.execute(
        "UPDATE memory SET witnesses = ?, changed_by = ? WHERE id = ?",
        (json.dumps(sorted(set(event.payload.witnesses))), event.id, event.payload.memory_id),
    )
    _reindex(db, event.payload.memory_id)


@projects(MemoryPinned)
def memory_pinned(db: apsw.Connection, event: Event[MemoryPinned]) -> None:
    """A pin by hand stands over an automatic one."""
    db.execute(
        "UPDATE memory SET pinned = ?1, pinned_by = ?2, changed_by = ?2 WHERE id = ?3"
        " AND (pinned != 'manual' OR ?1 = 'manual')",
        (event.payload.by, event.id, event.payload.memory_id),
    )


@projects(MemoryUnpinned)
def memory_unpinned(db: apsw.Connection, event: Event[MemoryUnpinned]) -> None:
    """Eviction takes away automatic pins only."""
    db.execute(
        "UPDATE memory SET pinned = '', pinned_by = NULL, changed_by = ?1 WHERE id = ?2"
        " AND (?3 = 'manual' OR pinned = 'auto')",
        (event.id, event.payload.memory_id, event.payload.by),
    )


@projects(MemoryEmbedded)
def memory_embedded(db: apsw.Connection, event: Event[MemoryEmbedded]) -> None:
    db.execute("UPDATE memory SET embedded = ? WHERE id = ?", (event.payload.model, event.payload.memory_id))
