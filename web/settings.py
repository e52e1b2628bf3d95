"""The settings page: what config.toml says, changed in place, and what works at each endpoint.

A field that is left empty means the default. What was wrong comes back above its form with all that was
typed; a key is taken and never shown again.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.config_sections import HOUSE_SAMPLER, File
from pipeline.settings import SECTIONS
from pipeline.trial import Finding
from store.errors import FabulaError, Invalid
from web.api_settings import EndpointChangeIn, change, given, known_endpoints
from web.errors import invalid, status_of, told
from web.models import ErrorText
from web.operation import engine_of, piecewise
from web.setting_forms import FORMS, Setting
from web.templates import page
from web.typed import Texts, typed_texts

PATH = "/settings"
SAVED: Mapping[str, str] = {
    "now": "Saved. It holds from the next reply or decision on.",
    "later": "Saved. The process that works takes it up at its next start.",
    "reembed": "Saved. It holds at once, but for who embeds: the model before goes on until all is embedded.",
}
ENDPOINT = "endpoints"


async def show(request: Request) -> Response:
    holds = request.query_params.get("saved", "")
    return await _page(request, saved=SAVED.get(holds, ""), reembed=holds == "reembed")


async def save(request: Request) -> Response:
    """One section's form."""
    section, texts = request.path_params["section"], await typed_texts(request)
    if section not in SECTIONS:
        raise Invalid(f"There is no section {section[:40]!r}.", hint=f"There are {', '.join(SECTIONS)}.")
    try:
        values = {one.name: _value(one, texts) for one in FORMS[section][1]}
        SECTIONS[section].model_validate({name: one for name, one in values.items() if one is not None})
        holds = await engine_of(request).settings.change(section, values)
    except (ValidationError, FabulaError) as error:
        return await _page(request, section=section, texts=texts, wrong=_problem(error))
    return RedirectResponse(f"{PATH}?saved={holds}#{section}", status_code=303)


async def save_endpoint(request: Request) -> Response:
    texts = await typed_texts(request)
    values = {name: "".join(given[:1]).strip() for name, given in texts.items()}
    try:
        wanted = EndpointChangeIn.model_validate({name: one for name, one in values.items() if one})
        holds = await change(request, wanted)
    except (ValidationError, FabulaError) as error:
        return await _page(request, section=ENDPOINT, texts={}, wrong=_problem(error))
    return RedirectResponse(f"{PATH}?saved={holds}#endpoints", status_code=303)


async def try_out(request: Request) -> Response:
    """The test button: what works, beneath the endpoint."""
    name = request.path_params["name"]
    try:
        findings = await engine_of(request).settings.try_out(name)
    except FabulaError as error:
        return await _page(request, section=ENDPOINT, texts={}, wrong=error)
    if piecewise(request):
        return page(request, "_tried.html", {"findings": findings})
    return await _page(request, findings={name: findings})


def _problem(error: ValidationError | FabulaError) -> FabulaError:
    return invalid(error) if isinstance(error, ValidationError) else error


def _value(setting: Setting, texts: Texts) -> Any:  # noqa: ANN401 - whatever the section takes there
    """A field as the section takes it; what is no number stays as it was typed, to be told so."""
    text = "".join(texts.get(setting.name, ())[:1]).strip()
    if not text:
        return None
    if setting.kind == "lines":
        return [line for line in text.split("\n") if line]
    if setting.kind == "switch":
        return {"yes": True, "no": False}.get(text, text)
    try:
        return int(text) if setting.kind == "whole" else float(text) if setting.kind == "number" else text
    except ValueError:
        return text


async def _page(
    request: Request,
    *,
    section: str = "",
    texts: Texts | None = None,
    wrong: FabulaError | None = None,
    saved: str = "",
    reembed: bool = False,
    findings: Mapping[str, list[Finding]] | None = None,
) -> Response:
    error: ErrorText | None = told(wrong) if wrong is not None else None
    try:
        said, known = await engine_of(request).settings.said(), await known_endpoints(request)
    except FabulaError as broken:  # the file itself: nothing can be changed before it is mended
        said, known, error, wrong, section = File(), [], told(broken), broken, ""
    shown = {
        name: {field: "\n".join(one) if isinstance(one, tuple) else one for field, one in values.items()}
        for name, values in given(said).items()
    }
    if section in shown and texts is not None:
        shown[section] |= {name: "".join(given[:1]) for name, given in texts.items()}
    values = {
        "forms": FORMS,
        "shown": shown,
        "defaults": _defaults(),
        "known": known,
        "error": error,
        "wrong_in": section,
        "wrong_field": error.what.partition(":")[0] if error else "",
        "saved": saved,
        "reembed": reembed,
        "findings": findings or {},
        "over": _over(request),
    }
    return page(request, "settings.html", values, status=status_of(wrong) if wrong is not None else 200)


def _defaults() -> dict[str, dict[str, Any]]:
    defaults = given(File())
    plain = File()
    for section, values in defaults.items():
        for name in values:
            values[name] = getattr(plain.sampler if section == "sampler" else getattr(plain, section), name)
    defaults["sampler"] |= {name: getattr(HOUSE_SAMPLER, name) for name in defaults["sampler"]}
    return defaults


def _over(request: Request) -> list[str]:
    """The variables that stand over the file, by name: what they hold may be a secret."""
    environ = engine_of(request).offer.environ
    return sorted(name for name, value in environ.items() if name.startswith("FABULA_") and value)


def routes() -> list[Route]:
    return [
        Route(PATH, show),
        Route(f"{PATH}/endpoints/{{name}}/try", try_out, methods=["POST"]),
        Route(f"{PATH}/endpoints/{{name}}", save_endpoint, methods=["POST"]),
        Route(f"{PATH}/{{section}}", save, methods=["POST"]),
    ]
