"""`history`: what it costs to choose which events count, at the end of a long chat and of a short one.

Each turn of the chat has its bookkeeping: fifteen events an exchange and more. A swipe goes from one
alternative of the last reply to the other, a retraction takes the last reply out (and is undone, unmeasured),
a switch goes to a branch that was left three exchanges before the end, and back.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from ops.bench.ground import bot_and_chat, folder
from ops.bench.report import Report, median, report
from pipeline.rewriting import Rewriting
from store import log
from store import rebuild as folding
from store.events import (
    YOU,
    ActivityChanged,
    EdgeUpdated,
    EntityChanged,
    FloorGiven,
    InventoryChanged,
    MemoryEmbedded,
    MemoryWritten,
    Payload,
    SignificanceScored,
    TurnAssistant,
    TurnUser,
)
from store.store import Store, open_store
from store.txn import Txn

LENGTHS = (1_000, 10_000)
ROUNDS = 15
BATCH = 250
GUEST = 10**6
LEFT_BEFORE = 3
"""How many exchanges before the end the other branch was left."""


def history() -> Report:
    figures: dict[str, float] = {}
    for turns in LENGTHS:
        figures |= trio.run(_measured, turns)
    return report("history", figures, rounds=ROUNDS)


async def _measured(turns: int) -> dict[str, float]:
    with folder() as data, open_store(Path(data) / "chat.db", {}) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        bot_id, chat_id = await store.writer.submit(bot_and_chat)
        for start in range(0, turns // 2, BATCH):
            exchanges = range(start, min(start + BATCH, turns // 2))
            await store.writer.submit(partial(_fill, chat_id=chat_id, bot_id=bot_id, exchanges=exchanges))
        events = log.position(store.hot)
        took = await _rewritten(store, data, chat_id, bot_id)
        began = time.perf_counter()
        folded = store.writer.call(lambda txn: folding.rebuild(txn.connection))
        rate = folded / (time.perf_counter() - began)
        label = f"_{turns}"
        return {f"{name}_ms_p50{label}": median(ms) for name, ms in took.items()} | {
            f"rebuild_events_per_s{label}": rate,
            f"events{label}": float(events),
        }


async def _rewritten(store: Store, data: Path, chat_id: int, bot_id: int) -> dict[str, list[float]]:
    """Milliseconds of each act, its commit to the disk included."""
    rewriting = Rewriting(store, data)
    turns = _last_turns(store, chat_id)
    first, answered = turns[0], turns[1]
    other = await store.writer.submit(lambda txn: _alternative(txn, chat_id, bot_id, first, answered))
    aside = await rewriting.fork(chat_id, turns[2 * LEFT_BEFORE + 1], "aside")
    took: dict[str, list[float]] = {"swipe": [], "retract": [], "switch": []}

    async def timed(name: str, act: Callable[[], Awaitable[object]]) -> None:
        began = time.perf_counter()
        await act()
        took[name].append((time.perf_counter() - began) * 1000)

    for _ in range(ROUNDS):
        await timed("swipe", lambda: rewriting.select(chat_id, first))
        await timed("swipe", lambda: rewriting.select(chat_id, other))
        await timed("retract", lambda: rewriting.retract(chat_id, other))
        await rewriting.undo(chat_id)
        await timed("switch", lambda: rewriting.switch(chat_id, aside))
        await timed("switch", lambda: rewriting.switch(chat_id, chat_id))
    return took


def _last_turns(store: Store, chat_id: int) -> list[int]:
    """The ids of the last turns, the newest first."""
    sql = "SELECT id FROM turn WHERE chat_id = ? ORDER BY anchor_id DESC, id DESC LIMIT ?"
    return [int(str(one)) for (one,) in store.hot.execute(sql, (chat_id, 4 * LEFT_BEFORE)).fetchall()]


def _fill(txn: Txn, *, chat_id: int, bot_id: int, exchanges: range) -> None:
    for one in exchanges:
        asked = txn.append(TurnUser(text=f"The {one}th night at the lighthouse. " * 3), chat_id=chat_id).id
        _bookkept(txn, chat_id, bot_id, asked)
        floor = FloorGiven(turn_id=asked, speaker_id=bot_id)
        given = txn.append(floor, chat_id=chat_id, cause_id=asked).id
        _answer(txn, chat_id, given, TurnAssistant(speaker_id=bot_id, text="No ship. " * 9, answers=asked))


def _answer(txn: Txn, chat_id: int, given: int, reply: TurnAssistant) -> int:
    told = txn.append(reply, chat_id=chat_id, cause_id=given).id
    _bookkept(txn, chat_id, reply.speaker_id, told)
    return told


def _alternative(txn: Txn, chat_id: int, bot_id: int, first: int, answered: int) -> int:
    floor = FloorGiven(turn_id=answered, speaker_id=bot_id, alternative_of=first)
    given = txn.append(floor, chat_id=chat_id, cause_id=answered).id
    reply = TurnAssistant(speaker_id=bot_id, text="A sail!", answers=answered, alternative_of=first)
    return _answer(txn, chat_id, given, reply)


def _bookkept(txn: Txn, chat_id: int, bot_id: int, turn_id: int) -> None:
    """What the stages make of one turn, for the bot and for a guest."""
    for owner_id in (bot_id, GUEST):
        memory = MemoryWritten(
            owner_id=owner_id,
            turn_id=turn_id,
            speaker_name="Ada",
            text="No ship again.",
            witnesses=(YOU, bot_id, GUEST),
        )
        written = txn.append(memory, chat_id=chat_id, cause_id=turn_id).id
        embedded = MemoryEmbedded(memory_id=written, model="m", digest="d")
        txn.append(embedded, chat_id=chat_id, cause_id=written)
    by = turn_id % 3 - 1
    made: tuple[Payload, ...] = (
        SignificanceScored(turn_id=turn_id, score=by + 1),
        EdgeUpdated(observer_id=bot_id, target_id=YOU, affinity_delta=by, trust_delta=0),
        EdgeUpdated(observer_id=bot_id, target_id=GUEST, affinity_delta=0, trust_delta=by),
        EdgeUpdated(observer_id=GUEST, target_id=YOU, affinity_delta=by, trust_delta=0),
        EdgeUpdated(observer_id=GUEST, target_id=bot_id, affinity_delta=0, trust_delta=by),
        ActivityChanged(entity_id=bot_id, activity=f"watches the sea, {turn_id}"),
        ActivityChanged(entity_id=GUEST, activity=f"mends a sail, {turn_id}"),
        EntityChanged(entity_id=bot_id, mood=f"mood {turn_id % 7}"),
        EntityChanged(entity_id=GUEST, status=f"status {turn_id % 7}"),
        InventoryChanged(entity_id=bot_id, gained=(f"shell {turn_id % 5}",)),
    )
    for payload in made:
        txn.append(payload, chat_id=chat_id, cause_id=turn_id)
