"""What was ever remembered, by anybody, on whatever branch: the texts that have a vector.

Read from the log and not from the memories that count now: a branch that is switched back to, a reply that is
swiped back, must find the vectors of its memories. For upkeep only, never for an entity's prompt.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from store import log
from store.embeddings import digest_of
from store.errors import NotFound
from store.events import Event, MemoryEdited, MemoryWritten
from store.memories import said
from store.rows import row, rows

KINDS = (MemoryWritten.kind, MemoryEdited.kind)
TOLD = f"kind IN ('{KINDS[0]}', '{KINDS[1]}')"


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is embedded, and the event that holds it."""

    event_id: int
    chat_id: int
    said: str


def texts_after(db: apsw.Connection, event_id: int, limit: int) -> list[Text]:
    """The next texts in the order of the log."""
    found = rows(
        db, f"SELECT {log.COLUMNS} FROM event WHERE id > ? AND {TOLD} ORDER BY id LIMIT ?", (event_id, limit)
    )
    return list(texts_of(db, map(log.event_of, found)))


def texts(db: apsw.Connection) -> Iterator[Text]:
    """All of them, one at a time."""
    found = db.execute(f"SELECT {log.COLUMNS} FROM event WHERE {TOLD} ORDER BY id")
    yield from texts_of(db, map(log.event_of, found))


def texts_of(db: apsw.Connection, events: Iterable[Event[Any]]) -> Iterator[Text]:
    """The texts that these events, in log order, have given memories."""
    forms: dict[int, MemoryWritten] = {}
    for event in events:
        match event.payload:
            case MemoryWritten() as written:
                forms[event.id] = written
                yield Text(
                    event.id, event.chat_id or 0, said(written.form, written.speaker_name, written.text)
                )
            case MemoryEdited(memory_id=memory_id, text=text):
                edited = forms.get(memory_id) or _written(db, memory_id)
                if edited is not None:
                    yield Text(event.id, event.chat_id or 0, said(edited.form, edited.speaker_name, text))


def _written(db: apsw.Connection, memory_id: int) -> MemoryWritten | None:
    try:
        payload = log.event(db, memory_id).payload
    except NotFound:
        return None
    return payload if isinstance(payload, MemoryWritten) else None


def last(db: apsw.Connection) -> int:
    """The newest event that holds such a text; 0 when there is none."""
    found = row(db, f"SELECT id FROM event WHERE {TOLD} ORDER BY id DESC LIMIT 1")
    return int(found[0]) if found else 0


def count(db: apsw.Connection) -> int:
    """How many such events there are."""
    found = row(db, f"SELECT count(*) FROM event WHERE {TOLD}")
    return int(found[0]) if found else 0


def orphans(db: apsw.Connection) -> list[str]:
    """The digests in the vector cache that no text has."""
    known = {digest for (digest,) in rows(db, "SELECT DISTINCT digest FROM vector")}
    known.difference_update(digest_of(one.said) for one in texts(db))
    return sorted(known)


def forget_orphans(db: apsw.Connection) -> int:
    """Take the vectors of texts that nobody has out of the cache, within the caller's transaction."""
    gone = orphans(db)
    db.executemany("DELETE FROM vector WHERE digest = ?", [(digest,) for digest in gone])
    return len(gone)
