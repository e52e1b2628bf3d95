"""Templates: every page is rendered here, with what all of them show."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from pipeline.engine import Engine
from web.markup import rendered, shortened
from web.narrating import told_endpoints

FOLDER = Path(__file__).parent
TEMPLATES = Jinja2Templates(directory=FOLDER / "templates")


def _prose(text: str) -> Markup:
    return Markup(rendered(text))  # noqa: S704 - sanitised by web.markup


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, size // 1000)} kB"


def _line(text: str, most: int = 10_000) -> Markup:
    return Markup(shortened(text, most))  # noqa: S704 - sanitised by web.markup


TEMPLATES.env.filters["size"] = _size
TEMPLATES.env.filters["line"] = _line
TEMPLATES.env.filters["prose"] = _prose
TEMPLATES.env.filters["when"] = _when


def page(request: Request, name: str, values: dict[str, Any], *, status: int = 200) -> Response:
    engine: Engine = request.app.state.engine
    notice = engine.endpoints.notice
    put_away = notice is not None and notice.can_be_put_away and not engine.habits.small_model_notice
    shared = {
        "notice": notice,
        "put_away": put_away,
        "endpoints": told_endpoints(engine),
        "embedder_notice": engine.endpoints.embedder_notice,
        "under_way": engine.longwork.under_way(),
    }
    return TEMPLATES.TemplateResponse(request, name, {**shared, **values}, status_code=status)
