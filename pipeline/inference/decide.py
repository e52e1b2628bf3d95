"""Structured decisions: ask for JSON, read it leniently, check it strictly, remind once.

A model that was constrained needs none of this; the others wrap their JSON in fences and prose, or leave a
comma behind. What still does not fit its model after one reminder is the caller's to default.
"""

import re
from collections.abc import Awaitable, Callable

import trio
from pydantic import ValidationError

from pipeline.inference.errors import EndpointFailed, timed_out
from pipeline.inference.types import M, Message, Request
from store.errors import ErrorClass

TIMEOUT_S = 10.0
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
REMINDER = "Your answer was not usable: {error}. Answer again with nothing but one JSON object."


async def decided(
    complete: Callable[[Request], Awaitable[str]], request: Request, schema: type[M], name: str
) -> M:
    """A decision as a validated model.

    Raises:
        EndpointFailed: after the reminder the answer still did not fit, or a call took over 10 s.
    """
    answer = await _in_time(complete, request, name)
    try:
        return read(answer, schema)
    except ValidationError as error:
        reminder = REMINDER.format(error=error.errors()[0]["msg"])
    told = (Message(role="assistant", content=answer), Message(role="user", content=reminder))
    answer = await _in_time(complete, request.model_copy(update={"messages": request.messages + told}), name)
    try:
        return read(answer, schema)
    except ValidationError as error:
        raise EndpointFailed(
            f"The endpoint {name!r} could not decide in the form it was asked for.",
            hint="The safe default is used instead.",
            detail=answer[:2000],
            error_class=ErrorClass.INVALID_OUTPUT,
        ) from error


async def _in_time(complete: Callable[[Request], Awaitable[str]], request: Request, name: str) -> str:
    try:
        with trio.fail_after(TIMEOUT_S):
            return await complete(request)
    except trio.TooSlowError as error:
        raise timed_out(name, f"a decision took more than {TIMEOUT_S:g} s") from error


def read(answer: str, schema: type[M]) -> M:
    """The first JSON object in a text that may have fences, prose and trailing commas around it.

    Raises:
        ValidationError: there is none, or it does not fit the schema.
    """
    start, end = answer.find("{"), answer.rfind("}")
    found = answer[start : end + 1] if 0 <= start < end else answer
    try:
        return schema.model_validate_json(found)
    except ValidationError:
        return schema.model_validate_json(_TRAILING_COMMA.sub(r"\1", found))
