"""`hop` and `chain`: how fast a committed event becomes a running actor, and how many runs a second.

A hop of Fabula counts from the call that appends the event (its commit included) to the actor's first line;
stock Huey's from the call of `enqueue` to the task's first line, with its own consumer as it comes.
"""

import sqlite3
import subprocess
import time
from functools import partial
from pathlib import Path

import trio
import trio.lowlevel

from ops.bench.ground import consumer_on, folder
from ops.bench.report import Report, median, percentile, report
from ops.stock_huey import WORK, prepare_notes, stock
from pipeline.context import Context
from pipeline.stage import Emits, Lane, Pipeline, stage
from store import queries
from store.events import ChatStarted, Event, FloorGiven, TurnUser
from store.txn import Txn

HOPS = 300
STOCK_HOPS = 100
PAUSE_S = 0.02
CHAINS, LINKS = 40, 50
ROUNDS = 3


def hop() -> Report:
    ours = trio.run(_hops)
    stocks = _stock_hops()
    figures = {
        "hop_ms_p50": median(ours),
        "hop_ms_p99": percentile(ours, 99),
        "stock_huey_hop_ms_p50": median(stocks),
        "stock_huey_ratio": median(stocks) / median(ours),
    }
    return report("hop", figures, rounds=HOPS)


async def _hops() -> list[float]:
    began: dict[int, float] = {}

    @stage("noop", on=(TurnUser,), lane=Lane.PLAY)
    async def noop(turn: Event[TurnUser], _ctx: Context) -> Emits:
        began[turn.id] = time.perf_counter()
        if turn.payload.text == "answer me":
            yield turn.payload

    taken = []
    async with consumer_on(Pipeline.of([noop])) as ground:
        for _ in range(HOPS):
            called = time.perf_counter()
            turn = await ground.store.writer.submit(
                lambda txn: txn.append(TurnUser(text="hello"), chat_id=ground.chat_id)
            )
            await trio.sleep(PAUSE_S)
            taken.append((began[turn.id] - called) * 1000)
    return taken


def _stock_hops() -> list[float]:
    with folder() as data:
        file = Path(data) / "stock.db"
        notes, huey = prepare_notes(file), stock(file)
        worker = subprocess.Popen([*WORK, str(file)])
        called = {}
        try:
            for number in range(STOCK_HOPS):
                called[number] = time.perf_counter()
                huey.note(number)
                time.sleep(PAUSE_S * 5)
            began = _noted(notes, STOCK_HOPS)
        finally:
            worker.terminate()
            worker.wait()
            notes.close()
    warm = sorted(called)[10:]
    return [(began[number] - called[number]) * 1000 for number in warm]


def _noted(notes: sqlite3.Connection, expected: int) -> dict[int, float]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = dict(notes.execute("SELECT number, at FROM note").fetchall())
        if len(found) == expected:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"stock Huey ran {len(found)} of {expected} tasks in 20 s")


def chain() -> Report:
    rates = [trio.run(_chain_rate) for _ in range(ROUNDS)]
    return report("chain", {"chain_runs_per_s": median(rates)}, rounds=ROUNDS)


async def _chain_rate() -> float:
    ended = 0
    all_ended = trio.Event()

    @stage("link", on=(FloorGiven,))
    async def link(floor: Event[FloorGiven], _ctx: Context) -> Emits:
        nonlocal ended
        left = floor.payload.turn_id
        if left:
            yield floor.payload.model_copy(update={"turn_id": left - 1})
        else:
            ended += 1
            if ended == CHAINS:
                all_ended.set()

    async with consumer_on(Pipeline.of([link])) as ground:
        chats = [await ground.store.writer.submit(_chat) for _ in range(CHAINS)]
        began = time.perf_counter()
        for chat_id in chats:
            ground.store.writer.post(partial(_begin, chat_id=chat_id))
        await all_ended.wait()
        while queries.pending(ground.store.hot):
            await trio.lowlevel.checkpoint()
        return CHAINS * LINKS / (time.perf_counter() - began)


def _begin(txn: Txn, *, chat_id: int) -> None:
    txn.append(FloorGiven(turn_id=LINKS - 1, speaker_id=1), chat_id=chat_id)


def _chat(txn: Txn) -> int:
    return txn.append(ChatStarted(title="chain", host_id=1)).id
