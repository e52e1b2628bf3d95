"""The settings page: what config.toml says, changed in place, and what works at each endpoint.

A field that is left empty means the default. What was wrong comes back above its form with all that was
typed; a key is taken and never shown again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.config_sections import HOUSE_SAMPLER, File
from pipeline.inference.errors import without_userinfo
from pipeline.settings import SECTIONS, Holds, Section
from pipeline.trial import Finding
from store.errors import FabulaError, Invalid
from web.errors import invalid, status_of, told
from web.models import ErrorText
from web.operation import Operation, answer, body, engine_of, piecewise
from web.templates import page
from web.typed import Texts, typed_texts

PATH = "/settings"
SAVED: Mapping[str, str] = {
    "now": "Saved. It holds from the next reply or decision on.",
    "later": "Saved. The process that works takes it up at its next start.",
    "reembed": "Saved. It holds at once, but for who embeds: the model before goes on until all is embedded.",
}
ENDPOINT = "endpoints"


@dataclass(frozen=True)
class Setting:
    """One field of a form; `kind` says how it is typed."""

    name: str
    label: str
    kind: Literal["number", "whole", "endpoint", "embedder", "layout", "lines", "switch", "mark"]
    hint: str = ""


FORMS: Mapping[Section, tuple[str, Sequence[Setting]]] = {
    "profile": (
        "Who does what",
        (
            Setting("narrate", "Narrates", "endpoint", "the embedded model where nothing is chosen"),
            Setting("classify", "Decides", "endpoint", "the narrator where nothing is chosen"),
            Setting("fallback", "Asked when a decision is refused", "endpoint"),
            Setting("embed", "Embeds memories", "embedder", "another model, once all is embedded with it"),
            Setting("text_weight", "Words against meaning", "number", "0 to 1; 0.3 for a strong embedder"),
        ),
    ),
    "budget": (
        "Budgets, in tokens",
        (
            Setting("soft", "What is filled", "whole"),
            Setting("hard", "What is never exceeded", "whole"),
            Setting("response", "Room of a reply", "whole"),
        ),
    ),
    "sampler": (
        "How words are chosen",
        (
            Setting("temperature", "Temperature", "number"),
            Setting("top_p", "Top p", "number"),
            Setting("top_k", "Top k", "whole"),
            Setting("min_p", "Min p", "number"),
            Setting("repeat_penalty", "Repeat penalty", "number"),
            Setting("presence_penalty", "Presence penalty", "number"),
            Setting("frequency_penalty", "Frequency penalty", "number"),
            Setting("seed", "Seed", "whole", "the same words each time"),
            Setting("stop", "Stop at", "lines", "one on each line"),
        ),
    ),
    "prompt": ("The prompt", (Setting("layout", "Layout", "layout"),)),
    "play": (
        "Playing",
        (
            Setting("ooc_begins", "Out of character begins with", "mark", "such as [[; (( always does, too"),
            Setting("ooc_ends", "and ends with", "mark", "such as ]]"),
            Setting("auto_stops_on_typing", "Beginning to write ends auto-mode", "switch"),
            Setting("small_model_notice", "Every page says that the embedded model is small", "switch"),
        ),
    ),
}


class EndpointChangeIn(BaseModel):
    """What of an endpoint can be changed. What is sent here may hold a key, so no error repeats it."""

    model_config = ConfigDict(extra="forbid")
    model: str = Field(default="", max_length=300)
    context_tokens: int | None = Field(default=None, ge=512)
    api_key: SecretStr | None = None


class KnownEndpointOut(BaseModel):
    """An endpoint of config.toml; `key_in` says where its key is, never what it is."""

    name: str
    kind: str
    base_url: str
    model: str
    context_tokens: int | None
    key_in: str
    narrates: bool


class SettingsOut(BaseModel):
    """What config.toml says, section by section; null where a setting is left to its default."""

    endpoints: list[KnownEndpointOut]
    sections: dict[str, dict[str, bool | int | float | str | list[str] | None]]


class FindingsOut(BaseModel):
    """What was tried at an endpoint."""

    findings: list[Finding]


def _given(said: File) -> dict[str, dict[str, Any]]:
    """What the file names, and None for the rest."""
    given: dict[str, dict[str, Any]] = {}
    for section, (_, fields) in FORMS.items():
        read = getattr(said, section)
        named = read.model_fields_set
        given[section] = {one.name: getattr(read, one.name) if one.name in named else None for one in fields}
    return given


async def _endpoints(request: Request) -> list[KnownEndpointOut]:
    engine = engine_of(request)
    narrating = engine.endpoints.intended
    return [
        KnownEndpointOut(
            name=name,
            kind=known.profile.kind,
            base_url=without_userinfo(known.profile.base_url),
            model=known.section.model,
            context_tokens=known.section.context_tokens,
            key_in=known.key_in,
            narrates=narrating is not None and narrating.name == name,
        )
        for name, known in (await engine.settings.endpoints()).items()
    ]


async def list_settings(request: Request) -> Response:
    said = await engine_of(request).settings.said()
    return answer(SettingsOut(endpoints=await _endpoints(request), sections=_given(said)))


async def try_endpoint(request: Request) -> Response:
    findings = await engine_of(request).settings.try_out(request.path_params["name"])
    return answer(FindingsOut(findings=findings))


async def change_endpoint(request: Request) -> Response:
    await _change_endpoint(request, await body(request, EndpointChangeIn))
    return await list_settings(request)


async def _change_endpoint(request: Request, wanted: EndpointChangeIn) -> Holds:
    return await engine_of(request).settings.change_endpoint(
        request.path_params["name"],
        model=wanted.model.strip(),
        context_tokens=wanted.context_tokens,
        key=(wanted.api_key.get_secret_value().strip() or None) if wanted.api_key else None,
    )


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
        holds = await _change_endpoint(request, wanted)
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
        said, known = await engine_of(request).settings.said(), await _endpoints(request)
    except FabulaError as broken:  # the file itself: nothing can be changed before it is mended
        said, known, error, wrong, section = File(), [], told(broken), broken, ""
    shown = {
        name: {field: "\n".join(one) if isinstance(one, tuple) else one for field, one in values.items()}
        for name, values in _given(said).items()
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
    defaults = _given(File())
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


OPERATIONS = (
    Operation("GET", "/api/settings", "What config.toml says; never a key", list_settings, gives=SettingsOut),
    Operation(
        "POST",
        "/api/endpoints/{name}/try",
        "Try out what works at an endpoint; nothing is changed",
        try_endpoint,
        gives=FindingsOut,
    ),
    Operation(
        "POST",
        "/api/endpoints/{name}/change",
        "Change an endpoint's model, context or key; it holds at once",
        change_endpoint,
        takes=EndpointChangeIn,
        gives=SettingsOut,
    ),
)


def routes() -> list[Route]:
    return [
        Route(PATH, show),
        Route(f"{PATH}/endpoints/{{name}}/try", try_out, methods=["POST"]),
        Route(f"{PATH}/endpoints/{{name}}", save_endpoint, methods=["POST"]),
        Route(f"{PATH}/{{section}}", save, methods=["POST"]),
    ]
