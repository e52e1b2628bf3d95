"""Following a reply: the loop every dialect shares, from the request on the wire to its last figures.

A dialect gives a `Reading`, which turns one line at a time into a chunk. The loop keeps time: until the first
token the endpoint may think, from then on it must keep writing, and after the finish it is not waited for.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from pipeline.inference import errors
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.lines import MAX_ANSWER_BYTES, Answer, Wire
from pipeline.inference.metering import Use, measured
from pipeline.inference.types import Chunk, Finish, Sent, ignored

_STATUSES = frozenset(str(status) for status in range(400, 600))
_LENGTH = ("length", "max_tokens", "max_length")
_LARGEST_COUNT = 1 << 40


class Reading(Protocol):
    """What has been read of one reply so far."""

    name: str
    wrote: bool
    thought: bool
    finish: Finish | None
    over: bool

    def feed(self, line: str) -> Chunk | None:
        """Take one line of the answer.

        Raises:
            EndpointFailed: it is no line of this dialect, or it reports an error.
        """


async def reply(
    wire: Wire,
    path: str,
    body: Mapping[str, Any],
    reading: Reading,
    sent: Sent = ignored,
    use: Use = "generate",
) -> AsyncGenerator[Chunk, None]:
    """The chunks of one reply, measured. Closing this generator closes the connection.

    Raises:
        EndpointFailed: at once, or after chunks that have already been yielded and are the caller's to keep.
    """
    with measured(wire.meter, wire.name, use) as seen:
        async with aclosing(_reply(wire, path, body, reading, sent)) as chunks:
            async for chunk in chunks:
                seen.chunk(chunk)
                yield chunk


async def _reply(
    wire: Wire, path: str, body: Mapping[str, Any], reading: Reading, sent: Sent
) -> AsyncGenerator[Chunk, None]:
    async with wire.stream(path, body, sent) as answer:
        while not reading.over and (line := await _next(answer, reading)) is not None:
            chunk = reading.feed(line)
            if reading.finish is not None:
                answer.concluded()
            elif chunk is not None and (reading.wrote or reading.thought):
                answer.heard()  # a comment is a sign of life, not of progress
            if chunk is not None:
                yield chunk
        if reading.over:
            await answer.drain()
    _check_end(reading)


async def whole(wire: Wire, path: str, body: Mapping[str, Any], reading: Reading) -> str:
    """The text of one reply, for those who have no use for pieces."""
    pieces = [chunk.text async for chunk in reply(wire, path, body, reading, use="decide")]
    return "".join(pieces)


async def _next(answer: Answer, reading: Reading) -> str | None:
    """The next line; once the reply is finished, whatever goes wrong is no loss."""
    try:
        if answer.content_type == "text/html":
            raise errors.garbled(reading.name, await answer.rest(errors.SHOWN_BYTES))
        if answer.content_type == "application/json" and not reading.wrote:
            return (await answer.rest(MAX_ANSWER_BYTES)).strip() or None
        return await answer.line()
    except EndpointFailed:
        if reading.finish is not None:
            return None
        raise


def _check_end(reading: Reading) -> None:
    if reading.finish is None and not reading.over:
        raise errors.dropped(reading.name, "the stream ended without a finish")
    if not reading.wrote:
        spent = "it used up its tokens on thinking" if reading.thought else "there was no text in it"
        raise errors.empty(reading.name, spent)


def parsed(name: str, text: str) -> dict[str, Any]:
    """One JSON object of a stream.

    Raises:
        EndpointFailed: it is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise errors.garbled(name, text) from error
    if not isinstance(value, dict):
        raise errors.garbled(name, text)
    return value


def finish_of(name: str, reason: object) -> Finish | None:
    """Why a reply ended, of the many names servers have for it.

    Raises:
        EndpointFailed: the service's content filter ended it, or an error did.
    """
    if not reason:
        return None
    if reason == "content_filter":
        raise errors.filtered(name)
    if reason == "error":
        raise errors.dropped(name, "the endpoint reported an error of its own")
    return "length" if reason in _LENGTH else "stop"


def reported(name: str, error: object) -> EndpointFailed:
    """An error object inside a stream that began well; its code is often an HTTP status."""
    told = error if isinstance(error, dict) else {"message": str(error)}
    code = str(told.get("code") or told.get("status"))
    status = int(code) if code in _STATUSES else 500
    return errors.from_status(name, status, json.dumps(told), {})


def integer(value: object) -> int:
    """A count as servers give it: a number, or nothing; NaN, which Python's JSON allows, is nothing too."""
    return int(value) if isinstance(value, int | float) and 0 <= value <= _LARGEST_COUNT else 0


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""
