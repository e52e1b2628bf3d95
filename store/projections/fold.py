"""The fold: what each kind of event does to the projections, and nothing else may touch them.

A projection function gets the connection and one event. It may read projections and the event, never a
clock, a random source or a model, so that folding the log again gives the same rows.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import apsw

from store.events import Event, Payload

OF_CHATS = (
    "branch",
    "turn",
    "memory",
    "container",
    "scene",
    "scene_summary",
    "world",
    "edge",
    "fact",
    "group_node",
    "entity",
    "skip",
    "story_event",
    "thread",
    "digest",
    "said",
)
"""The tables that hold what belongs to one chat, by `chat_id`."""
LIVE_SET = ("lineage", "fallen")
"""The tables that say which events of a chat are folded (see `store.live`)."""
INDEXES = {"memory_text": "memory", "turn_text": "turn"}
"""Search index → the table that it finds rows of."""
PROJECTIONS = ("bot", "chat", *OF_CHATS, *LIVE_SET, *INDEXES)
"""Every projected table. Each has an integer primary key `id`; a search index its rowid, that of what it
finds."""

FOREVER = 2**62
"""How far the active branch reaches."""

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


def is_folded(kind: str) -> bool:
    """Whether an event of this kind changes a projection; the others only drive the pipeline."""
    return kind in _FOLDS


def folded(db: apsw.Connection, event: Event[Any]) -> None:
    """Let one event change what it is about, and nothing that was said before or after it."""
    fold = _FOLDS.get(event.kind)
    if fold is not None:
        fold(db, event)


def clear(db: apsw.Connection) -> None:
    for table in PROJECTIONS:
        db.execute(f"DELETE FROM {table}")


def clear_chat(db: apsw.Connection, chat_id: int) -> None:
    """Forget all that the events of one chat have made."""
    for index, table in INDEXES.items():
        db.execute(
            f"DELETE FROM {index} WHERE rowid IN (SELECT id FROM {table} WHERE chat_id = ?)", (chat_id,)
        )
    for table in OF_CHATS:
        db.execute(f"DELETE FROM {table} WHERE chat_id = ?", (chat_id,))
    db.execute("DELETE FROM chat WHERE id = ?", (chat_id,))
