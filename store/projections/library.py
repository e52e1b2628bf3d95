"""Bots, as the library lists them."""

import json

import apsw

from store.events import BotArchived, BotAuthored, BotEdited, BotFields, Event
from store.projections.fold import projects


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
