"""Structured decisions: ask for JSON, read it leniently, check it strictly, remind once.

Where the endpoint can be constrained, it gets the schema; every endpoint gets it described, because a schema
that only constrains does not tell the model what its fields mean. What still does not fit after one reminder
is the caller's to default.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any

import trio
from pydantic import BaseModel, ValidationError

from pipeline.inference import errors
from pipeline.inference.body import cleaned
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Heard, M, Message, Request, unheard
from store.errors import ErrorClass

JsonSchema = dict[str, Any]
Complete = Callable[[Request, JsonSchema | None], Awaitable[str]]
"""Send a request, constrained by the schema where one is given, and return the whole text."""

TIMEOUT_S = 10.0
MAX_ANSWER_CHARS = 64 * 1024
MAX_CANDIDATES = 32
ASK = "Answer with nothing but one JSON object that fits this schema:\n{schema}"
REMINDER = "That was not usable: {reason}. Answer again with nothing but one JSON object, no other word."
_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_DECLINES = re.compile(
    r"(?:i['’]m sorry|i am sorry|sorry\b|i apologi[sz]e|i (?:can['’]?t|cannot|can not|won['’]?t|will not)\b"
    r"|i['’]m (?:unable|not able)|i am (?:unable|not able)|as an ai\b|unfortunately, i)",
    re.IGNORECASE,
)
"""How an answer begins that is a refusal in prose."""
_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


async def decided(
    complete: Complete,
    request: Request,
    schema: type[M],
    name: str,
    *,
    constrain: bool,
    timeout_s: float = TIMEOUT_S,
    heard: Heard = unheard,
) -> M:
    """A decision as a validated model.

    Raises:
        EndpointFailed: after the reminder the answer still did not fit, or a call took over `timeout_s`.
    """
    described = described_in(request, schema)
    constraint = strict_schema(schema) if constrain else None
    try:
        answer = await _in_time(complete, described, constraint, name, timeout_s)
        heard(answer)
    except EndpointFailed as failed:
        # a server that refuses the request itself may only be refusing the constraint
        if (
            constraint is None
            or failed.error_class is not ErrorClass.REFUSED
            or failed.status not in (400, 422)
        ):
            raise
        constraint, answer = None, ""
    try:
        return read(answer, schema)
    except ValueError as error:
        reminded = _reminded(described, answer, _reason(error))
    answer = await _in_time(complete, reminded, constraint, name, timeout_s)
    heard(answer)
    try:
        return read(answer, schema)
    except ValueError as error:
        if _DECLINES.match(_THINKING.sub("", answer).lstrip()):
            raise errors.declined(name, answer) from error
        raise errors.undecided(name, answer, _reason(error)) from error


def read(answer: str, schema: type[M]) -> M:
    """The first JSON value in a text that fits the schema; fences, prose and trailing commas are forgiven.

    Raises:
        ValueError: there is none (pydantic's ValidationError where JSON was found and does not fit).
    """
    failure: ValueError = ValueError("there is no JSON in it")
    for candidate in _candidates(answer[:MAX_ANSWER_CHARS]):
        try:
            return schema.model_validate_json(json.dumps(cleaned(candidate)), strict=True)
        except ValidationError as error:
            failure = error
    raise failure


def described_in(request: Request, schema: type[BaseModel]) -> Request:
    """The request with the schema told at its end, within the last user message: some chat templates
    refuse a system message there, or two messages of one role in a row."""
    told = ASK.format(schema=json.dumps(strict_schema(schema), ensure_ascii=False))
    *before, last = request.messages or (Message(role="user", content=""),)
    if last.role == "user":
        last = last.model_copy(update={"content": f"{last.content}\n\n{told}".strip()})
        messages = (*before, last)
    else:
        messages = (*before, last, Message(role="user", content=told))
    return request.model_copy(update={"messages": messages})


@cache
def strict_schema(schema: type[BaseModel]) -> JsonSchema:
    """The JSON schema as constrained decoding wants it: every field required, nothing besides them."""
    return dict(_strict(schema.model_json_schema()))


def _strict(node: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(value) for key, value in node.items() if key not in ("default", "title")}
    if isinstance(node.get("properties"), dict):
        strict["properties"] = {key: _strict(value) for key, value in node["properties"].items()}
        strict |= {"required": list(node["properties"]), "additionalProperties": False}
    return strict


async def _in_time(
    complete: Complete, request: Request, constraint: JsonSchema | None, name: str, timeout_s: float
) -> str:
    try:
        with trio.fail_after(timeout_s):
            return await complete(request, constraint)
    except trio.TooSlowError as error:
        raise errors.timed_out(name, f"a decision took more than {timeout_s:g} s") from error


def _reminded(request: Request, answer: str, reason: str) -> Request:
    if not answer.strip():
        return request
    shown = Message(role="assistant", content=answer[:2000])
    reminder = Message(role="user", content=REMINDER.format(reason=reason))
    return request.model_copy(update={"messages": (*request.messages, shown, reminder)})


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _candidates(answer: str) -> Iterator[object]:
    """Every JSON object or array in the text, outermost first, in order; as written, then without the
    commas that stand before a closing bracket."""
    said = _THINKING.sub("", answer)
    decoder = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)
    for text in (said, _STRING_OR_TRAILING_COMMA.sub(lambda found: found[1] or "", said)):
        at, tried = 0, 0
        while (start := _bracket(text, at)) >= 0 and tried < MAX_CANDIDATES:
            tried += 1
            try:
                value, at = decoder.raw_decode(text, start)
                yield value
            except (ValueError, RecursionError):
                at = start + 1


def _bracket(text: str, at: int) -> int:
    found = [position for position in (text.find("{", at), text.find("[", at)) if position >= 0]
    return min(found, default=-1)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
