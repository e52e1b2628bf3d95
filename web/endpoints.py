"""Choosing who narrates, from a form or from JSON: both come to the same operation."""

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.config_sections import EndpointSection
from pipeline.engine import Engine
from store.errors import FabulaError
from web.errors import invalid, status_of, told
from web.models import EndpointIn
from web.operation import piecewise
from web.templates import page

FIELDS = ("name", "kind", "base_url", "model", "api_key")
PATH = "/endpoints"


async def chosen(engine: Engine, wanted: EndpointIn) -> None:
    """Let this endpoint narrate; whatever is wrong with it is raised, and nothing was changed."""
    section = EndpointSection(kind=wanted.kind, base_url=wanted.base_url, model=wanted.model.strip())
    key = wanted.api_key.get_secret_value().strip() if wanted.api_key is not None else None
    await engine.offer.choose(section, name=wanted.name, key=key)


async def show(request: Request) -> Response:
    return _page(request, {})


async def look(request: Request) -> Response:
    await _engine(request).offer.look()
    return RedirectResponse(PATH, status_code=303)


async def put_notice_away(request: Request) -> Response:
    """The small model is known to be small: no page but this one says so any more."""
    async with request.form() as form:
        back = str(form.get("back", "/"))
    await _engine(request).settings.change("play", {"small_model_notice": False})
    if piecewise(request):
        return Response(media_type="text/html")
    return RedirectResponse(back if _of_this_site(back) else "/", status_code=303)


def _of_this_site(path: str) -> bool:
    """Whether an address leads nowhere else to a browser, which drops tabs and line ends and takes a
    backslash for a slash."""
    return path.startswith("/") and path[1:2] not in {"/", "\\", "\t", "\n", "\r"}


async def choose(request: Request) -> Response:
    """A form, from the page or its notice; what was wrong comes back with what was typed, except the key."""
    typed = await _typed(request)
    try:
        await chosen(_engine(request), EndpointIn.model_validate(typed))
    except (ValidationError, FabulaError) as error:
        wrong = invalid(error) if isinstance(error, ValidationError) else error
        return _page(request, {**typed, "api_key": ""}, wrong)
    return RedirectResponse(PATH, status_code=303)


def _page(request: Request, typed: dict[str, str], wrong: FabulaError | None = None) -> Response:
    error = told(wrong) if wrong is not None else None
    values: dict[str, object] = {"typed": typed, "error": error, "looked": _engine(request).offer.looked}
    endpoints = _engine(request).endpoints
    values["embeds"] = endpoints.answering(_engine(request).store.hot)
    return page(request, "endpoints.html", values, status=status_of(wrong) if wrong is not None else 200)


async def _typed(request: Request) -> dict[str, str]:
    """The fields that were filled in; white space around them is nobody's intention."""
    async with request.form() as form:
        given = [(field, form.get(field)) for field in FIELDS]
    return {field: value.strip() for field, value in given if isinstance(value, str) and value.strip()}


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def routes() -> list[Route]:
    return [
        Route(PATH, show),
        Route(PATH, choose, methods=["POST"]),
        Route(f"{PATH}/look", look, methods=["POST"]),
        Route(f"{PATH}/notice", put_notice_away, methods=["POST"]),
    ]
