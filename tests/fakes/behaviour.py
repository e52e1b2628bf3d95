"""What the fake model does with one request: a few plain values that combine, so a script reads as data."""

import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict

BEFORE_HEADERS = -1
"""For `stall_after` and `drop_after`: before the response even begins."""


class Behaviour(BaseModel):
    """One scripted answer; the default is a short, complete, well-formed stream.

    `stall_after` and `drop_after` count tokens already sent; with `ping_ms` a stalled stream still shows
    signs of life, as hosted services do. `raw` goes into the stream verbatim after the tokens; a lone
    surrogate U+DCxx in it stands for the byte xx, so that a script in JSON can be ill-formed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = ""
    tokens: int = 8
    pace_ms: float = 0.0
    thinking: str = ""
    status: int = 200
    headers: dict[str, str] = {}
    body: str | None = None
    stall_after: int | None = None
    ping_ms: float = 0.0
    drop_after: int | None = None
    reset: bool = False
    raw: str = ""
    finish: str | None = "stop"
    done: bool = True
    usage: bool = True
    cached_tokens: int | None = None

    def pieces(self) -> list[str]:
        """The text cut into words with the space before them; without a text, numbered words."""
        if self.text:
            return re.findall(r"\s*\S+|\s+$", self.text)
        return [f"w{n}" if n == 0 else f" w{n}" for n in range(self.tokens)]

    def raw_bytes(self) -> bytes:
        return self.raw.encode("utf-8", "surrogateescape")


def says(text: str, **more: Any) -> Behaviour:
    """Stream this text and end well."""
    return Behaviour(text=text, **more)


def decides(answer: object) -> Behaviour:
    """Answer with this value as JSON."""
    return Behaviour(text=json.dumps(answer))


def stalls(after: int = 0, **more: Any) -> Behaviour:
    """Fall silent after so many tokens, until the fake is released."""
    return Behaviour(stall_after=after, **more)


def drops(after: int = 3, **more: Any) -> Behaviour:
    """Break the connection after so many tokens."""
    return Behaviour(drop_after=after, **more)


def answers(status: int, error: object = None, **headers: str) -> Behaviour:
    """Refuse with this status and an error object, as real servers do; `retry_after="2"` is a header."""
    body = json.dumps({"error": error if error is not None else {"message": f"scripted {status}"}})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Behaviour(status=status, body=body, headers=named)
