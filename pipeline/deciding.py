"""Deciding: a small, structured question to a model, which always ends in an answer.

The right value, or the declared safe default with a `decision.defaulted` event beside it. What another try
may mend (a server that is down, a rate limit) is first left to the run's own retries.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel

from pipeline.context import Context, Exchange
from pipeline.endpoints import Endpoints
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Message, Request, Sampler
from store.errors import ErrorClass, FabulaError
from store.events import DecisionDefaulted

M = TypeVar("M", bound=BaseModel)

CLASSIFIER_SLOT = 1
"""The llama.cpp server slot for decisions; narration keeps its own."""
MAX_ANSWER_TOKENS = 240
TRIES: Mapping[ErrorClass, int] = {ErrorClass.CONNECTION: 3, ErrorClass.RATE_LIMITED: 8}
"""Failures that say nothing about the question: how often the run tries, later each time. Counted in claims,
because a rate limit costs no attempt."""
SAMPLER = Sampler(temperature=0.0, max_tokens=MAX_ANSWER_TOKENS)
MAX_REASON_CHARS = 500


async def decide(
    ctx: Context,
    schema: type[M],
    messages: Sequence[Message],
    *,
    default: M,
    at_once: bool = False,
    answer_tokens: int = MAX_ANSWER_TOKENS,
) -> M:
    """Ask for a decision. `at_once` takes the default instead of a later retry: somebody is waiting.

    Raises:
        EndpointFailed: the endpoint cannot be reached now, and there is time to try again.
    """
    sampler = SAMPLER.model_copy(update={"max_tokens": answer_tokens})
    request = Request(messages=tuple(messages), sampler=sampler, slot=CLASSIFIER_SLOT)
    exchange = ctx.asking(request)
    try:
        return await _in_turn(ctx, exchange, schema, at_once=at_once)
    except FabulaError as failed:
        error_class = failed.error_class if isinstance(failed, EndpointFailed) else ErrorClass.REFUSED
        if not at_once and ctx.claim.token < TRIES.get(error_class, 0):
            raise
        ctx.beside.append(
            DecisionDefaulted(
                stage=ctx.claim.stage,
                decision=schema.__name__,
                error_class=error_class,
                reason=f"{failed.message} {failed.detail}".strip()[:MAX_REASON_CHARS],
            )
        )
        return default


async def _in_turn(ctx: Context, exchange: Exchange, schema: type[M], *, at_once: bool) -> M:
    """Bookkeeping waits its turn, and for a turn that is on its way to its model; a decision somebody waits
    for does not."""
    endpoints = ctx.endpoints
    if at_once:
        with endpoints.deciding.ahead():
            return await _asked(endpoints, exchange, schema)

    async def ask() -> M:
        await ctx.until_calm()
        return await _asked(endpoints, exchange, schema)

    return await endpoints.deciding.between(ask, yields=endpoints.one_processor)


async def _asked(endpoints: Endpoints, exchange: Exchange, schema: type[M]) -> M:
    request, heard = exchange.request, exchange.answers.append
    with endpoints.falling_back.lent() as fallback:
        async with endpoints.classifier() as endpoint:
            try:
                return await endpoint.decide(request, schema, heard)
            except EndpointFailed as failed:
                if failed.error_class is not ErrorClass.REFUSED or fallback is None:
                    raise
        return await fallback.decide(request, schema, heard)
