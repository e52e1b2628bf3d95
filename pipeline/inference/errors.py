"""What an endpoint can do wrong, classified once, in words a person can act on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from store.errors import ErrorClass, FabulaError

SHOWN_BODY_CHARS = 2000


class EndpointFailed(FabulaError):
    """A request to a model failed. `retryable` says whether the same request may succeed later."""

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass,
        hint: str = "",
        detail: str = "",
        retryable: bool = True,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.error_class = error_class
        self.retryable = retryable
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class _Meaning:
    error_class: ErrorClass
    what: str
    do: str
    retryable: bool = True


_UNKNOWN = _Meaning(
    ErrorClass.CONNECTION, "failed on its side", "It is tried again by itself; look at its own log."
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
    402: _Meaning(
        ErrorClass.QUOTA, "wants to be paid first", "Add credit there, then retry.", retryable=False
    ),
    403: _Meaning(
        ErrorClass.REFUSED,
        "does not allow this",
        "Check what the API key may do and which models it may use.",
        retryable=False,
    ),
    404: _Meaning(
        ErrorClass.REFUSED,
        "does not have this model or address",
        "Check base_url and model in config.toml.",
        retryable=False,
    ),
    408: _Meaning(ErrorClass.TIMEOUT, "took too long", "It is tried again by itself."),
    413: _Meaning(
        ErrorClass.CONTEXT_OVERFLOW, "found the prompt too large", "Lower [budget] hard.", retryable=False
    ),
    422: _Meaning(
        ErrorClass.REFUSED, "found a setting wrong", "Check the sampler settings.", retryable=False
    ),
    429: _Meaning(
        ErrorClass.RATE_LIMITED, "asks to slow down", "It is tried again when the endpoint allows."
    ),
    503: _Meaning(
        ErrorClass.CONNECTION, "is busy or still loading its model", "It is tried again by itself."
    ),
}
_OVERFLOW_WORDS = ("context length", "context size", "context_length", "exceed_context", "too many tokens")


def from_status(name: str, status: int, body: str, headers: Mapping[str, str]) -> EndpointFailed:
    """Classify an HTTP answer that is not a success."""
    meaning = _STATUSES.get(status, _UNKNOWN)
    if status == 400 and any(word in body.lower() for word in _OVERFLOW_WORDS):
        meaning = _STATUSES[413]
    return EndpointFailed(
        f"The endpoint {name!r} {meaning.what} (HTTP {status}).",
        hint=meaning.do,
        detail=body[:SHOWN_BODY_CHARS],
        error_class=meaning.error_class,
        retryable=meaning.retryable,
        retry_after_s=retry_after_s(headers.get("retry-after")),
    )


def from_transport(name: str, base_url: str, error: Exception) -> EndpointFailed:
    """Classify what happened below HTTP: no connection, a time-out, a line that broke."""
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return EndpointFailed(
            f"The endpoint {name!r} cannot be reached at {base_url}.",
            hint="Start it, or correct its base_url; it is tried again by itself meanwhile.",
            detail=detail,
            error_class=ErrorClass.CONNECTION,
        )
    if isinstance(error, httpx.TimeoutException):
        return timed_out(name, detail)
    return dropped(name, detail)


def timed_out(name: str, detail: str) -> EndpointFailed:
    return EndpointFailed(
        f"The endpoint {name!r} stopped answering.",
        hint="It may be overloaded; it is tried again by itself.",
        detail=detail,
        error_class=ErrorClass.TIMEOUT,
    )


def dropped(name: str, detail: str) -> EndpointFailed:
    return EndpointFailed(
        f"The endpoint {name!r} broke off in the middle of its answer.",
        hint="What had arrived is kept. If this goes on, look at the endpoint's own log.",
        detail=detail,
        error_class=ErrorClass.CONNECTION,
    )


def garbled(name: str, detail: str) -> EndpointFailed:
    return EndpointFailed(
        f"The endpoint {name!r} answered with something that is not a reply.",
        hint="Check that base_url is the address of an OpenAI-compatible or Ollama server.",
        detail=detail[:SHOWN_BODY_CHARS],
        error_class=ErrorClass.INVALID_OUTPUT,
    )


def retry_after_s(value: str | None) -> float | None:
    """Retry-After as seconds from now; it comes as a number or as an HTTP date."""
    if value is None:
        return None
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except ValueError:
        return None
