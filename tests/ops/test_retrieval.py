"""Re-embedding and evaluation: on real memories, gone on with after a break, leaking nothing."""

import json
from pathlib import Path

import pytest

from ops.eval import retrieval as evaluation
from ops.eval.retrieval import evaluate
from pipeline.inference.embedder import BUNDLED, open_embedder
from store.errors import Invalid
from tests.fakes.embedder import FakeEmbedder
from tests.processes import run_fabula

PICNIC = Path(evaluation.__file__).parent / "picnic.json"


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
    run_fabula("bot", "new", "Ada", data=tmp_path)
    off = run_fabula("reembed", data=tmp_path)
    assert off.returncode == 1
    assert "No embedder is configured." in off.stderr
    nothing = run_fabula("reembed", "--model", "bundled", data=tmp_path)
    assert nothing.returncode == 0, nothing.stderr
    assert "0 text(s) embedded with all-MiniLM-L6-v2, which answers now." in nothing.stdout
