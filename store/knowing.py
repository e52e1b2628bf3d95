"""Knowing: where a piece of knowledge came from, and who else has it.

The same question twice: "why does she know this?" walks from her memory, fact or summary back through the
events it descends from; "who knows that?" finds everyone who holds anything that descends from the same
turns.
"""

import json
from dataclasses import dataclass

import apsw

from store import memories, relations, views
from store.errors import Invalid
from store.events import MAX_SHORT_CHARS
from store.memories import WITNESSED
from store.rows import Row, rows
from store.views import Chat

MOST = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """One event a piece of knowledge descends from, as a person reads it."""

    event_id: int
    kind: str
    text: str
    recorded_at: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Something an entity has in its head. `form` is memory, summary or fact; `from_id` who told it; `others`
    the entities that hold something of the same origin."""

    form: str
    row_id: int
    text: str
    how: str
    from_id: int | None
    origins: tuple[Origin, ...]
    others: tuple[int, ...]


def entity_named(db: apsw.Connection, chat: Chat, name: str) -> int:
    """The bot of a chat that goes by a name or alias, former guests too.

    Raises:
        Invalid: nobody does, or several do.
    """
    wanted = name.strip().casefold()
    known = {bot_id: views.bot(db, bot_id) for bot_id in _ever(db, chat)}
    found = [
        bot_id
        for bot_id, bot in known.items()
        if wanted in {bot.name.casefold(), *(alias.casefold() for alias in bot.aliases)}
    ]
    if len(found) != 1:
        names = ", ".join(sorted(bot.name for bot in known.values()))
        problem = "Nobody" if not found else "More than one"
        raise Invalid(f"{problem} in this chat is called {name!r}.", hint=f"In it are or were: {names}.")
    return found[0]


def _ever(db: apsw.Connection, chat: Chat) -> list[int]:
    guests = rows(
        db,
        "SELECT DISTINCT payload ->> 'guest_id' FROM event WHERE chat_id = ? AND kind = 'guest.added'",
        (chat.id,),
    )
    return [chat.host_id, *(guest for (guest,) in guests if guest != chat.host_id)]


def why(db: apsw.Connection, chat_id: int, owner_id: int, text: str) -> list[Knowledge]:
    """Everything the owner has in its head that holds this text, the newest first.

    Raises:
        Invalid: the text is empty, or longer than anybody looks for.
    """
    wanted = text.strip()
    if not wanted:
        raise Invalid("There is nothing to look for.", hint='Name a word or two: fabula why CHAT "the key".')
    if len(wanted) > MAX_SHORT_CHARS:
        raise Invalid(
            f"text: has {len(wanted)} characters, and nothing so long is looked for.",
            hint=f"Look for at most {MAX_SHORT_CHARS} of them.",
        )
    pattern = "%" + wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    asked: dict[str, int | str] = {"chat": chat_id, "owner": owner_id, "text": pattern, "most": MOST}
    held = [_of_memory(db, one) for one in _rows(db, _MEMORIES, asked)]
    held += [_of_fact(db, one) for one in _rows(db, _FACTS, asked)]
    held += [_of_summary(db, one) for one in _rows(db, _SUMMARIES, asked)]
    return [_with_others(db, chat_id, owner_id, one) for one in held]


_MEMORIES = (
    f"SELECT {memories.COLUMNS} FROM memory WHERE {WITNESSED} AND memory.text LIKE :text ESCAPE '\\'"
    " ORDER BY memory.id DESC LIMIT :most"
)
_FACTS = (
    f"SELECT {relations.FACT} FROM fact WHERE chat_id = :chat AND observer_id = :owner"
    " AND text LIKE :text ESCAPE '\\' ORDER BY id DESC LIMIT :most"
)
_SUMMARIES = (
    "SELECT id, summary, drew_on FROM scene_summary WHERE chat_id = :chat AND owner_id = :owner"
    " AND summary LIKE :text ESCAPE '\\' ORDER BY id DESC LIMIT :most"
)


def _rows(db: apsw.Connection, sql: str, asked: dict[str, int | str]) -> list[Row]:
    return db.execute(sql, asked).fetchall()


def _of_memory(db: apsw.Connection, found: Row) -> Knowledge:
    memory = memories.memory_of(found)
    descends = [one for one in (memory.turn_id, *memory.drew_on) if one is not None]
    origins = _origins(db, descends or [memory.id])
    return Knowledge("memory", memory.id, memory.said, memory.how, memory.from_id, origins, ())


def _of_fact(db: apsw.Connection, found: Row) -> Knowledge:
    fact_id, _observer, _target, text, how, from_id, event_id, drew_on = found
    origins = _origins(db, json.loads(drew_on) or [event_id])
    return Knowledge("fact", fact_id, text, how, from_id, origins, ())


def _of_summary(db: apsw.Connection, found: Row) -> Knowledge:
    summary_id, text, drew_on = found
    origins = _origins(db, json.loads(drew_on) or [summary_id])
    return Knowledge("summary", summary_id, text, "digest", None, origins, ())


def _origins(db: apsw.Connection, event_ids: list[int]) -> tuple[Origin, ...]:
    """The events themselves, a memory's being the turn it is of."""
    found = rows(
        db,
        "SELECT DISTINCT event.id, event.kind, coalesce(turn.text, memory.text, ''), event.recorded_at"
        " FROM json_each(?) named LEFT JOIN memory ON memory.id = named.value"
        " JOIN event ON event.id = coalesce(memory.turn_id, named.value)"
        " LEFT JOIN turn ON turn.id = event.id ORDER BY event.id",
        (json.dumps(event_ids),),
    )
    return tuple(Origin(*one) for one in found)


def _with_others(db: apsw.Connection, chat_id: int, owner_id: int, one: Knowledge) -> Knowledge:
    """Whoever else remembers those turns, or learnt a fact from them."""
    found = rows(
        db,
        "WITH origin(id) AS (SELECT value FROM json_each(?1))"
        " SELECT owner_id FROM memory WHERE chat_id = ?2 AND turn_id IN (SELECT id FROM origin)"
        " AND EXISTS (SELECT 1 FROM json_each(memory.witnesses) WHERE value = memory.owner_id)"
        " UNION SELECT observer_id FROM fact WHERE chat_id = ?2 AND (event_id IN (SELECT id FROM origin)"
        " OR EXISTS (SELECT 1 FROM json_each(fact.drew_on) WHERE value IN (SELECT id FROM origin)))"
        " UNION SELECT value FROM turn, json_each(turn.present) WHERE turn.id IN (SELECT id FROM origin)",
        (json.dumps([origin.event_id for origin in one.origins]), chat_id),
    )
    others = tuple(sorted(other for (other,) in found if other != owner_id))
    return Knowledge(one.form, one.row_id, one.text, one.how, one.from_id, one.origins, others)
