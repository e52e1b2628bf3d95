"""Deciding: a small, structured question to a model, which always ends in an answer.

The right value, or the declared safe default with a `decision.defaulted` event beside it. What another try
may mend (a server that is down, a rate limit) is first left to the run's own retries.
"""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel

from pipeline.context import Context
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Endpoint, Message, Request, Sampler
from store.errors import ErrorClass
from store.events import DecisionDefaulted

M = TypeVar("M", bound=BaseModel)

CLASSIFIER_SLOT = 1
"""The llama.cpp server slot for decisions; narration keeps its own."""
MAX_ANSWER_TOKENS = 400
TRIES = 3
PASSING = frozenset({ErrorClass.CONNECTION, ErrorClass.RATE_LIMITED})
"""Failures that say nothing about the question: the run tries again later, a few times."""
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
    ctx.request = request
    async with ctx.endpoints.classifier() as endpoint:
        return await _decided(ctx, endpoint, request, schema, default, at_once=at_once)


async def _decided(
    ctx: Context, endpoint: Endpoint, request: Request, schema: type[M], default: M, *, at_once: bool
) -> M:
    try:
        async with ctx.endpoints.deciding:
            return await _asked(endpoint, ctx.endpoints.fallback, request, schema)
    except EndpointFailed as failed:
        if failed.error_class in PASSING and not at_once and ctx.claim.attempt < TRIES:
            raise
        ctx.beside.append(
            DecisionDefaulted(
                stage=ctx.claim.stage,
                decision=schema.__name__,
                error_class=failed.error_class,
                reason=f"{failed.message} {failed.detail}".strip()[:MAX_REASON_CHARS],
            )
        )
        return default


async def _asked(endpoint: Endpoint, fallback: Endpoint | None, request: Request, schema: type[M]) -> M:
    try:
        return await endpoint.decide(request, schema)
    except EndpointFailed as failed:
        if failed.error_class is not ErrorClass.REFUSED or fallback is None:
            raise
    return await fallback.decide(request, schema)
