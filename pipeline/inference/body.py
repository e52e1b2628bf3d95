"""What goes out and comes in, free of what no database, page or log can hold: NUL and lone surrogates."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
from pydantic_core import PydanticSerializationError, to_json

_ESCAPED_NUL = b"\\u0000"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without them."""
    return _UNSTORABLE.sub("", text)


def cleaned(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same JSON value with every text in it clean."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(one) for one in value]
    if isinstance(value, dict):
        return {clean(key): cleaned(one) for key, one in value.items()}
    return value


def encoded(body: Mapping[str, Any]) -> bytes:
    """A request's JSON, clean. What must go is looked for in the whole, where it hardly ever is, not in every
    text."""
    try:
        data = to_json(body)
    except PydanticSerializationError:  # a lone surrogate
        return to_json(cleaned(body))
    return to_json(cleaned(body)) if _ESCAPED_NUL in data else data


class Body(httpx.AsyncByteStream):
    """A request's body. httpx's own is a generator, which stays unfinished, and is complained about, when a
    request is cancelled while it is being sent."""

    def __init__(self, content: bytes) -> None:
        self._left = [content]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()
