"""Errors as people get them: what happened, what it means, what to do, and the detail behind."""

import re
from http import HTTPStatus

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.inference.errors import EndpointFailed
from store.errors import (
    SHOWN_VALUE_CHARS,
    Conflict,
    DataFromNewerVersion,
    DiskFull,
    FabulaError,
    Invalid,
    NotFound,
    Refused,
    StoreFailed,
    misfit,
)
from web.models import MAX_ID_DIGITS, EndpointIn, ErrorOut, ErrorText
from web.security import HEADERS
from web.templates import page

KINDS: tuple[tuple[type[FabulaError], int, str], ...] = (
    (NotFound, 404, "It was never here, or it belongs to another data folder."),
    (Invalid, 422, "Nothing was changed."),
    (Conflict, 409, "Nothing was changed."),
    (Refused, 409, "Nothing was changed."),
    (DataFromNewerVersion, 422, "Nothing was changed."),
    (DiskFull, 507, "This was not saved. Everything saved before is safe."),
    (StoreFailed, 503, "The story cannot be read or written just now. What was saved stays saved."),
    (EndpointFailed, 502, "Nothing was changed: what narrated before narrates on."),
    (FabulaError, 500, "It may not have been done."),
)
"""Kind of error → HTTP status, and what it means to the person who meets it."""
SECRETIVE = frozenset({EndpointIn.__name__, "EndpointChangeIn"})
"""What may hold a key, perhaps under a misspelt name: none of its values is said again."""
_OF_AN_ID = re.compile(r"/(bot|chat|run|turn)s/([^/]+)")
_WHERE_TO_LOOK = "Check the address, or go back to the chats."


def status_of(error: FabulaError) -> int:
    return next(status for kind, status, _ in KINDS if isinstance(error, kind))


def told(error: FabulaError) -> ErrorText:
    means = next(means for kind, _, means in KINDS if isinstance(error, kind))
    return ErrorText(
        what=error.message, means=means, do=error.hint or "Go back to the chats.", detail=error.detail
    )


def invalid(error: ValidationError) -> Invalid:
    """The first wrong field of what was sent; no value of what may hold a key is said again."""
    return misfit(error, secret=error.title in SECRETIVE)


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
    what, do = _refusal(request, error)
    text = ErrorText(
        what=what, means="Nothing was changed.", do=do, detail=f"{request.method} {request.url.path[:200]}"
    )
    answer = await _answer(request, error.status_code, text)
    if error.status_code == 405:
        answer.headers["allow"] = _allowed(request)
    return answer


def _allowed(request: Request) -> str:
    """Every method this address knows; Starlette names only those of the first route that fits."""
    fitting = [
        route.methods or set()
        for route in request.app.routes
        if isinstance(route, Route) and route.path_regex.match(request.url.path)
    ]
    return ", ".join(sorted(set().union(*fitting)))


def _refusal(request: Request, error: HTTPException) -> tuple[str, str]:
    """What went wrong, and what to do."""
    named = _OF_AN_ID.search(request.url.path)
    if error.status_code == 404 and named is not None and not _is_id(named.group(2)):
        noun, given = named.group(1), named.group(2)[:SHOWN_VALUE_CHARS]
        rule = f"The id of a {noun} is a whole number of at most {MAX_ID_DIGITS} digits."
        return f"There is no {noun} {given!r}.", f"{rule} {_WHERE_TO_LOOK}"
    if error.status_code == 404:
        return "There is nothing at this address.", _WHERE_TO_LOOK
    if error.status_code == 405:
        return f"{request.method} is not possible at this address.", f"Use {_allowed(request)}."
    phrase = HTTPStatus(error.status_code).phrase
    if error.status_code == 413:
        return error.detail, "Send less at once."
    return error.detail or phrase, _WHERE_TO_LOOK if error.detail in (
        "",
        phrase,
    ) else "Correct it and try again."


def _is_id(given: str) -> bool:
    return given.isdecimal() and len(given) <= MAX_ID_DIGITS


async def on_leaving(_request: Request, _error: Exception) -> Response:
    """The reader left in the middle of its request: there is nobody to tell."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def on_bug(request: Request, error: Exception) -> Response:
    """A mistake of ours. The log has the traceback; the person gets a way on, and no inner detail."""
    text = ErrorText(
        what="Fabula made a mistake.",
        means="This was not done. Everything saved before is safe.",
        do="Try again. If it stays, the log of the program says what went wrong.",
        detail=f"{type(error).__name__} at {request.method} {request.url.path[:200]}",
    )
    answer = await _answer(request, 500, text)
    answer.headers.update(HEADERS)  # this answer is made outside the gate, which would have added them
    return answer


async def _answer(request: Request, status: int, text: ErrorText) -> Response:
    if request.url.path.startswith("/api/") or "html" not in request.headers.get("accept", ""):
        return JSONResponse(ErrorOut(error=text).model_dump(), status_code=status)
    return page(request, "error.html", {"error": text}, status=status)
