"""Following an answer: what every dialect shares, from the request on the wire to its last figures.

A dialect gives a `Reading`, which turns one line at a time into a chunk. The loop keeps time: until the first
token the endpoint may think, from then on it must keep writing, and after the finish it is not waited for.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pipeline.inference import errors
from pipeline.inference.body import clean
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.lines import MAX_ANSWER_BYTES, Answer, Wire
from pipeline.inference.metering import Use, measured
from pipeline.inference.types import Chunk, Finish, Sent, ignored

EMBED_S = 60.0
_STATUSES = frozenset(str(status) for status in range(400, 600))
_LENGTH = ("length", "max_tokens", "max_length")
_LARGEST_COUNT = 1 << 40


@dataclass
class Reading(ABC):
    """What has been read of one reply so far."""

    name: str
    wrote: bool = False
    thought: bool = False
    finish: Finish | None = None
    over: bool = False

    @abstractmethod
    def feed(self, line: str) -> Chunk | None:
        """Take one line of the answer.

        Raises:
            EndpointFailed: it is no line of this dialect, or it reports an error.
        """

    def said(self, content: object, thinking: object) -> str:
        """The text of one piece, as it may be kept; what was only thought counts as a sign of life."""
        text = clean(text_of(content))
        self.wrote = self.wrote or bool(text.strip())
        self.thought = self.thought or bool(thinking)
        return text


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


async def vectors(
    wire: Wire, path: str, model: str, texts: Sequence[str], found: Callable[[Any], Iterable[Any]]
) -> list[list[float]]:
    """One vector for each text, in their order; `found` are those of an answer.

    Raises:
        EndpointFailed: there was no answer in time, or it holds something else.
    """
    if not texts:
        return []
    answer = await wire.ask("POST", path, {"model": model, "input": list(texts)}, within_s=EMBED_S)
    try:
        pairs = zip(texts, found(answer), strict=True)
        return [[float(number) for number in vector] for _text, vector in pairs]
    except (KeyError, TypeError, ValueError) as error:
        raise errors.garbled(wire.name, wire.scrubbed(str(answer))) from error


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
