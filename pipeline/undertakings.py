"""Undertakings: long work done in this process, told about as it goes, ended when somebody asks.

What is to be done arrives as an object with `work`; its progress and its end go into the ledger of long work
(`store.undertakings`), where every page and process sees them and may ask to stop it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import structlog
import trio

from store import undertakings
from store.errors import Conflict, FabulaError, NotFound, alone
from store.locks import try_lock
from store.store import Store
from store.txn import Txn
from store.undertakings import KEPT, PROCESS_ENDED, State, Undertaking, to_go_on

TELL_S = 0.3
"""How often progress is written down, and a request to stop looked for."""
Watch = Callable[[int, int], None]


class Stopped(Exception):
    """Somebody has asked for the end of the work."""


@dataclass
class Report:
    """How far the work is; may be called from any thread."""

    watch: Watch = lambda _done, _total: None
    done: int = 0
    total: int = 0
    number: int = 0
    """What the work is called in the ledger of long work."""
    stop: bool = False
    over: trio.Event = field(default_factory=trio.Event)

    def check(self) -> None:
        """For work that cannot be cancelled where it stands.

        Raises:
            Stopped: it is to end.
        """
        if self.stop:
            raise Stopped

    def __call__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self.watch(done, total)


class Work(Protocol):
    """A piece of long work. Ended in the middle it leaves everything right, and what it had done by then."""

    @property
    def kind(self) -> str: ...

    def asked(self) -> dict[str, Any]:
        """What was asked for, for people to read."""

    async def work(self, report: Report) -> str:
        """Do it, and say in one sentence what came of it.

        Raises:
            FabulaError: it cannot go on; what was done until then is kept.
        """


@dataclass(frozen=True, slots=True)
class _End:
    state: State
    outcome: str
    hint: str = ""


async def undertake(
    store: Store,
    what: Work,
    *,
    report: Report | None = None,
    begun: Callable[[int], None] = lambda _number: None,
) -> Undertaking:
    """Do a piece of long work to whatever end it comes; its number is told as soon as it has begun.

    Raises:
        Conflict: other long work is under way on this database.
    """
    report = report or Report()
    lock = try_lock(undertakings.lock_path(store.path))
    if lock is None:
        raise Conflict(
            "Other long work is under way.",
            hint="Wait for it, or cancel it on the page under Long work or with `fabula work --cancel`.",
        )
    with lock:
        number = await store.writer.submit(lambda txn: undertakings.begin(txn, what.kind, what.asked()))
        report.number = number
        begun(number)
        ended = _End("interrupted", PROCESS_ENDED, to_go_on(what.kind))
        try:
            ended = await _worked(store, number, what, report)
        finally:
            await store.writer.submit(partial(_close, number=number, report=report, ended=ended))
    found = undertakings.undertaking(store.hot, number)
    if found is None:
        raise NotFound(f"There is no long work {number}.")
    return found


def _close(txn: Txn, *, number: int, report: Report, ended: _End) -> None:
    undertakings.tell(txn, number, report.done, report.total)
    undertakings.end(txn, number, ended.state, ended.outcome, ended.hint)


async def _worked(store: Store, number: int, what: Work, report: Report) -> _End:
    ended = _End("cancelled", "Cancelled.", to_go_on(what.kind))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_told, store, number, report, nursery.cancel_scope)
        try:
            ended = _End("done", await what.work(report))
        except Stopped:
            pass
        except Exception as error:  # whatever it is, the program and its other work go on
            ended = _failed(what, number, alone(error))
        nursery.cancel_scope.cancel()
    return ended


def _failed(what: Work, number: int, error: BaseException) -> _End:
    if isinstance(error, FabulaError):
        return _End("failed", error.message, error.hint)
    structlog.get_logger().error("long work broke", kind=what.kind, undertaking=number, exc_info=error)
    broken = f"Something in Fabula broke: {type(error).__name__}: {error}"
    return _End("failed", broken, "Start it again, or report it.")


async def _keep_told(store: Store, number: int, report: Report, scope: trio.CancelScope) -> None:
    """Write down how far it is, and end it when somebody, in whatever process, has asked to."""
    told = (0, 0)
    while True:
        found = undertakings.undertaking(store.hot, number)
        if found is not None and found.stop:
            report.stop = True
        if report.stop:
            scope.cancel()
        now = (report.done, report.total)
        if now != told:
            told = now
            await store.writer.submit(
                partial(undertakings.tell, undertaking_id=number, done=now[0], total=now[1])
            )
        await trio.sleep(TELL_S)


def shown(store: Store, limit: int = KEPT) -> list[Undertaking]:
    """Long work, the newest first; what nobody works on any more is told as interrupted."""
    found = undertakings.listed(store.hot, limit)
    if not any(one.state == "running" for one in found):
        return found
    lock = try_lock(undertakings.lock_path(store.path))
    if lock is None:
        return found
    lock.close()
    store.writer.post(partial(undertakings.interrupt, upto=found[0].id))
    return [undertakings.interrupted(one) for one in found]


async def cancel(store: Store, number: int) -> bool:
    """Ask whoever works on it, in whatever process, to end it; False when it is over already.

    Raises:
        NotFound: there is no such work.
    """
    if undertakings.undertaking(store.hot, number) is None:
        raise NotFound(f"There is no long work {number}.", hint="`fabula work` lists it.")
    return await store.writer.submit(lambda txn: undertakings.ask_to_stop(txn, number))


@dataclass
class Undertakings:
    """The long work of a program that stays up."""

    store: Store
    listeners: list[Callable[[], None]] = field(default_factory=list)
    """Called when a piece of work has ended."""
    _report: Report = field(default_factory=Report)
    """How far the work of this process is: known also while a single step of it holds the writer."""
    _nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold what is under way, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    async def start(self, what: Work) -> int:
        """Begin a piece of work and return its number.

        Raises:
            Conflict: other long work is under way.
        """
        if self._nursery is None:
            raise FabulaError("No long work can be done: the program is not running.")
        number: int = await self._nursery.start(self._undertake, what)
        return number

    async def ended(self, number: int) -> None:
        """Wait until a piece of this process's work is over."""
        if self._report.number == number:
            await self._report.over.wait()

    def shown(self, limit: int = KEPT) -> list[Undertaking]:
        """Long work, the newest first, in whatever process; that of this one as far as it is now."""
        return [self._now(one) for one in shown(self.store, limit)]

    def _now(self, one: Undertaking) -> Undertaking:
        report = self._report
        if one.id != report.number or one.state != "running":
            return one
        return replace(one, done=report.done, total=report.total, stop=one.stop or report.stop)

    async def cancel(self, number: int) -> bool:
        """Ask whoever works on it, in whatever process, to end it; False when it is over already.

        Raises:
            NotFound: there is no such work.
        """
        here = number == self._report.number and not self._report.over.is_set()
        self._report.stop |= here
        return await cancel(self.store, number) or here

    async def _undertake(self, what: Work, *, task_status: trio.TaskStatus[int]) -> None:
        report = Report()

        def begun(number: int) -> None:
            self._report = report
            task_status.started(number)

        try:
            await undertake(self.store, what, report=report, begun=begun)
        finally:
            report.over.set()
        for listener in tuple(self.listeners):
            listener()
