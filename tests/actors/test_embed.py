"""Embed: every memory's text gets its vector once, and play goes on without an embedder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from actors.embed import embed
from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.inference.minilm import EmbedderUnusable
from pipeline.stage import Pipeline
from pipeline.tokens import TokenCounter
from store import embeddings, memories, rebuild
from store.events import MemoryEdited
from store.recall import recall
from store.rows import row, rows
from store.store import Store, open_store
from store.txn import Txn
from store.vectors import Vectors
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.remembering import Remembering
from tests.settling import settled
from workers.consumer import Consumer


@dataclass
class Stand:
    store: Store
    endpoints: Endpoints
    world: Remembering

    async def remembers(self, *texts: str) -> list[int]:
        """Memories written by the log, their embed runs awaited."""

        def step(txn: Txn) -> list[int]:
            told = Written(txn.connection, self.world.owners, self.world.chat_id)
            told.step = txn
            return [told.turn(text, 0)[0] for text in texts]

        ids = await self.store.writer.submit(step)
        await self.settled()
        return ids

    async def settled(self) -> None:
        """Wait until nothing is pending."""
        await settled(self.store)

    def embedded(self, memory_id: int) -> str:
        return memories.memory(self.store.hot, memory_id).embedded


class Written(Remembering):
    """Remembering inside a step of the writer, so that runs are enqueued."""

    step: Txn

    @property
    def txn(self) -> Txn:
        return self.step


@asynccontextmanager
async def standing(path: Path, embedder: FakeEmbedder | None) -> AsyncIterator[Stand]:
    pipeline = Pipeline.of([embed])
    with open_store(path / "chat.db", pipeline.routes) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        endpoints = Endpoints(embedder=embedder)
        consumer = Consumer(store, pipeline, Feed(store, ()), endpoints, TokenCounter())

        def begin(txn: Txn) -> Remembering:
            told = Written(txn.connection)
            told.step = txn
            told.begin("Ada", "Bea")
            return Remembering(store.hot, told.owners, told.chat_id)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.wake.run)
            await nursery.start(consumer.run)
            yield Stand(store, endpoints, await store.writer.submit(begin))
            consumer.close()
            await consumer.ended.wait()
            nursery.cancel_scope.cancel()


async def test_a_memory_is_found_by_meaning_once_it_is_embedded(tmp_path: Path) -> None:
    fake = FakeEmbedder()
    async with standing(tmp_path, fake) as stand:
        ship, _soup = await stand.remembers("The ship sinks", "Cold soup")
        assert stand.embedded(ship) == fake.model
        [asked] = await fake.embed(["a boat at sea"])
        meaning = embeddings.embedding(fake.model, asked)
        found = recall(stand.store.hot, Vectors(), stand.world.scope(), "a boat at sea", meaning)
        assert found[0].memory.id == ship
        assert rebuild.check(stand.store.hot) == []


async def test_a_known_text_is_not_embedded_again(tmp_path: Path) -> None:
    fake = FakeEmbedder()
    async with standing(tmp_path, fake) as stand:
        first, second = await stand.remembers("Cold soup", "Cold soup")
        assert (stand.embedded(first), stand.embedded(second)) == (fake.model, fake.model)
        assert fake.asked == ["You: Cold soup"]


async def test_an_edited_memory_is_embedded_anew(tmp_path: Path) -> None:
    fake = FakeEmbedder()
    async with standing(tmp_path, fake) as stand:
        [memory_id] = await stand.remembers("Cold soup")
        edit = MemoryEdited(memory_id=memory_id, text="Warm soup")
        await stand.store.writer.submit(lambda txn: txn.append(edit, chat_id=stand.world.chat_id))
        await stand.settled()
        assert fake.asked == ["You: Cold soup", "You: Warm soup"]
        assert stand.embedded(memory_id) == fake.model


async def test_without_an_embedder_nothing_is_said_and_nothing_stays_pending(tmp_path: Path) -> None:
    async with standing(tmp_path, None) as stand:
        [memory_id] = await stand.remembers("Cold soup")
        assert stand.embedded(memory_id) == ""
        assert row(stand.store.hot, "SELECT count(*) FROM event WHERE kind = 'memory.embedded'") == (0,)
        assert rows(stand.store.hot, "SELECT state FROM run") == [("done",)]


async def test_an_embedder_that_cannot_be_loaded_is_told_once_and_words_remain(tmp_path: Path) -> None:
    async with standing(tmp_path, FakeEmbedder(failure=EmbedderUnusable("no torch"))) as stand:
        [memory_id, _other] = await stand.remembers("Cold soup", "Warm soup")
        assert stand.endpoints.embedder is None
        notice = stand.endpoints.embedder_notice
        assert notice is not None
        assert "by their words" in notice.what
        assert "no torch" in notice.do
        assert {state for (state,) in rows(stand.store.hot, "SELECT state FROM run")} == {"done"}
        found = recall(stand.store.hot, Vectors(), stand.world.scope(), "cold")
        assert memory_id in [one.memory.id for one in found]
