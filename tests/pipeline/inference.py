"""What the inference tests share: a fake upstream, an endpoint that speaks to it, a request, a reply."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, Field

from pipeline.inference.endpoints import Profile, open_endpoint
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.lines import Patience
from pipeline.inference.types import Chunk, Endpoint, Message, Request, Sampler
from tests.fakes.endpoint import FakeEndpoint, fake_endpoint

HASTY = Patience(connect_s=0.2, first_s=0.1, between_s=0.1, decide_s=0.1)
"""For tests in which somebody stalls on purpose, by the `idle` clock."""
HELLO = Request(messages=(Message(role="user", content="Hello there"),), sampler=Sampler(max_tokens=64))
Speech = Literal["openai", "ollama"]


class Judgement(BaseModel):
    score: Literal[0, 1, 2, 3] = Field(description="0 routine, 1 notable, 2 significant, 3 pivotal")
    reason: str = ""


@dataclass
class Reply:
    """What came before the end, and the failure it ended with, if any."""

    chunks: list[Chunk] = field(default_factory=list)
    failure: EndpointFailed | None = None

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)

    @property
    def finish(self) -> str | None:
        return next((chunk.finish for chunk in self.chunks if chunk.finish), None)


async def reply_of(endpoint: Endpoint, request: Request = HELLO) -> Reply:
    """Follow a generation to its end, whatever that is."""
    reply = Reply()
    try:
        async with aclosing(endpoint.generate(request)) as chunks:
            async for chunk in chunks:
                reply.chunks.append(chunk)
    except EndpointFailed as failure:
        reply.failure = failure
    return reply


async def failure_of(endpoint: Endpoint, request: Request = HELLO) -> EndpointFailed:
    reply = await reply_of(endpoint, request)
    assert reply.failure is not None, f"it went well: {reply.text!r}"
    return reply.failure


@asynccontextmanager
async def upstream(
    speech: Speech = "openai", *, patience: Patience | None = None, **profile: Any
) -> AsyncIterator[tuple[FakeEndpoint, Endpoint]]:
    """A fake server and an endpoint that speaks to it."""
    given = {"model": "fake-model", "name": "fake", "kind": speech} | profile
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(fake_endpoint())
        opened = open_endpoint(Profile(base_url=fake.base_url, **given), patience=patience)
        yield fake, await stack.enter_async_context(opened)
