"""A purge takes one chat away whole and touches nothing else; the log is as closed afterwards as before."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store import purging, rebuild
from store.database import connect
from store.events import ChatPurged, decode
from store.projections import INDEXES, OF_CHATS
from store.rows import Row, rows
from store.txn import Txn
from tests.properties.stories import ONE_OF_EACH, ROUTES, Act, play, stories

Fresh = Callable[[], Path]
NOW = 1_700_000_000_000


def of_others(db: apsw.Connection, chat_id: int) -> dict[str, list[Row]]:
    """Every row, of whatever table, that is none of the chat's."""
    found = {}
    for table in (*OF_CHATS, "event", "run"):
        found[table] = rows(db, f"SELECT * FROM {table} WHERE chat_id IS NOT ? ORDER BY id", (chat_id,))
    found["chat"] = rows(db, "SELECT * FROM chat WHERE id != ? ORDER BY id", (chat_id,))
    found["bot"] = rows(db, "SELECT * FROM bot ORDER BY id")
    return found


def purge(db: apsw.Connection, path: Path, chat_id: int) -> purging.Purge:
    db.execute("BEGIN IMMEDIATE")
    gone = purging.purge(Txn(db, ROUTES, NOW), chat_id, path)
    db.execute("COMMIT")
    return gone


@settings(max_examples=50)
@given(story=stories(40), which=st.integers(0, 5))
@example(story=[*ONE_OF_EACH, *ONE_OF_EACH], which=0)
def test_a_purge_takes_one_chat_and_nothing_else(fresh_path: Fresh, story: list[Act], which: int) -> None:
    path = fresh_path()
    db = connect(path, query_only=False)
    chat_id = play(db, story).chat(which)
    others = of_others(db, chat_id)
    ((last,),) = rows(db, "SELECT max(id) FROM event")
    ((runs,),) = rows(db, "SELECT seq FROM sqlite_sequence WHERE name = 'run' UNION ALL SELECT 0 LIMIT 1")
    asked = purging.preview(db, chat_id)
    assert purge(db, path, chat_id) == asked
    assert of_others(db, chat_id) == others
    assert rebuild.check(db) == []
    ((tombstone, kind, payload),) = rows(
        db, "SELECT id, kind, payload FROM event WHERE chat_id = ?", (chat_id,)
    )
    assert (tombstone, kind) == (last + 1, "chat.purged")
    told = decode(kind, 1, payload)
    assert isinstance(told, ChatPurged)
    assert (told.events, told.rows) == (asked.events, asked.rows)
    assert rows(db, "SELECT count(*) FROM run WHERE chat_id = ?", (chat_id,)) == [(0,)]
    for index, table in INDEXES.items():
        found = rows(db, f"SELECT count(*) FROM {index} WHERE rowid NOT IN (SELECT id FROM {table})")
        assert found == [(0,)]
    assert rows(db, "PRAGMA foreign_key_check") == []
    for statement in ("UPDATE event SET payload = '{}'", "DELETE FROM event"):
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            db.execute(statement)
    after = play(db, list(ONE_OF_EACH))
    assert min(after.bots) > tombstone
    assert rows(db, "SELECT min(id) > ? FROM run WHERE chat_id = ?", (runs, after.chats[0])) == [(1,)]
    db.close()
