"""What can go wrong, as a shallow tree sorted by what the caller can do about it.

Every message names the thing and the value; `hint` says the way out in the person's words, `detail`
carries the technical part that the page keeps behind a disclosure.
"""

from enum import StrEnum

from pydantic import ValidationError

SHOWN_VALUE_CHARS = 60


class ErrorClass(StrEnum):
    """Why a run failed; the class decides whether trying again makes sense (see `pipeline.retry`)."""

    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    REFUSED = "refused"
    INVALID_OUTPUT = "invalid_output"
    CONTEXT_OVERFLOW = "context_overflow"
    CRASH = "crash"
    BUG = "bug"


class FabulaError(Exception):
    """Root of everything Fabula raises on purpose: what happened, what to do, and the detail behind it."""

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail


class Invalid(FabulaError):
    """A value from a person, a file or the network is not what it should be; nothing was changed."""


class NotFound(FabulaError):
    """The thing named does not exist (any more)."""


class Refused(FabulaError):
    """The request is understood and not allowed: repeating it will not help."""


class Conflict(FabulaError):
    """The request clashes with something that happened meanwhile."""


class StoreFailed(FabulaError):
    """The data folder cannot be used; the way out is outside Fabula."""


class DiskFull(StoreFailed):
    """No space left: nothing was written, and the same request works once there is room."""


class DataFromNewerVersion(StoreFailed):
    """The database was written by a later Fabula; this one must not touch it."""


def misfit(error: ValidationError, *, secret: bool = False) -> Invalid:
    """The first wrong field: its name, its value unless that is `secret`, and what would be right."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the request"
    given = first.get("input")
    value = "not repeated here" if secret else ascii(given)
    if len(value) > SHOWN_VALUE_CHARS:
        value = f"{value[:SHOWN_VALUE_CHARS]}… ({len(value)} characters)"
    rule = first["msg"].removeprefix("Value error, ")
    # a text that was looked at before it was measured is told of as if it were a list
    if first["type"] == "too_long" and isinstance(given, str):
        rule = "has {actual_length} characters, and at most {max_length} are kept".format(**first["ctx"])
    return Invalid(
        f"{field}: {rule}.", hint=f"Correct {field} and send it again.", detail=f"{field} was {value}"
    )


def alone(error: BaseException) -> BaseException:
    """The one error inside the groups that nurseries wrap around it; a group of several stays as it is."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
