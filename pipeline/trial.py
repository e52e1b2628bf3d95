"""A trial: an endpoint is asked for each thing Fabula would ask of it, and what works is told.

Nothing is changed by it. Each question is bounded in time, and one that fails does not keep the next from
being asked, unless the endpoint cannot be had at all.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Literal

import trio
from pydantic import BaseModel, ConfigDict, Field

from pipeline.endpoints import Endpoints
from pipeline.inference.endpoints import Profile, models_at, open_endpoint
from pipeline.inference.lines import Patience
from pipeline.inference.types import Capabilities, Endpoint, Message, Request, Sampler
from store.errors import FabulaError

PATIENT = Patience(connect_s=5, first_s=30, between_s=10, decide_s=20)
WHOLE_S = 90.0
MOST_NAMED = 12
COUNTING = "Count from one to ten in words, one after the other, and say nothing else."


class Finding(BaseModel):
    """One thing that was tried: whether it works (None: it is as it is), and what was seen."""

    model_config = ConfigDict(frozen=True)
    what: str
    works: bool | None
    told: str


class Answer(BaseModel):
    """What is asked for as a structured decision."""

    colour: Literal["red", "green"] = Field(description="the colour of fresh grass")


async def tried(endpoints: Endpoints, profile: Profile, *, embeds: bool = False) -> list[Finding]:
    """What works and what does not. An endpoint that `embeds` is asked for that alone."""
    findings: list[Finding] = []
    with trio.move_on_after(WHOLE_S) as limit:
        try:
            async with _opened(endpoints, profile) as endpoint:
                findings.append(await _models(profile, endpoint))
                known = await endpoint.probe()
                if embeds:
                    findings.append(await _asked("embedding", lambda: _embedding(endpoint)))
                else:
                    findings += await _narrating(endpoint, known)
        except FabulaError as error:
            findings.append(_failed("connection", error))
    if limit.cancelled_caught:
        findings.append(Finding(what="time", works=False, told=f"It took more than {WHOLE_S:g} s; given up."))
    return findings


@asynccontextmanager
async def _opened(endpoints: Endpoints, profile: Profile) -> AsyncIterator[Endpoint]:
    """The narrator if it is the one, which may be a model in memory; else a line of its own."""
    if endpoints.ready and endpoints.intended == profile:
        async with endpoints.narrator() as (endpoint, _):
            yield endpoint
    else:
        async with open_endpoint(profile, patience=PATIENT) as endpoint:
            yield endpoint


async def _models(profile: Profile, endpoint: Endpoint) -> Finding:
    names = await models_at(profile)
    if not names:
        return Finding(what="models", works=None, told=endpoint.model or "It does not list its models.")
    missing = profile.model and profile.model not in names
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    listed = ", ".join(names[:MOST_NAMED]) + more
    told = f"{profile.model} is not among them: {listed}" if missing else listed
    return Finding(what="models", works=not missing, told=told)


async def _narrating(endpoint: Endpoint, known: Capabilities) -> list[Finding]:
    return [
        await _asked("streaming", lambda: _streaming(endpoint)),
        await _asked("structured output", lambda: _deciding(endpoint, known)),
        _context(known),
        await _asked("token counts", lambda: _counting(endpoint)),
        _settings(known),
    ]


async def _asked(what: str, ask: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await ask()
    except FabulaError as error:
        return _failed(what, error)


def _failed(what: str, error: FabulaError) -> Finding:
    return Finding(what=what, works=False, told=f"{error.message} {error.hint}".strip())


async def _streaming(endpoint: Endpoint) -> Finding:
    began, first, pieces, text = trio.current_time(), 0.0, 0, ""
    request = Request(messages=(Message(role="user", content=COUNTING),), sampler=Sampler(max_tokens=40))
    async with aclosing(endpoint.generate(request)) as chunks:
        async for chunk in chunks:
            if chunk.text:
                first = first or trio.current_time() - began
                pieces, text = pieces + 1, text + chunk.text
    took = trio.current_time() - began
    if not text.strip():
        return Finding(what="streaming", works=False, told="It answered with nothing.")
    if pieces == 1:
        return Finding(what="streaming", works=False, told=f"The reply came whole, after {took:.1f} s.")
    told = f"{pieces} pieces, the first after {first:.2f} s, all in {took:.1f} s."
    return Finding(what="streaming", works=True, told=told)


async def _deciding(endpoint: Endpoint, known: Capabilities) -> Finding:
    asked = Message(role="user", content="Which colour has fresh grass?")
    request = Request(messages=(asked,), sampler=Sampler(temperature=0.0, max_tokens=200))
    answer = await endpoint.decide(request, Answer)
    how = "held to the schema by the server" if known.structured else "asked for in words only"
    return Finding(what="structured output", works=True, told=f"It chose {answer.colour}, {how}.")


def _context(known: Capabilities) -> Finding:
    if known.context_tokens is None:
        told = "It does not tell its context size; set context_tokens, or the budgets alone are kept to."
        return Finding(what="context size", works=False, told=told)
    keeps = ", and keeps what it has read of a prompt" if known.caches_prefix else ""
    return Finding(what="context size", works=True, told=f"{known.context_tokens} tokens{keeps}.")


async def _counting(endpoint: Endpoint) -> Finding:
    count = await endpoint.count_tokens(COUNTING)
    told = "It counts by itself." if count is not None else "It does not count; Fabula estimates and learns."
    return Finding(what="token counts", works=True if count is not None else None, told=told)


def _settings(known: Capabilities) -> Finding:
    missing = sorted(set(Sampler.model_fields) - known.samplers)
    told = f"Not taken: {', '.join(missing)}." if missing else "All are taken."
    return Finding(what="sampler settings", works=None, told=told)


async def _embedding(endpoint: Endpoint) -> Finding:
    vectors = await endpoint.embed(["a lamp", "a light"])
    return Finding(what="embedding", works=True, told=f"{len(vectors[0])} numbers for each text.")
