"""What a purge deletes is really gone, and what it must not delete stays."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from store import account, boots, embeddings, ledger, purging, rebuild
from store.database import connect
from store.embeddings import digest_of, embedding
from store.errors import Conflict, NotFound, Refused
from store.events import BotAuthored, ChatRenamed, ChatStarted, MemoryEdited, MemoryWritten, TurnUser
from store.ledger import Route
from store.projections import INDEXES
from store.rows import rows
from store.store import Store, open_store
from store.txn import Routes, Txn

Fresh = Callable[[], Path]
MARKER = "zanzibarquince"
ROUTES: Routes = {"turn.user": (Route("remember", "bookkeeping", 0),)}


def begun(txn: Txn, title: str, *said: str) -> int:
    """A chat in which some words are said and remembered."""
    bot = txn.append(BotAuthored(name="Ada"))
    chat = txn.append(ChatStarted(title=title, host_id=bot.id))
    for text in said:
        turn = txn.append(TurnUser(text=text), chat_id=chat.id)
        memory = MemoryWritten(
            owner_id=bot.id, turn_id=turn.id, speaker_name="You", text=text, witnesses=(0,)
        )
        txn.append(memory, chat_id=chat.id, cause_id=turn.id)
    return chat.id


def purged(store: Store, chat_id: int) -> purging.Purge:
    return store.writer.call(lambda txn: purging.purge(txn, chat_id, store.path))


def test_no_word_of_it_is_left_in_the_file(fresh_path: Fresh) -> None:
    path = fresh_path()
    empty = path.stat().st_size
    with open_store(path, ROUTES) as store:
        words = (f"{MARKER} {n}. " + "The long way round by sea. " * 200 for n in range(30))
        chat_id = store.writer.call(lambda txn: begun(txn, f"The {MARKER}", *words))
        kept = store.writer.call(lambda txn: begun(txn, "Another", "Nothing of the kind."))
        store.writer.call(lambda txn: rebuild.refold(txn.connection, chat_id))  # leaves freed pages behind
        purged(store, chat_id)
        assert purging.tidy(path)
        with_terms = connect(path, query_only=False)
        for index in INDEXES:
            with_terms.execute(f"CREATE VIRTUAL TABLE temp.{index}_terms USING fts5vocab(main, {index}, row)")
            assert rows(with_terms, f"SELECT term FROM temp.{index}_terms WHERE term LIKE 'zanz%'") == []
            assert rows(with_terms, f"SELECT count(*) FROM temp.{index}_terms") != [(0,)]
        assert rows(with_terms, "SELECT count(*) FROM memory WHERE chat_id = ?", (kept,)) == [(1,)]
        with_terms.close()
        for file in path.parent.glob("chat.db*"):
            if file.is_file():
                assert MARKER.encode() not in file.read_bytes(), file
        size = path.stat().st_size
    assert size < empty + 100_000


def test_a_vector_that_another_chat_uses_stays(fresh_path: Fresh) -> None:
    with open_store(fresh_path(), {}) as store:
        chat_id = store.writer.call(lambda txn: begun(txn, "one", "ours", "mine", "was mine"))
        store.writer.call(lambda txn: begun(txn, "two", "ours"))

        def remember(txn: Txn) -> None:
            ((memory_id,),) = rows(txn.connection, "SELECT id FROM memory WHERE text = 'was mine'")
            txn.append(MemoryEdited(memory_id=memory_id, text="is mine"), chat_id=chat_id)
            vector = embedding("m", [1.0, 0.0])
            texts = ("You: ours", "You: mine", "You: was mine", "You: is mine", "a question")
            embeddings.keep(txn.connection, [(digest_of(text), vector) for text in texts])

        store.writer.call(remember)
        assert purged(store, chat_id).vectors == 3
        left = {digest for (digest,) in rows(store.hot, "SELECT digest FROM vector")}
        assert left == {digest_of("You: ours"), digest_of("a question")}


def test_a_chat_that_is_worked_on_is_refused_until_its_process_is_gone(fresh_path: Fresh) -> None:
    path = fresh_path()
    with open_store(path, ROUTES) as store:
        chat_id = store.writer.call(lambda txn: begun(txn, "one", "Hello"))
        boot = store.writer.call(lambda txn: boots.begin(txn, path))
        assert store.writer.call(
            lambda txn: ledger.claim(txn.connection, boot.id, "bookkeeping", 1, now=txn.now)
        )
        with pytest.raises(Refused, match=r"worked on .remember"):
            purged(store, chat_id)
        assert rows(store.hot, "SELECT count(*) FROM turn") == [(1,)]
        store.writer.call(
            lambda txn: account.record(txn.connection, "retried", [1], now=1, chat_id=chat_id, note="for her")
        )
        boots.release(boot)  # the lock of a process that was killed is free
        purged(store, chat_id)
        assert rows(store.hot, "SELECT count(*) FROM turn") == [(0,)]
        for table in ("attempt", "intervened", "intervention"):
            assert rows(store.hot, f"SELECT count(*) FROM {table}") == [(0,)]


def test_what_goes_back_to_a_chat_keeps_it(fresh_path: Fresh) -> None:
    """The refusal leaves the log as closed and as whole as it was, and its neighbours in the commit alone."""
    with open_store(fresh_path(), {}) as store:
        chat_id = store.writer.call(lambda txn: begun(txn, "one", "Hello"))
        other = store.writer.call(lambda txn: begun(txn, "two"))
        store.writer.call(lambda txn: txn.append(ChatRenamed(title="2"), chat_id=other, cause_id=chat_id))
        before = rows(store.hot, "SELECT * FROM event")
        with pytest.raises(Conflict, match="goes back to it"):
            purged(store, chat_id)
        assert rows(store.hot, "SELECT * FROM event") == before
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            store.writer.call(lambda txn: txn.execute("DELETE FROM event"))
        purged(store, other)
        purged(store, chat_id)
        assert rebuild.check(store.hot) == []


def test_a_chat_that_is_not_there_or_not_any_more_is_told(fresh_path: Fresh) -> None:
    with open_store(fresh_path(), {}) as store:
        with pytest.raises(NotFound, match="7"):
            purged(store, 7)
        chat_id = store.writer.call(lambda txn: begun(txn, "one"))
        purged(store, chat_id)
        with pytest.raises(NotFound):
            purged(store, chat_id)


def test_a_table_that_comes_later_is_not_forgotten(fresh_path: Fresh) -> None:
    path = fresh_path()
    db = connect(path, query_only=False)
    db.execute("CREATE TABLE marker(id INTEGER PRIMARY KEY, chat_id INTEGER NOT NULL, text TEXT NOT NULL)")
    db.execute("CREATE TABLE note(id INTEGER PRIMARY KEY, event_id INTEGER REFERENCES event(id)) STRICT")
    db.close()
    with open_store(path, {}) as store:
        chat_id = store.writer.call(lambda txn: begun(txn, "one", "Hello"))
        other = store.writer.call(lambda txn: begun(txn, "two", "Hello"))

        def mark(txn: Txn) -> None:
            for one in (chat_id, other):
                txn.execute("INSERT INTO marker(chat_id, text) VALUES (?, 'x')", (one,))
                txn.execute("INSERT INTO note(event_id) VALUES (?)", (one,))

        store.writer.call(mark)
        assert {"marker", "note"} <= set(purged(store, chat_id).rows)
        assert rows(store.hot, "SELECT chat_id FROM marker") == [(other,)]
        assert rows(store.hot, "SELECT event_id FROM note") == [(other,)]
