"""The ground benchmarks stand on: a throw-away data folder, a store with a consumer, a filled chat."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.stage import Pipeline
from pipeline.tokens import TokenCounter
from store.events import BotAuthored, ChatStarted, GuestAdded, Payload, TurnAssistant, TurnUser
from store.store import Store, open_store
from store.txn import Txn
from workers.consumer import Consumer

FILL_BATCH = 500


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fabula-bench-") as name:
        yield Path(name)


@dataclass
class Ground:
    store: Store
    chat_id: int
    bot_id: int


@asynccontextmanager
async def consumer_on(pipeline: Pipeline) -> AsyncIterator[Ground]:
    """A fresh database with one bot and one chat, and a consumer that runs these stages."""
    with folder() as data, open_store(data / "chat.db", pipeline.routes) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        feed = Feed(store, ())
        consumer = Consumer(store, pipeline, feed, Endpoints(), TokenCounter())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.wake.run)
            await nursery.start(consumer.run)
            bot_id, chat_id = await store.writer.submit(bot_and_chat)
            yield Ground(store, chat_id, bot_id)
            consumer.close()
            await consumer.ended.wait()
            nursery.cancel_scope.cancel()


def bot_and_chat(txn: Txn) -> tuple[int, int]:
    described = "Ada keeps the lighthouse. She is dry, patient and afraid of nothing but boredom."
    bot = txn.append(BotAuthored(name="Ada", description=described))
    return bot.id, txn.append(ChatStarted(title="Bench", host_id=bot.id)).id


def guest_named_bo(txn: Txn, chat_id: int) -> None:
    guest = txn.append(BotAuthored(name="Bo", description="A tailor who mends what the sea has torn."))
    txn.append(GuestAdded(guest_id=guest.id), chat_id=chat_id)


async def fill(store: Store, chat_id: int, bot_id: int, turns: int) -> None:
    """Turns of ordinary length, you and the bot in turn."""
    for start in range(0, turns, FILL_BATCH):

        def step(txn: Txn, start: int = start) -> None:
            for number in range(start, min(start + FILL_BATCH, turns)):
                txn.append(_turn(number, bot_id), chat_id=chat_id)

        await store.writer.submit(step)


def _turn(number: int, bot_id: int) -> Payload:
    text = f"*turns the lamp* The {number}th night at the lighthouse, and still no ship. " * 3
    return TurnAssistant(speaker_id=bot_id, text=text) if number % 2 else TurnUser(text=text)
