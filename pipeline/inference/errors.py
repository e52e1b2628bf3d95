"""What an endpoint can do wrong, classified once, in words a person can act on."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from store.errors import ErrorClass, FabulaError

SHOWN_BYTES = 2000
LONGEST_WAIT_S = 86_400.0
_USERINFO = re.compile(r"//[^/@]*@")


class EndpointFailed(FabulaError):
    """A request to a model failed. `retryable` says whether the same request may succeed later, and
    `retry_after_s` what the endpoint asked for; `status` is the HTTP status where there was one."""

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass,
        hint: str = "",
        detail: str = "",
        retryable: bool = True,
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.error_class = error_class
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.status = status


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a status means: its class, the words for it, and whether the same request may succeed later."""

    error_class: ErrorClass
    what: str
    do: str
    retryable: bool = True


_PATIENCE = "It may be overloaded: give it a moment."
_QUOTA = _Meaning(
    ErrorClass.QUOTA, "wants to be paid first", "Add credit there, then retry.", retryable=False
)
_OVERFLOW = _Meaning(
    ErrorClass.CONTEXT_OVERFLOW,
    "found the prompt too large for the model",
    "Lower `hard` under [budget], or give the model a larger context.",
    retryable=False,
)
_BROKEN = _Meaning(ErrorClass.CONNECTION, "failed on its side", "Look at its own log.")
_BUSY = _Meaning(ErrorClass.CONNECTION, "is busy or still loading its model", "Give it a moment.")
_STRANGE = _Meaning(
    ErrorClass.REFUSED,
    "answered as a model server would not",
    "Check that its address is that of an OpenAI-compatible or Ollama server.",
    retryable=False,
)
_STATUSES: Mapping[int, _Meaning] = {
    400: _Meaning(
        ErrorClass.REFUSED,
        "did not accept the request",
        "Check the endpoint's model name and the sampler settings.",
        retryable=False,
    ),
    401: _Meaning(
        ErrorClass.REFUSED,
        "does not know the API key",
        "Set the key again: fabula connect, or the environment variable.",
        retryable=False,
    ),
    402: _QUOTA,
    403: _Meaning(
        ErrorClass.REFUSED,
        "does not allow this",
        "Check what the API key may do and which models it may use.",
        retryable=False,
    ),
    404: _Meaning(
        ErrorClass.REFUSED,
        "does not have this model or address",
        "Check its address and the name of the model; a model of Ollama's is fetched with `ollama pull`.",
        retryable=False,
    ),
    408: _Meaning(ErrorClass.TIMEOUT, "took too long", _PATIENCE),
    413: _OVERFLOW,
    422: _Meaning(
        ErrorClass.REFUSED, "found a setting wrong", "Check the sampler settings.", retryable=False
    ),
    429: _Meaning(ErrorClass.RATE_LIMITED, "asks to slow down", "Wait until it allows more."),
    500: _BROKEN,
    502: _BROKEN,
    503: _BUSY,
    504: _Meaning(ErrorClass.TIMEOUT, "took too long", _PATIENCE),
    529: _BUSY,
}
_MAY_MEAN_OVERFLOW = frozenset({400, 413, 422, 500})
_OVERFLOW_WORDS = (
    "context length",
    "context size",
    "context window",
    "context_length",
    "exceed_context",
    "maximum context",
    "too many tokens",
    "prompt is too long",
)
_QUOTA_WORDS = ("insufficient_quota", "insufficient credit", "exceeded your current quota")


def from_status(name: str, status: int, body: str, headers: Mapping[str, str]) -> EndpointFailed:
    """Classify an HTTP answer that is not a success, or an error object that came inside a stream."""
    meaning = _meaning(status, body.lower())
    return EndpointFailed(
        f"The endpoint {name!r} {meaning.what} (HTTP {status}).",
        hint=meaning.do,
        detail=_shown(body),
        error_class=meaning.error_class,
        retryable=meaning.retryable,
        retry_after_s=retry_after_s(headers.get("retry-after")),
        status=status,
    )


def _meaning(status: int, body: str) -> _Meaning:
    if status in _MAY_MEAN_OVERFLOW and any(words in body for words in _OVERFLOW_WORDS):
        return _OVERFLOW
    if status == 429 and any(words in body for words in _QUOTA_WORDS):
        return _QUOTA
    if status < 400:
        return _STRANGE
    return _STATUSES.get(status) or (_BROKEN if status >= 500 else _STATUSES[400])


def from_transport(name: str, base_url: str, error: Exception) -> EndpointFailed:
    """Classify what happened below HTTP: no connection, a time-out, a line that broke."""
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, httpx.ConnectTimeout):
        return _unreachable(name, base_url, detail, ErrorClass.TIMEOUT)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return _unreachable(name, base_url, detail, ErrorClass.CONNECTION)
    if isinstance(error, httpx.TimeoutException):
        return timed_out(name, detail)
    if isinstance(error, httpx.DecodingError):
        return garbled(name, detail)
    return dropped(name, detail)


def _unreachable(name: str, base_url: str, detail: str, error_class: ErrorClass) -> EndpointFailed:
    return EndpointFailed(
        f"The endpoint {name!r} cannot be reached at {without_userinfo(base_url)}.",
        hint="Start it, or correct its address.",
        detail=detail,
        error_class=error_class,
    )


def timed_out(name: str, detail: str) -> EndpointFailed:
    """It is connected and silent."""
    return EndpointFailed(
        f"The endpoint {name!r} stopped answering.",
        hint="It may be overloaded, or the model too large for the machine.",
        detail=detail,
        error_class=ErrorClass.TIMEOUT,
    )


def dropped(name: str, detail: str) -> EndpointFailed:
    """The connection ended before the answer did."""
    return EndpointFailed(
        f"The endpoint {name!r} broke off in the middle of its answer.",
        hint="What had arrived is kept. If this goes on, look at the endpoint's own log.",
        detail=detail,
        error_class=ErrorClass.CONNECTION,
    )


def garbled(name: str, detail: str) -> EndpointFailed:
    """What came is not what the protocol says."""
    return EndpointFailed(
        f"The endpoint {name!r} answered with something that is not a reply.",
        hint=_STRANGE.do,
        detail=_shown(detail),
        error_class=ErrorClass.INVALID_OUTPUT,
    )


def empty(name: str, detail: str) -> EndpointFailed:
    """A well-formed reply with no text in it."""
    return EndpointFailed(
        f"The endpoint {name!r} answered with an empty reply.",
        hint="If this goes on, allow longer replies or try another model.",
        detail=detail,
        error_class=ErrorClass.INVALID_OUTPUT,
    )


def endless(name: str, limit_bytes: int) -> EndpointFailed:
    """More than any reply can be."""
    return EndpointFailed(
        f"The endpoint {name!r} would not stop: it sent more than {limit_bytes // 1024**2} MB.",
        hint="Set max_tokens under [sampler], or try another model.",
        error_class=ErrorClass.INVALID_OUTPUT,
    )


def filtered(name: str) -> EndpointFailed:
    """The service's own filter cut the reply."""
    return EndpointFailed(
        f"The endpoint {name!r} refused to go on: its content filter stepped in.",
        hint="Reword the turn, or use another model.",
        error_class=ErrorClass.REFUSED,
        retryable=False,
    )


def declined(name: str, answer: str) -> EndpointFailed:
    """A model that says in words that it will not decide."""
    return EndpointFailed(
        f"The endpoint {name!r} would not decide.",
        hint="The fallback is asked where one is set up, else the safe default is used.",
        detail=_shown(answer),
        error_class=ErrorClass.REFUSED,
        retryable=False,
    )


def undecided(name: str, answer: str, reason: str) -> EndpointFailed:
    """A decision that did not fit its model, even after the reminder."""
    return EndpointFailed(
        f"The endpoint {name!r} could not decide in the form it was asked for.",
        hint="The safe default is used instead.",
        detail=_shown(f"{reason}\n{answer}"),
        error_class=ErrorClass.INVALID_OUTPUT,
    )


def crashed(model: str, detail: str, *, retryable: bool = True) -> EndpointFailed:
    """The embedded model's own process died, or would not start."""
    return EndpointFailed(
        f"The embedded model {model} is not running.",
        hint="It is started again by itself. If this goes on, the file may be damaged, of a kind this"
        " llama.cpp does not know, or too large for this machine's memory.",
        detail=_shown(detail),
        error_class=ErrorClass.CRASH,
        retryable=retryable,
    )


def retry_after_s(value: str | None) -> float | None:
    """Retry-After as seconds from now, at most a day; it comes as a number or as an HTTP date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value)
    return min(max(seconds, 0.0), LONGEST_WAIT_S) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()


def without_userinfo(url: str) -> str:
    """An address without the name and password that may stand in it."""
    return _USERINFO.sub("//", url)


def _shown(text: str) -> str:
    return text.encode("utf-8", "replace")[:SHOWN_BYTES].decode("utf-8", "ignore")
