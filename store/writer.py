"""The writer: one thread, one connection, every change of the database.

Steps from any thread gather in a queue; whatever has gathered is committed together, each step inside its
own savepoint so that a bad one cannot fail its neighbours. Before the commit, free slots of this process are
filled with the ready heads the steps have just produced: a claim never costs a transaction of its own and
never races another process, because the write lock is held. Nothing is told to anyone before the commit.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw
import outcome
import trio

from store import ledger
from store.database import disk_full
from store.durability import Syncer
from store.errors import StoreFailed
from store.ledger import Claim
from store.txn import Clock, Routes, Txn

T = TypeVar("T")
Step = Callable[[Txn], T]
MAX_BATCH = 256
_CURRENT = threading.local()


def current_txn() -> Txn | None:
    """The transaction running on this thread, if it is the writer's."""
    return cast("Txn | None", getattr(_CURRENT, "txn", None))


@dataclass(slots=True)
class Slots:
    """How many more runs of each lane this process takes, the pressing lanes first; touched on the writer's
    thread only. Lanes in `yielding` are left alone while something pressing is under way: somebody waits for
    that commit, and claims cost it time."""

    boot_id: int
    free: dict[str, int]
    yielding: frozenset[str] = frozenset()
    pressed: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit brought that others wait for."""

    claims: list[Claim]
    stop_requested: bool


@dataclass(slots=True, eq=False)
class _Item:
    step: Step[Any]
    durable: bool
    deliver: Callable[[outcome.Outcome[Any]], None]
    task: trio.lowlevel.Task | None = None
    result: outcome.Outcome[Any] | None = None


@dataclass
class Writer:
    """Owns the writing connection. `durable` steps are on the disk, not only in the file cache, when they
    return: a person's acts are; what a stage derives can be derived again after a power cut, and the log
    loses at most its newest part, never a middle one."""

    path: Path
    connection: apsw.Connection
    routes: Routes
    clock: Clock
    syncer: Syncer
    slots: Slots | None = None
    after_commit: Callable[[], None] = lambda: None
    """Called on the writer's thread after each commit that changed something."""
    listeners: list[Callable[[Committed], None]] = field(default_factory=list)
    """Called on the trio thread, after the commit and before its submitters go on."""
    commits: int = 0
    failure: StoreFailed | None = None
    """Why the last commit failed, until one succeeds again."""
    _acted_at: int = 0
    _queue: queue.SimpleQueue[_Item | None] = field(default_factory=queue.SimpleQueue)
    _token: trio.lowlevel.TrioToken | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="fabula-writer", daemon=True)
        self._thread.start()

    def attach(self, token: trio.lowlevel.TrioToken | None) -> None:
        """Name the trio loop that listeners and submitters live in."""
        self._token = token

    def close(self) -> None:
        """Commit what is queued, then end the thread."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
        self.syncer.close()
        self.connection.close()

    async def submit(self, step: Step[T], *, durable: bool = False) -> T:
        """Run a step and wait for its commit. Not cancellable: what is queued will happen."""
        task = trio.lowlevel.current_task()
        item = _Item(step, durable, lambda result: trio.lowlevel.reschedule(task, result), task)
        self._queue.put(item)
        return cast("T", await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED))

    def post(self, step: Step[Any]) -> None:
        """Run a step at some point; for what may be lost, such as a checkpoint of a partial text."""
        self._queue.put(_Item(step, False, lambda _: None))

    def call(self, step: Step[T], *, durable: bool = False) -> T:
        """Run a step and wait for its commit, from a thread that runs no event loop."""
        answer: queue.SimpleQueue[outcome.Outcome[T]] = queue.SimpleQueue()
        self._queue.put(_Item(step, durable, answer.put))
        return answer.get().unwrap()

    def _work(self) -> None:
        while True:
            item = self._queue.get()
            batch, closing = self._gather(item)
            if batch:
                self._commit(batch)
            if closing:
                return

    def _gather(self, first: _Item | None) -> tuple[list[_Item], bool]:
        batch: list[_Item] = []
        item = first
        while item is not None:
            batch.append(item)
            if len(batch) == MAX_BATCH:
                return batch, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[_Item]) -> None:
        txn = Txn(self.connection, self.routes, self.clock())
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            before = self.connection.total_changes()
            self._run_steps(batch, txn)
            free = self._free(txn)
            claims = self._claim(txn, free)
            changed = self.connection.total_changes() != before
            self.connection.execute("COMMIT")
        except apsw.Error as error:
            self._failed(batch, error)
            return
        self._take(free, claims)
        self.commits += 1
        self.failure = None
        self._deliver(batch, Committed(claims, txn.stop_requested))
        if changed:
            self.after_commit()

    def _run_steps(self, batch: list[_Item], txn: Txn) -> None:
        _CURRENT.txn = txn
        try:
            for item in batch:
                self._run_step(item, txn)
        finally:
            _CURRENT.txn = None

    def _run_step(self, item: _Item, txn: Txn) -> None:
        self.connection.execute("SAVEPOINT step")
        if item.durable:  # what one act recorded is told from the next by its time, however quick they are
            txn.now = self._acted_at = max(txn.now, self._acted_at + 1)
        try:
            item.result = outcome.Value(item.step(txn))
        except (apsw.FullError, apsw.IOError):
            raise
        except Exception as error:
            self.connection.execute("ROLLBACK TO step")
            item.result = outcome.Error(error)
        self.connection.execute("RELEASE step")

    def _free(self, txn: Txn) -> dict[str, int]:
        """The slots to fill, counting those that the steps of this batch give back."""
        free = dict(self.slots.free) if self.slots is not None else {}
        for lane in txn.freed:
            if lane in free:
                free[lane] += 1
        return free

    def _claim(self, txn: Txn, free: dict[str, int]) -> list[Claim]:
        if self.slots is None:
            return []
        claims: list[Claim] = []
        for lane, number in free.items():
            if number > 0 and not (lane in self.slots.yielding and (claims or self.slots.pressed())):
                claims += ledger.claim(self.connection, self.slots.boot_id, lane, number, now=txn.now)
        return claims

    def _take(self, free: dict[str, int], claims: list[Claim]) -> None:
        """Count slots only once the commit has held."""
        if self.slots is not None:
            for one in claims:
                free[one.lane] -= 1
            self.slots.free = free

    def _failed(self, batch: list[_Item], error: apsw.Error) -> None:
        """Nothing of the batch was written: tell every submitter so."""
        if not self.connection.get_autocommit():
            self.connection.execute("ROLLBACK")
        if isinstance(error, apsw.FullError):
            told: StoreFailed = disk_full(self.path, error)
        else:
            told = StoreFailed(
                f"The database {self.path} could not be written; nothing was changed.",
                hint="Check the disk and that no other program holds the file, then try again.",
                detail=f"{type(error).__name__}: {error}",
            )
        told.__cause__ = error
        self.failure = told
        for item in batch:
            item.result = outcome.Error(told)
        self._deliver(batch, Committed([], False))

    def _deliver(self, batch: list[_Item], committed: Committed) -> None:
        """Tell listeners at once, submitters too unless they wait for the disk."""
        durable = [item for item in batch if item.durable and isinstance(item.result, outcome.Value)]
        self._answer([item for item in batch if item not in durable], committed)
        if durable:
            self.syncer.after_sync(partial(self._synced, durable))

    def _synced(self, durable: list[_Item], failure: StoreFailed | None) -> None:
        if failure is not None:
            for item in durable:
                item.result = outcome.Error(failure)
        self._answer(durable, None)

    def _answer(self, items: list[_Item], committed: Committed | None) -> None:
        for item in items:
            if item.task is None and item.result is not None:
                item.deliver(item.result)
        waiting = [item for item in items if item.task is not None]
        if self._token is None or not (waiting or (committed and self.listeners)):
            return
        try:
            self._token.run_sync_soon(self._tell, waiting, committed)
        except trio.RunFinishedError:
            self._token = None

    def _tell(self, waiting: list[_Item], committed: Committed | None) -> None:
        if committed is not None:
            for listener in tuple(self.listeners):
                listener(committed)
        for item in waiting:
            if item.result is not None:
                item.deliver(item.result)
