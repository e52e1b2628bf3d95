"""Errors as people get them: what happened, what it means, what to do, and the detail behind."""

from http import HTTPStatus

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from store.errors import Conflict, DiskFull, FabulaError, Invalid, NotFound, Refused, StoreFailed
from web.models import ErrorOut, ErrorText
from web.templates import page

STATUSES: tuple[tuple[type[FabulaError], int], ...] = (
    (NotFound, 404),
    (Invalid, 422),
    (Conflict, 409),
    (Refused, 409),
    (DiskFull, 507),
    (StoreFailed, 503),
)
SHOWN_VALUE_CHARS = 60


def status_of(error: FabulaError) -> int:
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def told(error: FabulaError) -> ErrorText:
    return ErrorText(
        what=error.message, means="Nothing was changed.", do=error.hint or "Go back.", detail=error.detail
    )


def invalid(error: ValidationError) -> Invalid:
    """The first wrong field: its name, its value and what would be right."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the request"
    value = ascii(first.get("input"))
    if len(value) > SHOWN_VALUE_CHARS:
        value = f"{value[:SHOWN_VALUE_CHARS]}… ({len(value)} characters)"
    rule = first["msg"].removeprefix("Value error, ")
    return Invalid(
        f"{field}: {rule}.", hint=f"Correct {field} and send it again.", detail=f"{field} was {value}"
    )


async def on_fabula_error(request: Request, error: Exception) -> Response:
    if isinstance(error, ValidationError):
        error = invalid(error)
    if not isinstance(error, FabulaError):
        raise error
    return await _answer(request, status_of(error), told(error))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no such address, wrong method."""
    if not isinstance(error, HTTPException):
        raise error
    text = ErrorText(
        what=error.detail if error.detail else HTTPStatus(error.status_code).phrase,
        means="There is nothing at this address." if error.status_code == 404 else "Nothing was changed.",
        do="Check the address, or go back to the chats.",
        detail=f"{request.method} {request.url.path}",
    )
    return await _answer(request, error.status_code, text)


async def _answer(request: Request, status: int, text: ErrorText) -> Response:
    if request.url.path.startswith("/api/") or "html" not in request.headers.get("accept", ""):
        return JSONResponse(ErrorOut(error=text).model_dump(), status_code=status)
    return page(request, "error.html", {"error": text}, status=status)
