"""Servers on this machine are recognised by what only they answer, all at once and within half a second."""

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import trio

from pipeline.inference.discovery import USUAL, Candidate, Found, discover
from tests import settling
from tests.fakes.endpoint import FakeEndpoint, fake_endpoint

ROUTES: dict[str, dict[str, Any]] = {
    "Ollama": {
        "/api/tags": {
            "models": [
                {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}},
                {"name": "llama3.2:3b", "details": {"family": "llama"}},
            ]
        }
    },
    "llama.cpp": {
        "/props": {"default_generation_settings": {"n_ctx": 4096}},
        "/v1/models": {"data": [{"id": "/home/me/models/Mistral-7B.gguf", "owned_by": "llamacpp"}]},
    },
    "LM Studio": {
        "/api/v0/models": {
            "data": [
                {"id": "qwen3-4b", "type": "llm", "state": "not-loaded"},
                {"id": "gemma-3", "type": "vlm", "state": "loaded"},
                {"id": "nomic", "type": "embeddings", "state": "loaded"},
            ]
        }
    },
    "KoboldCpp": {
        "/api/extra/version": {"result": "KoboldCpp", "version": "1.99"},
        "/v1/models": {"data": [{"id": "koboldcpp/Noromaid", "owned_by": "koboldcpp"}]},
    },
    "TabbyAPI": {"/v1/models": {"data": [{"id": "Midnight-Rose", "owned_by": "tabbyAPI"}]}},
}
MODELS = {
    "Ollama": ("llama3.2:3b",),
    "llama.cpp": ("Mistral-7B",),
    "LM Studio": ("gemma-3", "qwen3-4b"),
    "KoboldCpp": ("koboldcpp/Noromaid",),
    "TabbyAPI": ("Midnight-Rose",),
}


async def serving(stack: AsyncExitStack, candidate: Candidate) -> tuple[FakeEndpoint, Candidate]:
    """A fake that answers as this program would, and the candidate moved to its address."""
    fake = await stack.enter_async_context(fake_endpoint())
    for path in ("/v1/models", "/api/tags"):
        fake.routes[path] = (404, {})
    for path, answer in ROUTES[candidate.name].items():
        fake.routes[path] = (200, answer)
    return fake, replace(candidate, root=fake.base_url, limit_s=settling.LIMIT_S)


async def test_each_program_is_found_with_the_models_that_can_talk() -> None:
    async with AsyncExitStack() as stack:
        there = [(await serving(stack, candidate))[1] for candidate in USUAL]
        found = await discover(there)
    assert {one.name: one.models for one in found} == MODELS
    assert [one.name for one in found] == [candidate.name for candidate in USUAL]
    for one, candidate in zip(found, there, strict=True):
        assert one.base_url == candidate.root + ("" if candidate.kind == "ollama" else "/v1")


async def test_a_program_on_anothers_port_is_not_taken_for_it() -> None:
    async with AsyncExitStack() as stack:
        for wrong in USUAL:
            here = (await serving(stack, wrong))[1]
            moved = [replace(one, root=here.root, limit_s=here.limit_s) for one in USUAL]
            others = [one for one in moved if one.name != wrong.name]
            assert await discover(others) == []


async def test_a_server_that_wants_a_key_is_found_without_its_models() -> None:
    tabby = next(candidate for candidate in USUAL if candidate.name == "TabbyAPI")
    async with AsyncExitStack() as stack:
        fake, there = await serving(stack, tabby)
        fake.routes["/v1/models"] = (401, {"detail": "Please provide an API key"})
        assert await discover([there]) == []
        fake.routes["/health"] = (200, {"status": "healthy"})
        found = await discover([there])
    assert found == [Found("TabbyAPI", "openai", f"{fake.base_url}/v1", (), needs_key=True)]


async def test_nobody_there_is_an_empty_list() -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    root = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    await listener.aclose()
    assert await discover([replace(candidate, root=root) for candidate in USUAL]) == []


async def test_a_port_that_says_nothing_or_nonsense_costs_at_most_the_limit() -> None:
    async def babble(stream: trio.SocketStream) -> None:
        await stream.send_all(b"220 mail.example ESMTP\r\n")

    async def silence(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        roots = []
        for behaviour in (babble, silence):
            listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
            roots.append(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
            nursery.start_soon(trio.serve_listeners, behaviour, [listener])
        with trio.fail_after(settling.LIMIT_S):
            candidates = [replace(one, root=roots[n % 2], limit_s=0.1) for n, one in enumerate(USUAL)]
            assert await discover(candidates) == []
        nursery.cancel_scope.cancel()


def test_a_person_waits_less_than_half_a_second() -> None:
    assert all(one.limit_s <= 0.4 for one in USUAL)
