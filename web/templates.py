"""Templates: every page is rendered here, with what all of them show."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from web.markup import rendered

FOLDER = Path(__file__).parent
TEMPLATES = Jinja2Templates(directory=FOLDER / "templates")


def _prose(text: str) -> Markup:
    return Markup(rendered(text))  # noqa: S704 - sanitised by web.markup


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


TEMPLATES.env.filters["prose"] = _prose
TEMPLATES.env.filters["when"] = _when


def page(request: Request, name: str, values: dict[str, Any], *, status: int = 200) -> Response:
    notice = request.app.state.engine.endpoints.notice
    return TEMPLATES.TemplateResponse(request, name, {"notice": notice, **values}, status_code=status)
