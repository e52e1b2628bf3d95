"""The writer: one commit for what has gathered, a bad step alone in its failure."""

from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from store.errors import Refused
from store.events import BotAuthored, ChatStarted, TurnUser
from store.huey_storage import LedgerStorage
from store.ledger import Route
from store.store import Store, open_store
from store.txn import Txn
from store.wake import Wake, socket_folder
from store.writer import Slots
from tests.settling import LIMIT_S

ROUTES = {"turn.user": (Route("remember", "bookkeeping", 0),)}


async def test_steps_that_have_gathered_share_a_commit_and_a_bad_one_fails_alone(tmp_path: Path) -> None:
    with open_store(tmp_path / "chat.db", ROUTES) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        held, gate = trio.Event(), trio.Event()
        token = trio.lowlevel.current_trio_token()

        def hold(_: Txn) -> None:
            trio.from_thread.run_sync(held.set, trio_token=token)
            trio.from_thread.run(gate.wait, trio_token=token)

        failures: list[str] = []

        async def bad() -> None:
            try:
                await store.writer.submit(_spoil)
            except ZeroDivisionError as error:
                failures.append(str(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.writer.submit, hold)
            await held.wait()
            for number in range(20):
                nursery.start_soon(_author, store, f"bot {number}")
            nursery.start_soon(bad)
            await trio.testing.wait_all_tasks_blocked()
            gate.set()
        assert failures == ["division by zero"]
        names = store.hot.execute("SELECT name FROM bot ORDER BY id").fetchall()
        assert {name for (name,) in names} == {f"bot {number}" for number in range(20)}
        assert store.writer.commits == 2


async def _author(store: Store, name: str) -> None:
    await store.writer.submit(lambda txn: txn.append(BotAuthored(name=name)))


def _spoil(txn: Txn) -> float:
    txn.append(BotAuthored(name="spoiled"))
    return 1 / 0


async def test_the_commit_that_makes_a_run_ready_hands_it_over_claimed(tmp_path: Path) -> None:
    with open_store(tmp_path / "chat.db", ROUTES) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        claims = []
        store.writer.listeners.append(lambda news: claims.extend(news.claims))
        store.writer.slots = Slots(_boot(store), {"bookkeeping": 1})
        chat = await store.writer.submit(lambda txn: txn.append(ChatStarted(title="x", host_id=1)))
        for text in ("one", "two"):
            turn = TurnUser(text=text)
            await store.writer.submit(partial(_append, payload=turn, chat_id=chat.id))
        assert [(claim.stage, claim.attempt) for claim in claims] == [("remember", 1)]
        assert store.writer.slots.free == {"bookkeeping": 0}
        assert store.hot.execute("SELECT state FROM run ORDER BY id").fetchall() == [
            ("running",),
            ("waiting",),
        ]


def _append(txn: Txn, *, payload: TurnUser, chat_id: int) -> None:
    txn.append(payload, chat_id=chat_id)


def _boot(store: Store) -> int:
    def step(txn: Txn) -> int:
        txn.execute("INSERT INTO boot(pid, started_at, seen_at, code_version) VALUES (1, 1, 1, '')")
        return txn.connection.last_insert_rowid()

    return store.writer.call(step)


def test_hueys_enqueue_joins_the_callers_transaction(tmp_path: Path) -> None:
    routes = {"remember": Route("remember", "bookkeeping", 0)}
    storage = LedgerStorage(routes=routes, module="tasks")
    message = b'{"id": "1", "name": "tasks.remember", "kwargs": {"event_id": 1, "chat_id": 1}}'
    with pytest.raises(Refused, match="inside a step"):
        storage.enqueue(message)
    with open_store(tmp_path / "chat.db", {}) as store:

        def enqueue_and_break(txn: Txn) -> None:
            txn.append(ChatStarted(title="x", host_id=1))
            storage.enqueue(message)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.writer.call(enqueue_and_break)
        assert store.hot.execute("SELECT count(*) FROM run").fetchall() == [(0,)]

        def enqueue(txn: Txn) -> None:
            txn.append(ChatStarted(title="x", host_id=1))
            storage.enqueue(message)
            storage.enqueue(message)

        store.writer.call(enqueue)
        assert store.hot.execute("SELECT stage, state FROM run").fetchall() == [("remember", "ready")]


@pytest.fixture
def still() -> MockClock:
    """Time stands still as long as anything happens: whoever looks by the clock sees nothing."""
    return MockClock(autojump_threshold=LIMIT_S)


async def test_a_commit_in_another_connection_rings_by_itself(tmp_path: Path, still: MockClock) -> None:
    """Two stores on one file stand for two processes; each has its own sockets and connections."""
    path = tmp_path / "chat.db"
    with open_store(path, {}) as ours, open_store(path, {}) as theirs:
        rung = trio.Event()
        ours.wake.listeners.append(rung.set)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.wake.run)
            await _listening(path)
            began = still.current_time()
            theirs.writer.call(lambda txn: txn.append(BotAuthored(name="Ada")))
            await rung.wait()
            assert still.current_time() == began
            nursery.cancel_scope.cancel()


async def _listening(path: Path) -> None:
    """The socket is bound in a thread, which no count of blocked tasks knows of."""
    with trio.fail_after(LIMIT_S):
        while not list(socket_folder(path).glob("*.sock")):
            await trio.lowlevel.checkpoint()


async def test_without_sockets_the_data_version_is_the_safety_net(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with open_store(path, {}) as ours, open_store(path, {}) as theirs:
        rung = trio.Event()
        ours.wake.listeners.append(rung.set)
        theirs.writer.after_commit = lambda: None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.wake.run)
            await trio.testing.wait_all_tasks_blocked()
            theirs.writer.call(lambda txn: txn.append(BotAuthored(name="Ada")))
            with trio.fail_after(LIMIT_S):
                await rung.wait()
            nursery.cancel_scope.cancel()
        assert isinstance(ours.wake, Wake)
