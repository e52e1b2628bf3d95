"""Embedders: the bundled one in a child that comes back, an endpoint's answers checked, none said plainly."""

import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from pipeline.config_paths import DataPaths
from pipeline.endpoints import Endpoints
from pipeline.inference.embedder import (
    BUNDLED,
    OFF,
    EmbedderUnusable,
    Lent,
    Metered,
    bundled_folder,
    open_embedder,
)
from pipeline.inference.endpoints import Profile
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.minilm import MODEL, MiniLM
from pipeline.longwork import wanted_embedder
from store.errors import ErrorClass
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.endpoint import FakeEndpoint, fake_endpoint


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


async def test_an_embedder_stays_open_for_long_work_that_has_borrowed_it(tmp_path: Path) -> None:
    """Another takes over in the middle: the one before is closed when the work is done."""
    kept = Lent(FakeEmbedder(model=MODEL))
    wanted = wanted_embedder(
        DataPaths(tmp_path, tmp_path / "chat.db"), {}, BUNDLED, endpoints=Endpoints(embedder=kept)
    )
    closed = trio.Event()

    async def close() -> None:
        await kept.until_idle()
        closed.set()

    async with trio.open_nursery() as nursery:
        async with wanted.open() as embedder:
            assert embedder is kept
            await embedder.embed(["one"])
            nursery.start_soon(close)
            await trio.testing.wait_all_tasks_blocked()
            assert not closed.is_set()
        await closed.wait()


@pytest.mark.slow
async def test_the_bundled_model_knows_what_is_alike_and_comes_back_when_it_dies() -> None:
    async with open_embedder(BUNDLED, urgent=True) as metered:
        assert isinstance(metered, Metered)
        embedder = metered.embedder
        assert isinstance(embedder, MiniLM)
        assert (embedder.model, embedder.pid) == (MODEL, None), "nothing is loaded before the first text"
        ship, boat, soup = await embedder.embed(["The ship sinks", "A boat goes under", "Soup for supper"])
        assert len(ship) == 384
        assert cosine(ship, boat) > cosine(ship, soup)
        assert embedder.pid is not None
        first = embedder.pid
        os.kill(first, signal.SIGKILL)
        [again] = await embedder.embed(["The ship sinks"])
        assert cosine(again, ship) > 0.9999
        assert embedder.pid != first
        second = embedder.pid
    assert second is not None
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


@pytest.mark.slow
def test_the_child_ends_with_its_parent_even_while_it_loads() -> None:
    command = [sys.executable, "-m", "pipeline.inference.minilm_process", str(bundled_folder())]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"")


@pytest.mark.slow
async def test_who_waits_together_is_answered_each_with_its_own() -> None:
    answers: dict[str, list[list[float]]] = {}
    async with open_embedder(BUNDLED, urgent=True) as embedder:
        assert embedder is not None

        async def ask(*texts: str) -> None:
            answers[texts[0]] = await embedder.embed(texts)

        with trio.move_on_after(0.01):  # who gives up leaves the others alone
            await embedder.embed(["never mind"])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "one", "two")
            nursery.start_soon(ask, "three")
        assert [len(answers["one"]), len(answers["three"])] == [2, 1]
        [alone] = await embedder.embed(["two"])
        assert cosine(alone, answers["one"][1]) > 0.999


@pytest.mark.slow
async def test_weights_that_are_not_the_published_ones_are_not_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundled_folder(), folder)
    (folder / "tokenizer.json").write_text("{}")
    async with MiniLM.kept(folder, urgent=True) as embedder:
        for _ in range(2):
            with pytest.raises(EmbedderUnusable) as refused:
                await embedder.embed(["hello"])
        assert "tokenizer.json is not the published file" in refused.value.detail
        assert "by their words" in refused.value.message


async def test_without_the_package_it_says_so() -> None:
    with pytest.raises(EmbedderUnusable) as refused:
        async with open_embedder(BUNDLED, package="no_such_package_here"):
            raise AssertionError
    assert "no_such_package_here" in refused.value.detail


async def test_none_is_none() -> None:
    async with open_embedder(OFF) as embedder:
        assert embedder is None


def embeddings_answer(*vectors: object) -> tuple[int, object]:
    return 200, {"data": [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]}


async def asked(fake: FakeEndpoint, *texts: str) -> list[list[float]]:
    profile = Profile(name="vectors", kind="openai", base_url=f"{fake.base_url}/v1", model="m")
    async with open_embedder(profile) as embedder:
        assert embedder is not None
        assert embedder.model == "m"
        return await embedder.embed(texts)


async def test_an_endpoint_may_embed() -> None:
    async with fake_endpoint() as fake:
        fake.routes["/v1/embeddings"] = embeddings_answer([1, 0, 0], [0, 1, 0])
        assert await asked(fake, "one", "two") == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    "vectors",
    [
        [[1.0, float("nan")], [1.0, 0.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [1.0, 0.0, 0.0]],
        [[1.0, 0.0]],
        [[], []],
        [[float("inf"), 1.0], [1.0, 0.0]],
        ["nonsense", None],
    ],
)
async def test_vectors_that_mean_nothing_are_refused(vectors: list[object]) -> None:
    async with fake_endpoint() as fake:
        fake.routes["/v1/embeddings"] = embeddings_answer(*vectors)
        with pytest.raises(EndpointFailed) as refused:
            await asked(fake, "one", "two")
    assert refused.value.error_class is ErrorClass.INVALID_OUTPUT


async def test_a_text_too_long_for_the_model_is_cut() -> None:
    async with fake_endpoint() as fake:
        fake.routes["/v1/embeddings"] = (400, {"error": {"message": "input exceeds the context length"}})
        with pytest.raises(EndpointFailed) as refused:
            await asked(fake, "long " * 10_000)
        assert refused.value.error_class is ErrorClass.CONTEXT_OVERFLOW
        assert fake.paths.count("/v1/embeddings") == 3
