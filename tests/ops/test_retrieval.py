"""Re-embedding and evaluation: on real memories, gone on with after a break, leaking nothing."""

import json
from pathlib import Path

import pytest
import trio

from ops.eval import retrieval as evaluation
from ops.eval.retrieval import evaluate
from ops.reembed import reembed
from pipeline.inference.embedder import BUNDLED, open_embedder
from pipeline.inference.errors import EndpointFailed
from store import embeddings, log
from store.errors import ErrorClass, Invalid
from store.recall import recall
from store.rows import row
from store.store import open_store
from store.txn import Txn
from store.vectors import Vectors
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.remembering import Remembering
from tests.processes import run_fabula

PICNIC = Path(evaluation.__file__).parent / "picnic.json"


class Breaking(FakeEmbedder):
    """Fails from the second batch on."""

    async def embed(self, texts: object) -> list[list[float]]:
        if self.asked:
            raise EndpointFailed("It is gone.", error_class=ErrorClass.CONNECTION)
        return await super().embed(list(texts))  # type: ignore[call-overload]


async def test_a_reembedding_that_broke_off_is_gone_on_with(tmp_path: Path) -> None:
    with open_store(tmp_path / "chat.db", {}) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())

        def begin(txn: Txn) -> None:
            world = Remembering(txn.connection).begin("Ada")
            for number in range(150):
                world.turn(f"turn {number}", 0)
            world.turn("turn 3", 0)

        await store.writer.submit(begin)
        with pytest.raises(EndpointFailed):
            await reembed(store, Breaking())
        kept = row(store.hot, "SELECT count(*) FROM vector")
        assert kept == (64,)
        fake, seen = FakeEmbedder(), []
        assert await reembed(store, fake, progress=lambda done, of: seen.append((done, of))) == 150 - 64
        assert seen[-1] == (151, 151)
        assert await reembed(store, fake) == 0
        assert await reembed(store, FakeEmbedder(model="another")) == 150
        assert row(store.hot, "SELECT count(*) FROM vector") == (300,)
        assert await reembed(store, fake, afresh=True) == 150


async def test_what_was_embedded_afterwards_is_found_with_no_word_in_the_log(
    tmp_path: Path,
) -> None:
    fake = FakeEmbedder()
    with open_store(tmp_path / "chat.db", {}) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())

        def begin(txn: Txn) -> Remembering:
            world = Remembering(txn.connection).begin("Ada")
            world.turn("The ship sinks", 0)
            world.turn("Cold soup", 0)
            return Remembering(store.hot, world.owners, world.chat_id)

        world = await store.writer.submit(begin)
        before = log.position(store.hot)
        await reembed(store, fake)
        (asked,) = await fake.embed(["a boat at sea"])
        meaning = embeddings.embedding(fake.model, asked)
        found = recall(store.hot, Vectors(), world.scope(), "a boat at sea", meaning)[0].memory
        assert (found.text, found.embedded, log.position(store.hot)) == ("The ship sinks", "", before)


async def test_the_set_is_found_without_an_embedder_by_words_alone() -> None:
    told = await evaluate(PICNIC, None)
    assert set(told.configurations) == {"text", "full"}
    assert told.embedder == ""
    assert all(outcome.unwitnessed == 0 for outcome in told.configurations.values())
    assert told.configurations["text"].recall_at_10 > 0.6


@pytest.mark.slow
async def test_words_and_meaning_together_beat_either_alone() -> None:
    async with open_embedder(BUNDLED, urgent=True) as embedder:
        told = await evaluate(PICNIC, embedder)
    full = told.configurations["full"]
    for half in (told.configurations["text"], told.configurations["meaning"]):
        assert full.recall_at_5 > half.recall_at_5
        assert full.recall_at_10 > half.recall_at_10
        assert full.recall_at_20 > half.recall_at_20
        assert full.mrr > half.mrr
    assert [outcome.unwitnessed for outcome in told.configurations.values()] == [0] * 5


async def test_a_store_of_memories_its_owner_never_perceived_gives_none_of_them(tmp_path: Path) -> None:
    file = tmp_path / "set.json"
    memory = {"id": "m1", "speaker": "B", "text": "The vault code is 1234", "at": 1, "scene": 1}
    question = {"text": "What is the vault code?", "asker": "A", "relevant": ["m1"]}
    stores = [{"owner": "A", "memories": [memory | {"witnesses": ["B"]}], "questions": [question]}]
    file.write_text(json.dumps({"name": "blind", "stores": stores}), encoding="utf-8")
    told = await evaluate(file, FakeEmbedder())
    for outcome in told.configurations.values():
        assert (outcome.unwitnessed, outcome.recall_at_20) == (0, 0.0)


async def test_a_file_that_is_no_set_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "set.json"
    with pytest.raises(Invalid, match="cannot be read"):
        await evaluate(file, None)
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(Invalid, match="is not a retrieval set"):
        await evaluate(file, None)


def test_the_commands_explain_themselves(tmp_path: Path) -> None:
    evaluated = run_fabula("eval", "retrieval", str(PICNIC), "--config", "text", "--json", data=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    assert list(json.loads(evaluated.stdout)["configurations"]) == ["text"]
    wrong = run_fabula("eval", "retrieval", str(PICNIC), "--config", "best", data=tmp_path)
    assert wrong.returncode == 1
    assert "There are: text, meaning, fused, rrf, full." in wrong.stderr
    off = run_fabula("reembed", data=tmp_path)
    assert off.returncode == 1
    assert "No embedder is configured." in off.stderr
    nothing = run_fabula("reembed", "--model", "bundled", data=tmp_path)
    assert nothing.returncode == 0, nothing.stderr
    assert "0 text(s) embedded with all-MiniLM-L6-v2." in nothing.stdout
