"""Chats: who is in one, and what stands for all of it."""

import json

import apsw

from store.events import (
    AuthorNoteSet,
    ChatArchived,
    ChatRenamed,
    ChatStarted,
    Event,
    GuestAdded,
    GuestRemoved,
    OpeningConfirmed,
    OpeningProposed,
    YouChanged,
)
from store.projections.branches import FIRST
from store.projections.fold import FOREVER, projects
from store.rows import row


@projects(ChatStarted)
def chat_started(db: apsw.Connection, event: Event[ChatStarted]) -> None:
    """A chat without an opening to agree on has begun with its start. It is its own first branch."""
    chat = event.payload
    db.execute("INSERT INTO branch(id, chat_id, name) VALUES (?1, ?1, ?2)", (event.id, FIRST))
    db.execute("INSERT OR IGNORE INTO lineage(id, chat_id, upto) VALUES (?1, ?1, ?2)", (event.id, FOREVER))
    db.execute(
        "INSERT INTO chat(id, branch_id, title, host_id, you_name, you_persona, opening, begun, changed_by,"
        " changed_at) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?1, ?8)",
        (
            event.id,
            chat.title,
            chat.host_id,
            chat.you_name,
            chat.you_persona,
            chat.opening,
            int(not chat.opening.strip()),
            event.recorded_at,
        ),
    )


@projects(YouChanged)
def you_changed(db: apsw.Connection, event: Event[YouChanged]) -> None:
    """Whoever has another name now was called by the old one, in what is remembered and in what was said."""
    found = row(db, "SELECT you_name, you_persona, you_before FROM chat WHERE id = ?", (event.chat_id,))
    if found is None:
        return
    name, persona, before = found
    now = name if event.payload.name is None else event.payload.name
    called = json.loads(before)
    if now != name:
        called.append([name, called[-1][2] if called else 0, event.id])
    db.execute(
        "UPDATE chat SET you_name = ?, you_persona = ?, you_before = ?, changed_by = ? WHERE id = ?",
        (
            now,
            persona if event.payload.persona is None else event.payload.persona,
            json.dumps(called, ensure_ascii=False),
            event.id,
            event.chat_id,
        ),
    )


@projects(ChatRenamed)
def chat_renamed(db: apsw.Connection, event: Event[ChatRenamed]) -> None:
    db.execute(
        "UPDATE chat SET title = ?, changed_by = ? WHERE id = ?",
        (event.payload.title, event.id, event.chat_id),
    )


@projects(ChatArchived)
def chat_archived(db: apsw.Connection, event: Event[ChatArchived]) -> None:
    db.execute("UPDATE chat SET archived = 1, changed_by = ? WHERE id = ?", (event.id, event.chat_id))


@projects(GuestAdded)
def guest_added(db: apsw.Connection, event: Event[GuestAdded]) -> None:
    db.execute(
        "UPDATE chat SET guest_id = ?, changed_by = ? WHERE id = ?",
        (event.payload.guest_id, event.id, event.chat_id),
    )


@projects(GuestRemoved)
def guest_removed(db: apsw.Connection, event: Event[GuestRemoved]) -> None:
    db.execute(
        "UPDATE chat SET guest_id = NULL, changed_by = ?1 WHERE id = ?2 AND guest_id = ?3",
        (event.id, event.chat_id, event.payload.guest_id),
    )


@projects(AuthorNoteSet)
def author_note_set(db: apsw.Connection, event: Event[AuthorNoteSet]) -> None:
    db.execute(
        "UPDATE chat SET note = ?, note_depth = ?, changed_by = ? WHERE id = ?",
        (event.payload.text, event.payload.depth, event.id, event.chat_id),
    )


@projects(OpeningProposed)
def opening_proposed(db: apsw.Connection, event: Event[OpeningProposed]) -> None:
    """A proposal that comes after the person has agreed to an opening is too late."""
    db.execute(
        "UPDATE chat SET proposal = ?, changed_by = ? WHERE id = ? AND NOT begun",
        (event.payload.opening.model_dump_json(), event.id, event.chat_id),
    )


@projects(OpeningConfirmed)
def opening_confirmed(db: apsw.Connection, event: Event[OpeningConfirmed]) -> None:
    db.execute(
        "UPDATE chat SET proposal = ?, begun = 1, changed_by = ? WHERE id = ?",
        (event.payload.opening.model_dump_json(), event.id, event.chat_id),
    )
