"""The fold: what each kind of event does to the projections, and nothing else may touch them.

A projection function gets the connection and one event. It may read projections and the event, never a
clock, a random source or a model, so that folding the log again gives the same rows.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar, cast

import apsw

from store.events import (
    BotArchived,
    BotAuthored,
    BotEdited,
    BotFields,
    ChatArchived,
    ChatRenamed,
    ChatStarted,
    Event,
    MemoryWritten,
    Payload,
    TurnAssistant,
    TurnUser,
)

PROJECTIONS = ("bot", "chat", "turn", "memory")
"""Every projected table; each has an integer primary key `id`."""

P = TypeVar("P", bound=Payload)
Fold = Callable[[apsw.Connection, Event[Any]], None]
_FOLDS: dict[str, Fold] = {}


def projects(
    kind: type[P],
) -> Callable[[Callable[[apsw.Connection, Event[P]], None]], Callable[[apsw.Connection, Event[P]], None]]:
    """Declare the fold of one kind of event."""

    def declare(
        fold: Callable[[apsw.Connection, Event[P]], None],
    ) -> Callable[[apsw.Connection, Event[P]], None]:
        _FOLDS[kind.kind] = cast("Fold", fold)
        return fold

    return declare


def project(db: apsw.Connection, event: Event[Any]) -> None:
    """Fold one event. Kinds that only drive the pipeline have no fold."""
    fold = _FOLDS.get(event.kind)
    if fold is not None:
        fold(db, event)


def clear(db: apsw.Connection) -> None:
    for table in PROJECTIONS:
        db.execute(f"DELETE FROM {table}")


def _bot_values(bot: BotFields) -> tuple[str, ...]:
    return (
        bot.name,
        json.dumps(bot.aliases, ensure_ascii=False),
        bot.description,
        bot.personality,
        bot.first_message,
        bot.post_history,
    )


@projects(BotAuthored)
def bot_authored(db: apsw.Connection, event: Event[BotAuthored]) -> None:
    db.execute(
        "INSERT INTO bot(id, name, aliases, description, personality, first_message, post_history,"
        " changed_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (event.id, *_bot_values(event.payload), event.id),
    )


@projects(BotEdited)
def bot_edited(db: apsw.Connection, event: Event[BotEdited]) -> None:
    db.execute(
        "UPDATE bot SET name = ?, aliases = ?, description = ?, personality = ?, first_message = ?,"
        " post_history = ?, changed_by = ? WHERE id = ?",
        (*_bot_values(event.payload), event.id, event.payload.bot_id),
    )


@projects(BotArchived)
def bot_archived(db: apsw.Connection, event: Event[BotArchived]) -> None:
    db.execute("UPDATE bot SET archived = 1, changed_by = ? WHERE id = ?", (event.id, event.payload.bot_id))


@projects(ChatStarted)
def chat_started(db: apsw.Connection, event: Event[ChatStarted]) -> None:
    chat = event.payload
    db.execute(
        "INSERT INTO chat(id, branch_id, title, host_id, you_name, you_persona, changed_by, changed_at)"
        " VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?1, ?6)",
        (event.id, chat.title, chat.host_id, chat.you_name, chat.you_persona, event.recorded_at),
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


INSERT_TURN = (
    "INSERT INTO turn(id, chat_id, branch_id, anchor_id, ordinal, speaker_id, text, answers, truncated,"
    " ended, model, usage, run_id, recorded_at) SELECT ?1, ?2, ?3, ?4, turns, ?5, ?6, ?7, ?8, ?9, ?10,"
    " ?11, ?12, ?13 FROM chat WHERE id = ?2"
)


def _count_turn(db: apsw.Connection, event: Event[Any]) -> None:
    db.execute(
        "UPDATE chat SET turns = turns + 1, changed_by = ?, changed_at = ? WHERE id = ?",
        (event.id, event.recorded_at, event.chat_id),
    )


@projects(TurnUser)
def turn_user(db: apsw.Connection, event: Event[TurnUser]) -> None:
    """A person's turn anchors the exchange that follows it."""
    values = (event.id, event.chat_id, event.branch_id, event.id, None, event.payload.text, None)
    db.execute(INSERT_TURN, (*values, 0, "complete", "", None, event.run_id, event.recorded_at))
    _count_turn(db, event)


@projects(TurnAssistant)
def turn_assistant(db: apsw.Connection, event: Event[TurnAssistant]) -> None:
    """An answer stands with the turn it answers, also when the person had already sent the next one."""
    turn = event.payload
    anchor = db.execute("SELECT anchor_id FROM turn WHERE id = ?", (turn.answers,)).fetchone()
    usage = turn.usage.model_dump_json() if turn.usage else None
    anchor_id = int(anchor[0]) if anchor else event.id
    values = (event.id, event.chat_id, event.branch_id, anchor_id, turn.speaker_id, turn.text, turn.answers)
    ending = (int(turn.truncated), turn.ended, turn.model, usage, event.run_id, event.recorded_at)
    db.execute(INSERT_TURN, (*values, *ending))
    _count_turn(db, event)


@projects(MemoryWritten)
def memory_written(db: apsw.Connection, event: Event[MemoryWritten]) -> None:
    memory = event.payload
    db.execute(
        "INSERT INTO memory(id, chat_id, owner_id, turn_id, speaker_name, text, witnesses)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            event.id,
            event.chat_id,
            memory.owner_id,
            memory.turn_id,
            memory.speaker_name,
            memory.text,
            json.dumps(sorted(memory.witnesses)),
        ),
    )
