"""`rebuild`, `open` and `start`: folding the log, a long chat, the desk of a long ledger, a first page."""

import time
from pathlib import Path

import httpx
import trio

from ops.bench.desk import fill_ledger
from ops.bench.ground import bot_and_chat, fill, folder, guest_named_bo
from ops.bench.report import Report, median, report
from ops.bench.server import narrate_with, served
from store import rebuild as folding
from store.store import open_store

EVENTS = 20_000
LONG_CHAT = 10_000
ROUNDS = 5
OPENINGS = 20
NOWHERE = "http://127.0.0.1:9/v1"
"""An endpoint that is never asked: these benchmarks send no turn."""


async def long_chat(database: Path, turns: int, *, guest: bool = False) -> tuple[int, int]:
    """A database with one chat of so many turns; its bookkeeping runs are not enqueued."""
    with open_store(database, {}) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        bot_id, chat_id = await store.writer.submit(bot_and_chat)
        if guest:
            await store.writer.submit(lambda txn: guest_named_bo(txn, chat_id))
        await fill(store, chat_id, bot_id, turns)
        return bot_id, chat_id


def rebuild() -> Report:
    rates = []
    with folder() as data:
        trio.run(long_chat, data / "chat.db", EVENTS)
        with open_store(data / "chat.db", {}) as store:
            for _ in range(ROUNDS):
                began = time.perf_counter()
                folded = store.writer.call(lambda txn: folding.rebuild(txn.connection))
                rates.append(folded / (time.perf_counter() - began))
    return report("rebuild", {"rebuild_events_per_s": median(rates)}, rounds=ROUNDS)


def open_chat() -> Report:
    with folder() as data:
        _, chat_id = trio.run(long_chat, data / "chat.db", LONG_CHAT)
        narrate_with(data, NOWHERE)
        with served(data) as server, httpx.Client() as client:
            taken = [_seconds(client, f"{server.address}/chats/{chat_id}") for _ in range(OPENINGS)]
        fill_ledger(data / "chat.db", chat_id)
        with served(data) as server, httpx.Client() as client:
            desk = [_seconds(client, f"{server.address}/desk") for _ in range(OPENINGS)]
    figures = {
        "open_ms_p50_10000": median(taken) * 1000,
        "dashboard_ms_p50_100000": median(desk) * 1000,
    }
    return report("open", figures, rounds=OPENINGS)


def _seconds(client: httpx.Client, address: str) -> float:
    began = time.perf_counter()
    client.get(address).raise_for_status()
    return time.perf_counter() - began


def start() -> Report:
    starts, resident = [], []
    for _ in range(ROUNDS):
        with folder() as data:
            narrate_with(data, NOWHERE)
            with served(data) as server:
                starts.append(server.started_s * 1000)
                resident.append(server.resident_mb())
    figures = {"start_ms_p50": median(starts), "resident_mb": median(resident)}
    return report("start", figures, rounds=ROUNDS)
