"""A database from before the simulation: it is brought up to date, folded again, and played on in."""

import json
import shutil
from pathlib import Path

import apsw

from store import log, rebuild, views
from store.database import MIGRATIONS, connect, prepare
from store.events import GuestAdded, TurnUser
from store.store import open_store

OLD_EVENTS = (
    ("bot.authored", None, {"name": "Ada", "first_message": "Hello."}),
    ("chat.started", 2, {"title": "Old", "host_id": 1, "you_name": "Max"}),
    ("turn.assistant", 2, {"speaker_id": 1, "text": "Hello.", "ended": "authored"}),
    ("turn.user", 2, {"text": "Good evening."}),
    (
        "memory.written",
        2,
        {"owner_id": 1, "turn_id": 4, "speaker_name": "Max", "text": "Good evening.", "witnesses": [0, 1]},
    ),
)


def _of_the_first_version(path: Path) -> None:
    """A file with the first migration and the events of that time, written as they were then."""
    first = path.parent / "first"
    first.mkdir()
    shutil.copy(MIGRATIONS / "0001_log_ledger_projections.py", first)
    prepare(path, first)
    db = connect(path, query_only=False)
    with db:
        for number, (kind, chat_id, payload) in enumerate(OLD_EVENTS, start=1):
            _insert(db, number, kind, chat_id, payload)
        db.execute(
            "INSERT INTO turn(id, chat_id, branch_id, anchor_id, ordinal, text, ended, recorded_at)"
            " VALUES (4, 2, 2, 4, 1, 'stale', 'complete', 1)"
        )
    db.close()


def _insert(db: apsw.Connection, number: int, kind: str, chat_id: int | None, payload: object) -> None:
    db.execute(
        "INSERT INTO event(id, chat_id, branch_id, kind, schema, payload, ordinal, recorded_at)"
        " VALUES (?, ?, ?, ?, 1, ?, 0, ?)",
        (number, chat_id, chat_id, kind, json.dumps(payload), number),
    )


def test_a_database_of_the_first_version_opens_is_folded_again_and_plays_on(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    _of_the_first_version(path)
    with open_store(path, {}) as store:
        db = store.hot
        chat = views.chat(db, 2)
        assert (chat.title, chat.you_name, chat.begun, chat.scene_id) == ("Old", "Max", True, None)
        assert [turn.text for turn in views.turns_before(db, 2, None, 9)] == ["Hello.", "Good evening."]
        assert db.execute("SELECT text FROM memory_text").fetchall() == [("Max: Good evening.",)]
        assert db.execute("SELECT rowid, text FROM turn_text").fetchall() == [
            (3, "Hello."),
            (4, "Good evening."),
        ]
        assert rebuild.check(db) == []
        store.writer.call(lambda txn: txn.append(GuestAdded(guest_id=1), chat_id=2))
        turn = store.writer.call(lambda txn: txn.append(TurnUser(text="And on."), chat_id=2))
        assert views.turn(db, turn.id).text == "And on."
        assert log.position(db) == len(OLD_EVENTS) + 2
        assert rebuild.check(db) == []
