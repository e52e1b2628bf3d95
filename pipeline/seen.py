"""What a person saw when they corrected something, and whether it still stands that way.

A correction arrives with the event that had last changed what the person was looking at. Events of other
kinds go on all the time while a story is played; only one that sets the same aspect of the same thing is a
conflict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import apsw

from store import memories, relations, views
from store.errors import Conflict, Invalid, NotFound, Refused
from store.events import YOU, Container
from store.memories import Memory
from store.relations import EntityState
from store.rows import row
from store.txn import Txn
from store.views import Chat

SHOWN_CHARS = 400
NOTHING = "empty"


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that can be corrected: the kinds of events that set it, how it stands, how it was typed, and
    the event that last changed what it belongs to. `of` names the payload's fields that tell which one it is,
    `only` a further condition in SQL."""

    what: str
    kinds: tuple[str, ...]
    now: tuple[str, ...]
    typed: tuple[str, ...]
    changed_by: int
    of: Mapping[str, int] = field(default_factory=dict)
    only: str = "true"


def agreed(txn: Txn, chat: Chat, asked: Aspect, seen: int) -> bool:
    """Whether there is something to write; False when it already stands as typed.

    Raises:
        Conflict: it was set, or taken back, after the person saw it; both values are in the message.
    """
    if asked.now == asked.typed:
        return False
    if seen > asked.changed_by or _set_since(txn, chat.id, asked, seen):
        raise Conflict(
            f"{asked.what}: changed meanwhile. Now: {_shown(asked.now)}. You wrote: {_shown(asked.typed)}.",
            hint="Look at both, and send yours again if it should stand.",
            detail=f"seen was {seen}; it was last changed by event {asked.changed_by}",
        )
    return True


def _set_since(txn: Txn, chat_id: int, asked: Aspect, seen: int) -> bool:
    """Whether an event after `seen` set this aspect. What lies beyond `changed_by` no longer counts."""
    marks = ", ".join("?" for _ in asked.kinds)
    same = "".join(f" AND (kind = 'scene.opened' OR payload ->> '{name}' = ?)" for name in asked.of)
    found = row(
        txn.connection,
        f"SELECT 1 FROM event WHERE chat_id = ? AND id > ? AND id <= ? AND kind IN ({marks})"
        f" AND {asked.only}{same} LIMIT 1",
        (chat_id, seen, asked.changed_by, *asked.kinds, *asked.of.values()),
    )
    return found is not None


def _shown(values: tuple[str, ...]) -> str:
    text = " · ".join(value or NOTHING for value in values) or NOTHING
    return f"“{text[:SHOWN_CHARS]}{'…' if len(text) > SHOWN_CHARS else ''}”"


def open_chat(db: apsw.Connection, chat_id: int) -> Chat:
    chat = views.chat(db, chat_id)
    if chat.archived:
        raise Refused(f"The chat {chat.title!r} is archived.", hint="What is archived can only be read.")
    return chat


def everyone(chat: Chat) -> tuple[int, ...]:
    """All who are in the chat, in its present scene or not, you first."""
    return (YOU, *chat.members)


def named(txn: Txn, chat: Chat, entity_id: int) -> str:
    return chat.you_name if entity_id == YOU else views.bot(txn.connection, entity_id).name


def entity_named(txn: Txn, chat: Chat, field_name: str, entity_id: int, *, also: int = YOU) -> str:
    """The name of someone in the chat, or of someone who has been.

    Raises:
        Invalid: nobody of this id is or was in it.
    """
    if entity_id not in (*everyone(chat), also) and not _was_here(txn, chat.id, entity_id):
        there = ", ".join(f"{one} ({named(txn, chat, one)})" for one in everyone(chat))
        raise Invalid(f"{field_name}: {entity_id} is nobody in this chat.", hint=f"Those in it are {there}.")
    return named(txn, chat, entity_id)


def _was_here(txn: Txn, chat_id: int, entity_id: int) -> bool:
    found = row(
        txn.connection,
        "SELECT 1 FROM event WHERE chat_id = ? AND kind = 'guest.added' AND payload ->> 'guest_id' = ?",
        (chat_id, entity_id),
    )
    return found is not None


def own_memory(txn: Txn, chat: Chat, memory_id: int) -> Memory:
    memory = memories.memory(txn.connection, memory_id)
    if memory.chat_id != chat.id:
        raise NotFound(f"There is no memory {memory_id} in this chat.")
    return memory


def since(chat: Chat, state: EntityState) -> int:
    """The event that last changed an entity's state; a new scene forgets what everybody did."""
    return max(state.changed_by, chat.scene_id or 0)


def entity_state(txn: Txn, chat: Chat, entity_id: int) -> EntityState:
    entity_named(txn, chat, "entity_id", entity_id)
    return relations.states(txn.connection, chat.id).get(entity_id, EntityState(entity_id))


def edge_named(txn: Txn, chat: Chat, observer_id: int, target_id: int) -> str:
    observer = entity_named(txn, chat, "observer_id", observer_id)
    target = entity_named(txn, chat, "target_id", target_id)
    if observer_id == target_id:
        raise Invalid(
            f"target_id: {target_id} is the observer itself.", hint="An edge goes from one entity to another."
        )
    return f"{observer} → {target}"


def described(held: Container) -> tuple[str, ...]:
    """A place in words, for a person to compare."""
    return tuple(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}" for name, value in held)
