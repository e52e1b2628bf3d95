"""Purging: the one way to delete. A chat's log, runs, projections and vectors go; a tombstone stays.

The triggers that keep the log append-only are lifted inside the purge's own transaction, so nobody else ever
sees the log without them. What is deleted is overwritten, the search index included; `tidy` then writes the
file anew, because pages freed long ago may still hold words.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from store import boots, embeddings, live, log, memories, remembered, views
from store.database import connect, translated
from store.errors import Conflict, Refused
from store.events import ChatPurged
from store.live import LiveSet
from store.projections import INDEXES, OF_CHATS, PROJECTIONS, clear_chat
from store.rows import row, rows
from store.txn import Txn

TRIGGER = "event_is_never_deleted"


@dataclass(frozen=True, slots=True)
class Purge:
    """What a purge takes away: events by kind, and what lies beside the log."""

    chat_id: int
    title: str
    events: dict[str, int]
    rows: dict[str, int]
    """By table: the chat's projections, its runs and their attempts."""
    vectors: int

    def told(self) -> ChatPurged:
        """What is kept of it: how much it was, and no word of what."""
        return ChatPurged(events=self.events, rows=self.rows, vectors=self.vectors)


def preview(db: apsw.Connection, chat_id: int) -> Purge:
    """Exactly what `purge` would delete now.

    Raises:
        NotFound: there is no such chat (any more).
    """
    title = views.chat(db, chat_id).title
    found = rows(
        db, "SELECT kind, count(*) FROM event WHERE chat_id = ? GROUP BY kind ORDER BY kind", (chat_id,)
    )
    counted = {table: _count(db, f"{table} WHERE chat_id = ?", chat_id) for table in (*OF_CHATS, "run")}
    counted |= {table: _count(db, f"{table} WHERE {where}", chat_id) for table, where in _dependent(db)}
    return Purge(
        chat_id,
        title,
        events=dict(found),
        rows={table: number for table, number in counted.items() if number},
        vectors=len(_vectors_of(db, chat_id)),
    )


def purge(txn: Txn, chat_id: int, database: Path) -> Purge:
    """Delete a chat and append its tombstone, within the step's transaction.

    Raises:
        NotFound: there is no such chat.
        Refused: a stage is working for it.
        Conflict: something outside the chat goes back to it.
    """
    db = txn.connection
    boots.recover_orphans(txn, database, None)  # or a crash would stand in the way until the next start
    gone = preview(db, chat_id)
    busy = rows(db, "SELECT DISTINCT stage FROM run WHERE chat_id = ? AND state = 'running'", (chat_id,))
    if busy:
        raise Refused(
            f"The chat {gone.title!r} is being worked on ({', '.join(stage for (stage,) in busy)}).",
            hint="Stop the reply or wait a moment, then purge again. Nothing was deleted.",
        )
    vectors = _vectors_of(db, chat_id)
    with _overwriting(db), _deletable(db, gone):
        clear_chat(db, chat_id)
        live.store(db, chat_id, LiveSet())
        for index in INDEXES:
            db.execute(f"INSERT INTO {index}({index}) VALUES ('optimize')")  # deleted words linger else
        db.executemany("DELETE FROM vector WHERE digest = ?", [(digest,) for digest in vectors])
        for table, where in _dependent(db):
            db.execute(f"DELETE FROM {table} WHERE {where}", (chat_id,))
        db.execute("DELETE FROM run WHERE chat_id = ?", (chat_id,))
        db.execute("DELETE FROM event WHERE chat_id = ?", (chat_id,))
    txn.append(gone.told(), chat_id=chat_id)
    return gone


def tidy(database: Path) -> bool:
    """Write the file anew without what was deleted, and empty the log beside it. False when a reader keeps
    the log: it is overwritten with the next commits.

    Raises:
        StoreFailed: the file cannot be written; DiskFull: there is no room for a second copy. What was
            purged stays purged.
    """
    db = connect(database, query_only=False)
    try:
        with translated(database):
            db.execute("VACUUM")
            done = row(db, "PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()
    return done is not None and done[0] == 0


def _count(db: apsw.Connection, what: str, chat_id: int) -> int:
    found = row(db, f"SELECT count(*) FROM {what}", (chat_id,))
    return int(found[0]) if found else 0


def _dependent(db: apsw.Connection) -> Iterator[tuple[str, str]]:
    """The tables beside the log that hold something of a chat, and which rows: read from the schema, so that
    a table which comes later is not forgotten."""
    tables = rows(
        db, "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main' ORDER BY name"
    )
    for (table,) in tables:
        if table in ("event", "run") or table in PROJECTIONS:
            continue
        columns = {name for _, name, *_ in rows(db, f"PRAGMA table_info({table})")}
        links = [
            f"{column} IN (SELECT id FROM {target} WHERE chat_id = ?1)"
            for _, _, target, column, *_ in rows(db, f"PRAGMA foreign_key_list({table})")
            if target in ("event", "run")
        ]
        if "chat_id" in columns:
            links.append("chat_id = ?1")
        if links:
            yield table, " OR ".join(links)


def _vectors_of(db: apsw.Connection, chat_id: int) -> set[str]:
    """The digests of all that was ever remembered in the chat, but for what is remembered elsewhere too."""
    told = remembered.texts_of(db, log.all_of_chat(db, chat_id))
    digests = {embeddings.digest_of(one.said) for one in told}
    elsewhere = "SELECT form, speaker_name, text FROM memory WHERE chat_id != ?"
    for form, speaker_name, text in db.execute(elsewhere, (chat_id,)):
        digests.discard(embeddings.digest_of(memories.said(str(form), str(speaker_name), str(text))))
    known = {digest for (digest,) in rows(db, "SELECT digest FROM vector")}
    return digests & known


@contextmanager
def _overwriting(db: apsw.Connection) -> Iterator[None]:
    """Whatever is deleted in the block is overwritten with zeros."""
    before = row(db, "PRAGMA secure_delete")
    db.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        db.execute(f"PRAGMA secure_delete = {before[0] if before else 0}")


@contextmanager
def _deletable(db: apsw.Connection, gone: Purge) -> Iterator[None]:
    """Lift the trigger that refuses deletion; on an error the caller's savepoint brings it back. Events and
    runs name each other, so their links are looked at when all are gone."""
    trigger = row(db, "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (TRIGGER,))
    if trigger is None:
        raise Conflict(
            f"The log lacks its trigger {TRIGGER!r}, so somebody has been at the database by hand.",
            hint="Go back to a backup with `fabula restore`. Nothing was deleted.",
        )
    db.execute("PRAGMA defer_foreign_keys = ON")
    db.execute(f"DROP TRIGGER {TRIGGER}")
    yield
    db.execute(str(trigger[0]))
    unresolved, _ = db.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)
    if unresolved:
        raise Conflict(
            f"Something outside the chat {gone.title!r} goes back to it.",
            hint="Purge first what was begun from it. Nothing was deleted.",
        )
    db.execute("PRAGMA defer_foreign_keys = OFF")
