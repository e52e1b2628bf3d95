"""Replaying: a bookkeeping stage run again over a chat, planned first, then followed to its end.

The runs are the ledger's and are worked off by whoever works; here they are asked for and counted. Ended in
the middle, those that have not begun are given up, so that the outcomes before them stay in force.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import apsw
import trio

from pipeline.stage import Stage
from pipeline.undertakings import Report
from store import account, interventions, log, replays, views
from store.errors import FabulaError, NotFound, Refused
from store.rows import row, rows
from store.store import Store
from store.txn import Txn
from store.writer import Committed

Stages = Mapping[str, Stage]
EXCERPT = 80
PENDING = "('waiting', 'ready', 'running', 'backoff')"
OURS = "id BETWEEN ? AND ?"
"""The runs of a replay: enqueued in one commit, their ids stand in a row."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What is to be run again: a stage, in one chat, for its events between two ids, both included."""

    stage: str
    chat_id: int
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """One event the stage would be run for: in which generation, and how many events of its earlier outcome
    would be superseded. `busy`: the stage is still to answer it, so it is left to that run."""

    event_id: int
    event: str
    text: str
    generation: int
    supersedes: int
    busy: bool


def replayable(stages: Stages, name: str) -> Stage:
    """The stage of that name.

    Raises:
        NotFound: there is none; Refused: what it does is part of the play and cannot be done twice.
    """
    bookkeeping = ", ".join(sorted(n for n, one in stages.items() if one.replayable))
    if name not in stages:
        raise NotFound(f"There is no stage {name!r}.", hint=f"Stages that can be replayed: {bookkeeping}.")
    if not stages[name].replayable:
        raise Refused(
            f"The stage {name!r} is part of the play itself and is not replayed.",
            hint=f"Stages that can be replayed: {bookkeeping}.",
        )
    return stages[name]


def planned(db: apsw.Connection, stages: Stages, asked: Replay) -> list[Planned]:
    """What a replay would do, event by event in log order."""
    found = _events(db, stages, asked)
    busy = replays.unsettled(db, asked.stage, found)
    return [_planned(db, asked.stage, event_id, event_id in busy) for event_id in found]


def _events(db: apsw.Connection, stages: Stages, asked: Replay) -> list[int]:
    stage = replayable(stages, asked.stage)
    views.chat(db, asked.chat_id)
    kinds = [payload.kind for payload in stage.on]
    return replays.triggers(db, asked.chat_id, kinds, first=asked.first, last=asked.last)


def _planned(db: apsw.Connection, stage: str, event_id: int, busy: bool) -> Planned:
    event = log.event(db, event_id)
    found = row(
        db,
        "SELECT coalesce(max(generation) + 1, 0),"
        " (SELECT count(*) FROM event WHERE run_id = (SELECT id FROM run WHERE stage = ?1 AND event_id = ?2"
        " AND state = 'done' ORDER BY generation DESC LIMIT 1))"
        " FROM run WHERE stage = ?1 AND event_id = ?2",
        (stage, event_id),
    )
    generation, supersedes = found or (0, 0)
    text = " ".join(str(getattr(event.payload, "text", "")).split())[:EXCERPT]
    return Planned(event_id, event.kind, text, generation, supersedes, busy)


@dataclass
class Replaying:
    """The work itself. `enqueued` are the runs it has asked for, once it has begun."""

    store: Store
    stages: Stages
    what: Replay
    enqueued: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        return "replay"

    def asked(self) -> dict[str, Any]:
        return asdict(self.what)

    async def work(self, report: Report) -> str:
        stage = replayable(self.stages, self.what.stage)
        event_ids = await self.store.read(lambda db: _events(db, self.stages, self.what))
        self.enqueued = await self.store.writer.submit(
            lambda txn: _asked_for(txn, stage, self.what.chat_id, event_ids), durable=True
        )
        try:
            await self._until_settled(report)
        except trio.Cancelled:
            await self.store.writer.submit(self._give_up, durable=True)
            raise
        dead = self._dead(self.store.hot)
        if dead:
            raise FabulaError(
                f"{len(self.enqueued)} run(s) of {stage.name} replayed; {dead} dead.",
                hint=f"`fabula runs --stage {stage.name} --state dead` shows why; their earlier outcomes"
                " stay in force.",
            )
        return f"{len(self.enqueued)} run(s) of {stage.name} replayed; 0 dead."

    def _settled(self, db: apsw.Connection, known: int) -> int:
        """How many of the runs, in the order of their mailbox, are settled; so many are known to be. Only
        those after them are looked at, or every commit would cost what the whole replay is long."""
        if known == len(self.enqueued):
            return known
        pending = row(
            db,
            f"SELECT id FROM run WHERE {OURS} AND state IN {PENDING} ORDER BY id LIMIT 1",
            (self.enqueued[known], self.enqueued[-1]),
        )
        return pending[0] - self.enqueued[0] if pending else len(self.enqueued)

    def _dead(self, db: apsw.Connection) -> int:
        found = row(db, f"SELECT count(*) FROM run WHERE {OURS} AND state = 'dead'", self._range)
        return found[0] if found else 0

    @property
    def _range(self) -> tuple[int, int]:
        return (self.enqueued[0], self.enqueued[-1]) if self.enqueued else (0, 0)

    async def _until_settled(self, report: Report) -> None:
        """Follow the ledger by its own commits and those of other processes."""
        changed = trio.Event()
        settled = 0

        def ring(_: Committed | None = None) -> None:
            changed.set()

        self.store.writer.listeners.append(ring)
        self.store.wake.listeners.append(ring)
        try:
            while True:
                changed = trio.Event()
                settled = self._settled(self.store.hot, settled)
                report(settled, len(self.enqueued))
                if settled == len(self.enqueued) and self._settled(self.store.hot, 0) == settled:
                    return
                await changed.wait()
        finally:
            self.store.writer.listeners.remove(ring)
            self.store.wake.listeners.remove(ring)

    def _give_up(self, txn: Txn) -> None:
        idle = rows(
            txn.connection,
            f"SELECT id FROM run WHERE {OURS} AND state IN ('waiting', 'ready', 'backoff')",
            self._range,
        )
        interventions.discard(txn.connection, [run_id for (run_id,) in idle], now=txn.now)


def _asked_for(txn: Txn, stage: Stage, chat_id: int, event_ids: list[int]) -> tuple[int, ...]:
    """Enqueue the stage again, as the account says from then on; the ids of the runs."""
    db = txn.connection
    made = tuple(replays.enqueue(db, stage.route, chat_id, event_ids, now=txn.now).values())
    account.record(db, "replayed", made, now=txn.now, stage=stage.name, chat_id=chat_id)
    return made
