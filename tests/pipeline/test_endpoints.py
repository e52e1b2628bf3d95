"""Endpoints: who narrates, while another is still being opened, and until the last reply is finished."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import trio
import trio.testing

from pipeline.endpoints import Endpoints
from pipeline.inference.endpoints import Profile
from pipeline.inference.errors import EndpointFailed
from pipeline.opened import Opened
from tests.fakes.behaviour import stalls
from tests.fakes.endpoint import FakeEndpoint, fake_endpoint, serve
from tests.pipeline.inference import HELLO
from tests.processes import free_port
from tests.settling import LIMIT_S


@pytest.fixture
async def endpoints() -> AsyncIterator[Endpoints]:
    """Empty, and running."""
    opened = Endpoints()
    async with trio.open_nursery() as nursery:
        await nursery.start(opened.run)
        yield opened
        nursery.cancel_scope.cancel()


@pytest.fixture
async def fake() -> AsyncIterator[FakeEndpoint]:
    async with fake_endpoint() as server:
        yield server


def at(base_url: str, model: str = "") -> Profile:
    return Profile(name="it", kind="openai", base_url=base_url, model=model)


class Slow:
    """A server that takes a connection and says nothing until it is told to."""

    def __init__(self) -> None:
        self.asked, self.go_on = trio.Event(), trio.Event()

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.asked.set()
        await self.go_on.wait()
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")


async def test_a_choice_made_while_the_first_is_being_opened_stands(
    endpoints: Endpoints, fake: FakeEndpoint
) -> None:
    slow, begun = Slow(), trio.Event()
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    address = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"

    async def begin() -> None:
        await endpoints.begin(at(address, "slow"))
        begun.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, slow, [listener])
        nursery.start_soon(begin)
        await slow.asked.wait()
        assert not endpoints.ready
        endpoints.use(await endpoints.open(at(fake.base_url)))
        slow.go_on.set()
        await begun.wait()
        nursery.cancel_scope.cancel()
    assert (endpoints.model, endpoints.failure) == ("fake-model", None)
    assert endpoints.intended == at(fake.base_url)


async def test_who_waits_for_a_narrator_gets_the_one_that_was_chosen_instead(
    endpoints: Endpoints, fake: FakeEndpoint
) -> None:
    got = ""

    async def wait() -> None:
        nonlocal got
        async with endpoints.narrator() as (endpoint, _):
            got = endpoint.model

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        endpoints.use(await endpoints.open(at(fake.base_url)))
    assert got == "fake-model"


async def test_one_that_cannot_be_had_is_told_to_whoever_waits_until_another_is_chosen(
    endpoints: Endpoints, fake: FakeEndpoint
) -> None:
    await endpoints.begin(at(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(EndpointFailed, match="cannot be reached"):
        async with endpoints.narrator():
            pass
    assert endpoints.notice is not None
    endpoints.use(await endpoints.open(at(fake.base_url)))
    async with endpoints.narrator() as (endpoint, _):
        assert endpoint.model == "fake-model"
    assert endpoints.notice is None


async def test_a_server_that_is_started_late_is_found_by_the_next_attempt(endpoints: Endpoints) -> None:
    port = free_port()
    await endpoints.begin(at(f"http://127.0.0.1:{port}"))
    assert not endpoints.ready
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, FakeEndpoint(), port)
        async with endpoints.narrator() as (endpoint, _):
            assert endpoint.model == "fake-model"
        nursery.cancel_scope.cancel()
    assert endpoints.notice is None


async def test_the_one_before_stays_open_for_the_reply_it_has_begun(
    endpoints: Endpoints, fake: FakeEndpoint
) -> None:
    endpoints.use(await endpoints.open(at(fake.base_url)))
    fake.script(stalls(after=2))
    async with fake_endpoint() as other, endpoints.narrator() as (endpoint, _):
        async with aclosing(endpoint.generate(HELLO)) as chunks:
            first = await anext(chunks)
            endpoints.use(await endpoints.open(at(other.base_url, "other")))
            await fake.release()
            text = first.text + "".join([chunk.text async for chunk in chunks])
        assert text == "w0 w1 w2 w3 w4 w5 w6 w7"
        assert endpoints.model == "other"


async def test_a_file_of_ones_own_is_shown_by_its_name_not_its_folders(
    endpoints: Endpoints, fake: FakeEndpoint
) -> None:
    fake.routes["/v1/models"] = (200, {"data": [{"id": "/home/me/models/Mistral-7B.gguf"}]})
    endpoints.use(await endpoints.open(at(fake.base_url)))
    assert endpoints.model == "Mistral-7B"


async def test_whoever_decides_is_closed_once_nobody_it_has_begun_to_answer_waits(
    endpoints: Endpoints, fake: FakeEndpoint
) -> None:
    before = await endpoints.open(at(fake.base_url))
    endpoints.classifying.take(before)
    async with fake_endpoint() as other:
        async with endpoints.classifier() as deciding:
            endpoints.classifying.take(await endpoints.open(at(other.base_url, "other")))
            async with endpoints.classifier() as next_one:
                assert (deciding.model, next_one.model) == ("fake-model", "other")
            async with trio.open_nursery() as nursery:
                closed = trio.Event()
                nursery.start_soon(_tell, before, closed)
                await trio.testing.wait_all_tasks_blocked()
                assert not closed.is_set(), "somebody waits for its answer"
                nursery.cancel_scope.cancel()
        with trio.fail_after(LIMIT_S):
            await before.until_over()
        endpoints.classifying.take(None)
        endpoints.use(await endpoints.open(at(fake.base_url, "narrator")))
        async with endpoints.classifier() as deciding:
            assert deciding.model == "narrator"


async def _tell(opened: Opened, closed: trio.Event) -> None:
    await opened.until_over()
    closed.set()
