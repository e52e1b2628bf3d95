"""The web application: routes, errors, the gate in front, static files."""

from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from pipeline.engine import Engine
from store.errors import FabulaError
from web import (
    api,
    branching,
    budgeting,
    deriving,
    desk,
    desk_runs,
    drawer,
    endpoints,
    inspector,
    kept,
    opening,
    pages,
    passing,
    past,
    rating,
    searching,
    settings,
    story,
    transcript,
    why,
    work,
)
from web.errors import on_bug, on_fabula_error, on_http_error, on_leaving
from web.openapi import openapi
from web.security import Gate
from web.templates import FOLDER


class Assets(StaticFiles):
    """Our scripts and styles; a browser asks each time whether they changed, so none outlives an update."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = "no-cache"
        return answer


def routes() -> list[BaseRoute]:
    """Every address there is; what must hold for all pages is tried on this list."""
    return [
        *pages.routes(),
        *transcript.routes(),
        *endpoints.routes(),
        *past.routes(),
        *branching.routes(),
        *deriving.routes(),
        *kept.routes(),
        *drawer.routes(),
        *story.routes(),
        *passing.routes(),
        *why.routes(),
        *inspector.routes(),
        *settings.routes(),
        *rating.routes(),
        *budgeting.routes(),
        *searching.routes(),
        *work.routes(),
        *opening.routes(),
        *desk.routes(),
        *desk_runs.routes(),
        *api.routes(),
        Route("/openapi.json", openapi),
        Mount("/static", Assets(directory=FOLDER / "static")),
    ]


def create_app(engine: Engine, *, host: str = "127.0.0.1", token: SecretStr | None = None) -> Starlette:
    """The application for one engine. `host` is the address it is served at, for the Host check."""
    app = Starlette(
        routes=routes(),
        middleware=[Middleware(Gate, host=host, token=token, rooms=kept.ROOMS)],
        exception_handlers={
            FabulaError: on_fabula_error,
            ValidationError: on_fabula_error,
            HTTPException: on_http_error,
            ClientDisconnect: on_leaving,
            Exception: on_bug,
        },
    )
    app.state.engine = engine
    app.state.connections = {}
    return app
