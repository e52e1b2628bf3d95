"""A served Fabula backs itself up once a day."""

from collections.abc import Callable
from pathlib import Path

from store import backups
from store.events import BotAuthored
from store.stamps import DAY_MS
from store.store import open_store
from workers.nightly import back_up_if_due

Fresh = Callable[[], Path]


async def test_a_backup_is_made_a_day_after_the_last_and_not_before(fresh_path: Fresh) -> None:
    path = fresh_path()
    folder = path.parent / "backups"
    now = 1_700_000_000_000
    with open_store(path, {}, clock=lambda: now) as store:
        await back_up_if_due(store, folder)
        assert backups.listed(folder) == []
        store.writer.call(lambda txn: txn.append(BotAuthored(name="Ada")))
        await back_up_if_due(store, folder)
        assert len(backups.listed(folder)) == 1
        now += DAY_MS - 1
        await back_up_if_due(store, folder)
        assert len(backups.listed(folder)) == 1
        now += 1
        await back_up_if_due(store, folder)
    assert [one.why for one in backups.listed(folder)] == ["nightly", "nightly"]


async def test_a_backup_that_cannot_be_written_is_tried_again(fresh_path: Fresh) -> None:
    path = fresh_path()
    folder = path.parent / "backups"
    folder.write_text("a file where the folder should be")
    with open_store(path, {}) as store:
        store.writer.call(lambda txn: txn.append(BotAuthored(name="Ada")))
        await back_up_if_due(store, folder)
        folder.unlink()
        await back_up_if_due(store, folder)
    assert len(backups.listed(folder)) == 1
