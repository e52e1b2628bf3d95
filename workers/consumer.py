"""The consumer: runs the stages of the runs this process has claimed.

Claims arrive with the commits that made them ready, so nothing is polled. Each is executed through Huey,
whose call waits for the async actor here. Stop and shutdown reach the actor's own scope;
the loop itself is never cancelled while a run is on its way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio
from huey.api import Huey

from pipeline.context import Context, Interrupted
from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.foreground import Foreground
from pipeline.stage import Lane, Pipeline, Stage
from pipeline.tokens import TokenCounter
from store import boots, ledger, log
from store.boots import Boot
from store.errors import DiskFull
from store.events import Payload
from store.ledger import Claim
from store.rows import rows
from store.store import Store
from store.txn import Txn
from store.writer import Committed, Slots
from workers import outcomes
from workers.crossing import crossing
from workers.tasks import huey_for

GRACE_S = 3.5
DISK_FULL_WAIT_S = 1.0
SLOTS: Mapping[str, int] = {Lane.NARRATION.value: 2, Lane.PLAY.value: 2, Lane.BOOKKEEPING.value: 8}
"""Most of bookkeeping waits for a model, one decision at a time: a chat's stages must not fill all slots,
or what asks no model would wait with them."""


class RunFailed(Exception):
    """Tells Huey, and through its signals the logs and metrics, that an attempt failed."""

    def __init__(self, claim: Claim, error_class: str, cause: BaseException) -> None:
        super().__init__(f"{claim.stage} run {claim.run_id}: {error_class}: {cause}")
        self.claim, self.error_class = claim, error_class


@dataclass
class Consumer:
    """One per process. `run` returns once `close` was called and every run is finished or handed back."""

    store: Store
    pipeline: Pipeline
    feed: Feed
    endpoints: Endpoints
    counter: TokenCounter
    foreground: Foreground = field(default_factory=Foreground)
    slots: Mapping[str, int] = field(default_factory=lambda: dict(SLOTS))
    grace_s: float = GRACE_S
    huey: Huey = field(init=False)
    recovered: int = 0
    ended: trio.Event = field(default_factory=trio.Event)
    _running: dict[int, Context] = field(default_factory=dict)
    _closing: trio.Event = field(default_factory=trio.Event)
    _idle: trio.Event = field(default_factory=trio.Event)
    _due_changed: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.huey = huey_for(self.pipeline, self._perform)
        self.foreground.on_calm = self._claim_what_was_left

    def close(self) -> None:
        """Begin the shutdown: claim nothing more, let what is being written keep its text."""
        self._closing.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        writer = self.store.writer
        boot = await writer.submit(lambda txn: boots.begin(txn, self.store.path))
        self.recovered = await writer.submit(lambda txn: boots.recover_orphans(txn, self.store.path, boot.id))
        async with trio.open_nursery() as nursery:
            listeners = self._listen(nursery, boot)
            nursery.start_soon(self._keep_lease, boot)
            nursery.start_soon(self._follow_due)
            await writer.submit(self._take_slots(boot))
            task_status.started()
            await self._closing.wait()
            await writer.submit(self._give_up_slots)
            await self._finish_or_hand_back()
            listeners()
            nursery.cancel_scope.cancel()
        await writer.submit(lambda txn: boots.end(txn, boot))
        boots.release(boot)
        self.ended.set()

    def _listen(self, nursery: trio.Nursery, boot: Boot) -> Callable[[], None]:
        """Hear of claims, stop requests and other processes' commits; returns how to stop listening."""

        def committed(news: Committed) -> None:
            for claim in news.claims:
                self._running[claim.run_id] = self._context(claim)
                if claim.lane != Lane.BOOKKEEPING:
                    self.foreground.enter((claim.run_id, claim.token))
                nursery.start_soon(self._execute, claim)
            if news.stop_requested:
                self._heed_stops(boot)

        def woken() -> None:
            self._heed_stops(boot)
            self._due_changed.set()
            if ledger.something_may_start(self.store.hot):
                self.store.writer.post(lambda _: None)

        self.store.writer.listeners.append(committed)
        self.store.wake.listeners.append(woken)

        def stop_listening() -> None:
            self.store.writer.listeners.remove(committed)
            self.store.wake.listeners.remove(woken)

        return stop_listening

    def _context(self, claim: Claim) -> Context:
        return Context(
            claim,
            self.store,
            self.feed,
            self.endpoints,
            self.counter,
            lambda: self.foreground.leave((claim.run_id, claim.token)),
            self.foreground.calm,
        )

    def _claim_what_was_left(self) -> None:
        """An empty step: claims ride on commits, and bookkeeping had to wait while a turn was on its way."""
        self.store.writer.post(lambda _: None)

    def _take_slots(self, boot: Boot) -> Callable[[Txn], None]:
        def step(txn: Txn) -> None:
            ledger.wake_due(txn.connection, now=txn.now)
            yielding = frozenset({Lane.BOOKKEEPING.value})
            self.store.writer.slots = Slots(boot.id, dict(self.slots), yielding, lambda: self.foreground.busy)

        return step

    def _give_up_slots(self, txn: Txn) -> None:
        self.store.writer.slots = None

    async def _execute(self, claim: Claim) -> None:
        """Bookkeeping steps back for the moment between a turn and its request to the model."""
        if claim.lane == Lane.BOOKKEEPING:
            await self.foreground.calm()
        self.huey.storage.claimed.append(claim)
        task = self.huey.dequeue()
        await crossing(lambda: self.huey.execute(task))

    async def _perform(self, claim: Claim) -> None:
        """One attempt of one run, up to the commit of its outcome."""
        ctx, stage = self._running[claim.run_id], self.pipeline.stages[claim.stage]
        try:
            payloads = await self._act(ctx, stage)
            if payloads is None:
                await self._settle(claim, outcomes.handed_back(claim))
            else:
                await self._settle(claim, outcomes.done(ctx, stage, payloads), durable=stage.durable)
        except Interrupted as stopped:
            back = stopped.reason == "shutdown"
            await self._settle(claim, outcomes.handed_back(claim) if back else outcomes.cancelled(claim))
        except Exception as error:
            reason = outcomes.reason_for(error)
            await self._settle(claim, outcomes.failed(ctx, stage, reason))
            raise RunFailed(claim, reason.error_class.value, error) from error
        finally:
            self._forget(claim)

    async def _act(self, ctx: Context, stage: Stage) -> list[Payload] | None:
        """What the actor yields; None when it was cut off by the shutdown."""
        event = log.event(self.store.hot, ctx.claim.event_id)
        if stage.stands_on:
            ctx.looks()
        limit = trio.fail_after(stage.timeout_s) if stage.timeout_s is not None else trio.CancelScope()
        with ctx.scope, limit:
            return [payload async for payload in stage(event, ctx)] + ctx.beside
        return None

    async def _settle(self, claim: Claim, step: outcomes.Step, *, durable: bool = False) -> None:
        """Commit an outcome; a full disk is waited out, because the outcome exists nowhere else."""
        while True:
            try:
                await self.store.writer.submit(step, durable=durable)
            except DiskFull:
                await trio.sleep(DISK_FULL_WAIT_S)
            except outcomes.Fenced:
                await self.store.writer.submit(lambda txn: txn.freed.append(claim.lane))
                return
            else:
                self._due_changed.set()
                return

    def _forget(self, claim: Claim) -> None:
        """A run that is tried again at once may already be here with its next claim."""
        self.feed.fall_silent(claim)
        self.foreground.leave((claim.run_id, claim.token))
        ctx = self._running.get(claim.run_id)
        if ctx is not None and ctx.claim.token == claim.token:
            del self._running[claim.run_id]
        if not self._running:
            self._idle.set()
            self._idle = trio.Event()

    def _heed_stops(self, boot: Boot) -> None:
        asked = rows(
            self.store.hot,
            "SELECT id, stop FROM run WHERE boot_id = ? AND state = 'running' AND stop IS NOT NULL",
            (boot.id,),
        )
        for run_id, reason in asked:
            if run_id in self._running:
                self._running[run_id].stop(reason)

    async def _finish_or_hand_back(self) -> None:
        """A reply being written gets the grace to keep its text; a decision is simply asked again later."""
        for ctx in self._running.values():
            ctx.stop("shutdown")
            if ctx.claim.lane != Lane.NARRATION:
                ctx.scope.cancel()
        with trio.move_on_after(self.grace_s):
            await self._until_idle()
        for ctx in self._running.values():
            ctx.scope.cancel()
        await self._until_idle()

    async def _until_idle(self) -> None:
        while self._running:
            await self._idle.wait()

    async def _keep_lease(self, boot: Boot) -> None:
        """Renew our lease and take back what dead neighbours held. After a long pause of our own (a laptop
        that slept) neighbours get one heartbeat to show that they slept too."""
        last = self.store.clock()
        while True:
            await trio.sleep(boots.HEARTBEAT_S)
            slept, last = self.store.clock() - last > boots.LEASE_MS, self.store.clock()
            await self.store.writer.submit(lambda txn: boots.heartbeat(txn, boot.id))
            if not slept:
                await self.store.writer.submit(
                    lambda txn: boots.recover_orphans(txn, self.store.path, boot.id)
                )

    async def _follow_due(self) -> None:
        """Wake runs in backoff when their time has come."""
        while True:
            self._due_changed = trio.Event()
            due = ledger.next_due(self.store.hot)
            wait_s = float("inf") if due is None else max(0.0, (due - self.store.clock()) / 1000)
            with trio.move_on_after(wait_s) as waited:
                await self._due_changed.wait()
            if waited.cancelled_caught:
                await self.store.writer.submit(lambda txn: ledger.wake_due(txn.connection, now=txn.now))
