"""One operation of the JSON interface: what the routes, the document and its handlers share."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.engine import Engine
from store.errors import Invalid
from web.models import MAX_ID_DIGITS

M = TypeVar("M", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]
MAX_PAGE = 200


@dataclass(frozen=True)
class Operation:
    """One method of one address. `gives` None is a stream or plain text."""

    method: str
    path: str
    summary: str
    handler: Handler
    status: int = 200
    takes: type[BaseModel] | None = None
    gives: Any = None
    queries: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


class IdConvertor(IntegerConvertor):
    """An id in an address: no more digits than SQLite can hold."""

    regex = f"[0-9]{{1,{MAX_ID_DIGITS}}}"


register_url_convertor("id", IdConvertor())


def engine_of(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


async def body(request: Request, model: type[M]) -> M:
    """The request's JSON as a model.

    Raises:
        Invalid: it is no JSON object; pydantic's error for a wrong field is told by `web.errors`.
    """
    try:
        read = json.loads(await request.body())
    except ValueError as error:
        raise Invalid(
            "The request is not valid JSON.", hint="Send a JSON object.", detail=str(error)
        ) from error
    except RecursionError as error:
        raise Invalid("The request is nested too deeply.", hint="Send a flat JSON object.") from error
    if not isinstance(read, dict):
        raise Invalid("The request must be a JSON object.", hint=f"It was a {type(read).__name__}.")
    return model.model_validate(read)


def answer(value: object, kind: Any = None, status: int = 200) -> JSONResponse:  # noqa: ANN401 - a type form
    adapter: TypeAdapter[Any] = TypeAdapter(kind or type(value))
    checked = adapter.validate_python(value, from_attributes=True)
    return JSONResponse(adapter.dump_python(checked, mode="json"), status_code=status)


def piecewise(request: Request) -> bool:
    """Whether a script asks, which wants the piece of a page alone."""
    return "hx-request" in request.headers or "bare" in request.query_params


def number(request: Request, name: str) -> int | None:
    """A query parameter that must be a positive whole number."""
    given = request.query_params.get(name)
    if given is None:
        return None
    if not given.isdecimal() or len(given) > MAX_ID_DIGITS or int(given) == 0:
        raise Invalid(f"{name}: {given[:40]!r} is no positive whole number.", hint=f"Correct {name}.")
    return int(given)


def routes_of(operations: Sequence[Operation]) -> list[Route]:
    """Ids are whole numbers; anything else is an address that does not exist."""
    return [
        Route(one.path.replace("_id}", "_id:id}"), one.handler, methods=[one.method]) for one in operations
    ]
