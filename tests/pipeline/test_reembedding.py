"""Re-embedding: the model before answers until all have a vector of the next; two are never compared."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from pipeline import undertakings
from pipeline.endpoints import Endpoints
from pipeline.inference.embedder import Embedder
from pipeline.inference.errors import EndpointFailed
from pipeline.reembedding import Reembedding, Wanted, estimate
from pipeline.undertakings import undertake
from store import embeddings, log, remembered
from store.embeddings import Answering
from store.errors import Conflict, ErrorClass
from store.events import MemoryEdited
from store.recall import recall
from store.rows import row
from store.store import Store, open_store
from store.txn import Txn
from store.undertakings import Undertaking
from store.vectors import Vectors
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.remembering import Remembering


def wanted(embedder: Embedder) -> Wanted:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Embedder]:
        yield embedder

    return Wanted(f"endpoint of {embedder.model}", opened)


class Halfway(FakeEmbedder):
    """Fails, or waits for whoever looks, from the second batch on."""

    fails = False
    reached: trio.Event
    going_on: trio.Event

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.asked and self.fails:
            raise EndpointFailed("It is gone.", error_class=ErrorClass.CONNECTION, hint="Start it.")
        if self.asked:
            self.reached.set()
            await self.going_on.wait()
        return await super().embed(texts)


def halfway(model: str, *, fails: bool = False) -> Halfway:
    one = Halfway(model=model)
    one.fails, one.reached, one.going_on = fails, trio.Event(), trio.Event()
    return one


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "chat.db", {}) as opened:
        yield opened


async def remembering(store: Store, turns: int) -> Remembering:
    store.writer.attach(trio.lowlevel.current_trio_token())

    def begin(txn: Txn) -> Remembering:
        world = Remembering(txn.connection).begin("Ada")
        for number in range(turns):
            world.turn(f"turn {number} of the ship", 0)
        return Remembering(store.hot, world.owners, world.chat_id)

    return await store.writer.submit(begin)


async def reembedded(store: Store, embedder: Embedder, *, afresh: bool = False) -> Undertaking:
    return await undertake(store, Reembedding(store, wanted(embedder), afresh))


def vectors(store: Store) -> dict[str, int]:
    counted = store.hot.execute("SELECT model, count(*) FROM vector GROUP BY model")
    return {str(model): int(str(number)) for model, number in counted}


async def test_what_broke_off_is_gone_on_with_and_only_then_answers(store: Store) -> None:
    await remembering(store, 150)
    before = log.position(store.hot)
    await reembedded(store, FakeEmbedder(model="old"))
    broken = await reembedded(store, halfway("new", fails=True))
    assert (broken.state, broken.outcome, broken.hint) == ("failed", "It is gone.", "Start it.")
    assert (vectors(store), embeddings.answering(store.hot)) == (
        {"old": 150, "new": 64},
        Answering("old", "endpoint of old"),
    )
    told = await estimate(store, wanted(FakeEmbedder(model="new")))
    assert (told.texts, told.lacking, told.sampled, told.answering) == (150, 150 - 64 - 17, 17, "old")
    assert told.seconds is not None
    again = FakeEmbedder(model="new")
    done = await reembedded(store, again)
    assert (done.state, done.done, done.total, len(again.asked)) == ("done", 150, 150, told.lacking)
    assert embeddings.answering(store.hot) == Answering("new", "endpoint of new")
    assert (await reembedded(store, FakeEmbedder(model="new"))).outcome.startswith("0 text(s)")
    assert log.position(store.hot) == before
    assert (await estimate(store, wanted(again))).seconds is None


async def test_while_it_goes_on_the_model_before_finds_and_what_is_remembered_meanwhile_is_not_missed(
    store: Store,
) -> None:
    world = await remembering(store, 70)
    old, new = FakeEmbedder(model="old"), halfway("new")
    await reembedded(store, old)
    (numbers,) = await old.embed(["ship"])

    def found(model: str) -> int:
        meaning = embeddings.embedding(model, numbers)
        return len(Vectors().nearest(store.hot, world.scope(), meaning, 1000))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reembedded, store, new)
        await new.reached.wait()
        assert (found("old"), found("new")) == (70, 64)
        assert embeddings.answering(store.hot) == Answering("old", "endpoint of old")
        with pytest.raises(Conflict, match="under way"):
            await reembedded(store, old)
        edited = remembered.last(store.hot)
        edit = MemoryEdited(memory_id=edited, text="another soup")
        await store.writer.submit(lambda txn: txn.append(edit, chat_id=world.chat_id))
        new.going_on.set()
    assert embeddings.answering(store.hot) == Answering("new", "endpoint of new")
    assert new.asked[-1] == "You: another soup"
    assert found("new") == 70
    meaning = embeddings.embedding("new", (await new.embed(["soup"]))[0])
    shown = recall(store.hot, Vectors(), world.scope(), "soup", meaning)
    assert shown[0].memory.text == "another soup"


async def test_what_is_remembered_just_before_the_switch_delays_it(store: Store) -> None:
    world = await remembering(store, 3)
    late = [MemoryEdited(memory_id=remembered.last(store.hot), text="late soup")]

    def keep() -> None:
        if late:
            edit = late.pop()
            store.writer.call(lambda txn: txn.append(edit, chat_id=world.chat_id))

    new = FakeEmbedder(model="new")
    done = await undertake(store, Reembedding(store, replace(wanted(new), keep=keep)))
    assert (done.state, new.asked[-1]) == ("done", "You: late soup")
    assert store.read_now(lambda db: embeddings.lacking(db, new.asked, "new")) == {}
    configured = Endpoints(embedder=FakeEmbedder(model="configured since"))
    assert configured.answering(store.hot) == "new", "what answers does not follow the configuration"
    assert Endpoints().answering(store.hot) == ""


async def test_it_is_cancelled_by_whoever_asks_and_keeps_what_it_has(store: Store) -> None:
    await remembering(store, 70)
    new = halfway("new")
    ended: list[Undertaking] = []

    async def run() -> None:
        ended.append(await reembedded(store, new))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await new.reached.wait()
        (under_way,) = undertakings.shown(store)
        assert (under_way.state, under_way.asked["embedder"]) == ("running", "endpoint of new")
        await undertakings.cancel(store, under_way.id)
    assert (ended[0].state, vectors(store), embeddings.answering(store.hot)) == (
        "cancelled",
        {"new": 64},
        None,
    )
    assert not await undertakings.cancel(store, ended[0].id)


async def test_work_whose_process_ended_is_told_as_interrupted(store: Store) -> None:
    await remembering(store, 70)
    new = halfway("new")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reembedded, store, new)
        await new.reached.wait()
        nursery.cancel_scope.cancel()
    assert undertakings.shown(store)[0].state == "interrupted"
    await store.writer.submit(lambda txn: txn.execute("UPDATE undertaking SET state = 'running'"))
    assert undertakings.shown(store)[0].state == "interrupted", "a kill -9 leaves it running, without a lock"


async def test_afresh_the_old_vectors_answer_until_all_are_replaced_at_once(store: Store) -> None:
    world = await remembering(store, 70)
    await reembedded(store, FakeEmbedder(model="same"))
    shared = Vectors()
    axis = embeddings.embedding("same", [1.0, 0.0, 0.0])
    (one,) = set(shared.nearest(store.hot, world.scope(), axis, 1000).values())
    turned = halfway("same")
    turned.senses = (("nothing",), ("ship",), ("nothing",))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: reembedded(store, turned, afresh=True))
        await turned.reached.wait()
        assert set(shared.nearest(store.hot, world.scope(), axis, 1000).values()) == {one}
        turned.going_on.set()
    (now,) = set(shared.nearest(store.hot, world.scope(), axis, 1000).values())
    assert now < one / 2
    assert vectors(store) == {"same": 70}


async def test_vectors_no_memory_has_are_found_and_removed(store: Store) -> None:
    await remembering(store, 3)
    await reembedded(store, FakeEmbedder())
    stray = [(embeddings.digest_of("gone"), embeddings.embedding("three senses", [1.0, 0.0, 0.0]))]
    await store.writer.submit(lambda txn: embeddings.keep(txn.connection, stray))
    assert store.read_now(remembered.orphans) == [stray[0][0]]
    assert await store.writer.submit(lambda txn: remembered.forget_orphans(txn.connection)) == 1
    assert row(store.hot, "SELECT count(*) FROM vector") == (3,)
