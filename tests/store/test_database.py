"""Opening the file: every way it can be unusable is said plainly, and nothing is touched."""

import os
from pathlib import Path

import apsw
import pytest

from store.database import connect, prepare
from store.errors import DataFromNewerVersion, DiskFull, StoreFailed
from store.events import BotAuthored
from store.store import open_store
from tests.properties.stories import ONE_OF_EACH, play


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data" / "chat.db"
    prepare(path)
    db = connect(path, query_only=False)
    play(db, list(ONE_OF_EACH))
    before = db.execute("PRAGMA data_version").fetchall()
    prepare(path)
    assert db.execute("PRAGMA data_version").fetchall() == before
    db.close()


def test_opening_folds_again_only_after_a_migration(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with open_store(path, {}) as store:
        store.writer.call(lambda txn: txn.append(BotAuthored(name="Ada")))
        store.writer.call(lambda txn: txn.execute("UPDATE bot SET name = 'nobody'"))
    with open_store(path, {}) as store:
        assert store.hot.execute("SELECT name FROM bot").fetchall() == [("nobody",)]
        store.writer.call(lambda txn: txn.execute("PRAGMA user_version = 4"))
    with open_store(path, {}) as store:
        assert store.hot.execute("SELECT name FROM bot").fetchall() == [("Ada",)]


def test_every_connection_has_the_pragmas_it_is_relied_on_for(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    path.write_bytes(migrated.read_bytes())
    for query_only in (False, True):
        db = connect(path, query_only=query_only)
        values = [db.pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys", "query_only")]
        assert values == ["wal", 1, 1, int(query_only)]
        db.close()


def test_a_database_from_a_newer_version_is_refused(
    fresh_path: object, migrated: Path, tmp_path: Path
) -> None:
    path = tmp_path / "chat.db"
    path.write_bytes(migrated.read_bytes())
    connection = apsw.Connection(str(path))
    connection.execute("INSERT INTO schema_migration(name, applied) VALUES ('9999_from_the_future', '')")
    connection.close()
    with pytest.raises(DataFromNewerVersion, match="9999_from_the_future") as caught:
        prepare(path)
    assert "newer version" in caught.value.hint


def test_a_file_that_is_no_database_is_named_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    path.write_bytes(b"this is a shopping list, not a database" * 100)
    with pytest.raises(StoreFailed, match=r"chat\.db"):
        prepare(path)
    assert path.read_bytes().startswith(b"this is a shopping list")


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(StoreFailed, match="cannot be written") as caught:
        prepare(tmp_path / "data" / "chat.db")
    assert "--data" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_folder_without_permission_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    with pytest.raises(StoreFailed, match="cannot be written"):
        prepare(folder / "chat.db")


def test_a_full_disk_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with open_store(path, {}) as store:
        store.writer.call(lambda txn: txn.append(BotAuthored(name="Ada")))
        pages = store.writer.connection.execute("PRAGMA page_count").fetchone()
        store.writer.connection.execute(f"PRAGMA max_page_count = {pages[0] if pages else 0}")
        huge = BotAuthored(name="Big", description="x" * 90_000)
        with pytest.raises(DiskFull, match="no space left") as caught:
            store.writer.call(lambda txn: [txn.append(huge) for _ in range(20)])
        assert "Free some space" in caught.value.hint
        store.writer.connection.execute("PRAGMA max_page_count = 1000000")
        assert store.hot.execute("SELECT name FROM bot").fetchall() == [("Ada",)]
        store.writer.call(lambda txn: txn.append(huge))
        assert store.hot.execute("SELECT count(*) FROM bot").fetchall() == [(2,)]
