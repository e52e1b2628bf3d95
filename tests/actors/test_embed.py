"""Embed: every memory's text gets its vector once, and play goes on without an embedder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pipeline.inference.minilm import EmbedderUnusable
from store import embeddings, memories
from store.events import YOU, MemoryEdited, MemoryEmbedded, MemoryWritten, TurnUser
from store.recall import recall
from store.rows import rows
from store.search import Scope
from store.vectors import Vectors
from tests.actors.bench import Table, empty_table
from tests.fakes.embedder import FakeEmbedder


@asynccontextmanager
async def standing(path: Path, embedder: FakeEmbedder | None) -> AsyncIterator[Table]:
    """A chat whose memories are written by hand."""
    async with empty_table(path / "chat.db", "embed") as table:
        table.endpoints.embedder = embedder
        await table.start(await table.bot("Ada"))
        yield table


async def remembers(table: Table, *texts: str) -> list[int]:
    """Memories of the host, their embed runs awaited."""
    ids = []
    for text in texts:
        turn_id = await table.append(TurnUser(text=text))
        seen_by = (YOU, table.host_id)
        kept = MemoryWritten(
            owner_id=table.host_id, turn_id=turn_id, speaker_name="You", text=text, witnesses=seen_by
        )
        ids.append(await table.append(kept, cause_id=turn_id))
    await table.settled()
    return ids


def embedded(table: Table, memory_id: int) -> str:
    return memories.memory(table.store.hot, memory_id).embedded


async def test_a_memory_is_found_by_meaning_once_it_is_embedded(tmp_path: Path) -> None:
    fake = FakeEmbedder()
    async with standing(tmp_path, fake) as table:
        ship, _soup = await remembers(table, "The ship sinks", "Cold soup")
        assert embedded(table, ship) == fake.model
        [asked] = await fake.embed(["a boat at sea"])
        meaning = embeddings.embedding(fake.model, asked)
        found = recall(
            table.store.hot, Vectors(), Scope(table.chat_id, table.host_id), "a boat at sea", meaning
        )
        assert found[0].memory.id == ship
        table.check()


async def test_a_known_text_is_not_embedded_again(tmp_path: Path) -> None:
    fake = FakeEmbedder()
    async with standing(tmp_path, fake) as table:
        first, second = await remembers(table, "Cold soup", "Cold soup")
        assert (embedded(table, first), embedded(table, second)) == (fake.model, fake.model)
        assert fake.asked == ["You: Cold soup"]


async def test_an_edited_memory_is_embedded_anew(tmp_path: Path) -> None:
    fake = FakeEmbedder()
    async with standing(tmp_path, fake) as table:
        [memory_id] = await remembers(table, "Cold soup")
        await table.append(MemoryEdited(memory_id=memory_id, text="Warm soup"))
        await table.settled()
        assert fake.asked == ["You: Cold soup", "You: Warm soup"]
        assert embedded(table, memory_id) == fake.model


async def test_without_an_embedder_nothing_is_said_and_nothing_stays_pending(tmp_path: Path) -> None:
    async with standing(tmp_path, None) as table:
        [memory_id] = await remembers(table, "Cold soup")
        assert embedded(table, memory_id) == ""
        assert table.told(MemoryEmbedded) == []
        assert rows(table.store.hot, "SELECT state FROM run") == [("done",)]


async def test_an_embedder_that_cannot_be_loaded_is_told_once_and_words_remain(tmp_path: Path) -> None:
    async with standing(tmp_path, FakeEmbedder(failure=EmbedderUnusable("no torch"))) as table:
        [memory_id, _other] = await remembers(table, "Cold soup", "Warm soup")
        assert table.endpoints.embedder is None
        notice = table.endpoints.embedder_notice
        assert notice is not None
        assert "by their words" in notice.what
        assert "no torch" in notice.do
        assert {state for (state,) in rows(table.store.hot, "SELECT state FROM run")} == {"done"}
        found = recall(table.store.hot, Vectors(), Scope(table.chat_id, table.host_id), "cold")
        assert memory_id in [one.memory.id for one in found]
