"""Restoring as long work: told as it goes, and wherever it is ended, all of it is there or nothing is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from pipeline.config_paths import DataPaths
from pipeline.keeping import Keeping
from pipeline.restoring import Restored, Restoring
from pipeline.undertakings import Report, Undertakings, undertake
from store import log, rebuild, snapshots, undertakings
from store.database import connect
from store.store import Store, open_store
from store.undertakings import NOTHING_LEFT
from tests.properties.stories import ONE_OF_EACH, ROUTES, play

NOW = 1_700_000_000_000


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    """A snapshot of a story in which everything happens."""
    with open_store(tmp_path / "chat.db", ROUTES):
        db = connect(tmp_path / "chat.db", query_only=False)
        (chat_id, *_) = play(db, list(ONE_OF_EACH)).chats
        path = snapshots.take(db, tmp_path / "snapshots", chat_id, why="by-hand", now=NOW)
        db.close()
    return path


@pytest.fixture
def store(tmp_path: Path, taken: Path) -> Iterator[Store]:
    with open_store(tmp_path / "chat.db", ROUTES) as store:
        yield store


async def restoring_of(store: Store, taken: Path) -> Restoring:
    store.writer.attach(trio.lowlevel.current_trio_token())
    return await Keeping(store, DataPaths(taken.parent.parent, store.path)).restoring(taken)


def ended_at(instant: int, told: list[tuple[int, int]]) -> Report:
    """Somebody asks for the end when so much is done; what was told until then is noted."""
    report = Report()

    def watch(done: int, total: int) -> None:
        told.append((done, total))
        report.stop = done == instant

    report.watch = watch
    return report


@pytest.mark.parametrize("share", [0.0, 0.9, 1.3])
async def test_ended_anywhere_nothing_of_it_is_there(store: Store, taken: Path, share: float) -> None:
    what = await restoring_of(store, taken)
    before, told = log.position(store.hot), list[tuple[int, int]]()
    events = len(what.arriving.events)
    instant = 1 + int(share * events)
    ended = await undertake(store, what, report=ended_at(instant, told))
    assert (ended.state, ended.hint, what.restored) == ("cancelled", NOTHING_LEFT, None)
    assert told == [(done, 2 * events) for done in range(1, instant + 1)]
    assert (log.position(store.hot), rebuild.check(store.hot)) == (before, [])
    again = await undertake(store, await restoring_of(store, taken))
    assert again.state == "done"


async def test_it_is_told_as_it_goes_and_the_chat_is_named_by_the_commit_that_brought_it(
    store: Store, taken: Path
) -> None:
    what = await restoring_of(store, taken)
    seen = list[tuple[int, object]]()

    def look() -> None:
        told = [(one.state, one.asked.get("made")) for one in undertakings.listed(store.hot)]
        seen.append((len(log.chats(store.hot)), told))

    look()
    store.writer.listeners.append(lambda _committed: look())
    working = Undertakings(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(working.run)
        number = await working.start(what)
        await working.ended(number)
        nursery.cancel_scope.cancel()
    assert isinstance(what.restored, Restored)
    done = (2, [("done", what.restored.chat_id)])
    assert [one for number, one in enumerate(seen) if one not in seen[:number]] == [
        (1, []),
        (1, [("running", None)]),
        done,
    ]
    (shown,) = working.shown()
    assert (shown.done, shown.outcome) == (shown.total, "“the light” is here as a new chat.")
    assert rebuild.check(store.hot) == []


async def test_a_killed_process_leaves_it_to_be_started_again(store: Store, taken: Path) -> None:
    what = await restoring_of(store, taken)
    await store.writer.submit(lambda txn: undertakings.begin(txn, what.kind, what.asked()))
    (shown,) = Undertakings(store).shown()
    assert (shown.state, shown.hint) == ("interrupted", NOTHING_LEFT)
