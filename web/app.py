"""The web application: routes, errors, the gate in front, static files."""

from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pipeline.engine import Engine
from store.errors import FabulaError
from web import api, pages
from web.errors import on_fabula_error, on_http_error
from web.openapi import openapi
from web.security import Gate
from web.templates import FOLDER


def create_app(engine: Engine, *, host: str = "127.0.0.1", token: SecretStr | None = None) -> Starlette:
    """The application for one engine. `host` is the address it is served at, for the Host check."""
    routes = [
        *pages.routes(),
        *api.routes(),
        Route("/openapi.json", openapi),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, host=host, token=token)],
        exception_handlers={
            FabulaError: on_fabula_error,
            ValidationError: on_fabula_error,
            HTTPException: on_http_error,
        },
    )
    app.state.engine = engine
    app.state.connections = {}
    return app
