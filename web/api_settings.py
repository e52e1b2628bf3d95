"""The settings over JSON: what config.toml says, what works at an endpoint, and an endpoint changed."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from pipeline.config_sections import File
from pipeline.inference.errors import without_userinfo
from pipeline.settings import Holds
from pipeline.trial import Finding
from store.events import Text
from web.operation import Operation, answer, body, engine_of
from web.setting_forms import FORMS


class EndpointChangeIn(BaseModel):
    """What of an endpoint can be changed. What is sent here may hold a key, so no error repeats it."""

    model_config = ConfigDict(extra="forbid")
    model: Text = Field(default="", max_length=300)
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


def given(said: File) -> dict[str, dict[str, Any]]:
    """What the file names, and None for the rest."""
    named: dict[str, dict[str, Any]] = {}
    for section, (_, fields) in FORMS.items():
        read = getattr(said, section)
        said_there = read.model_fields_set
        named[section] = {
            one.name: getattr(read, one.name) if one.name in said_there else None for one in fields
        }
    return named


async def known_endpoints(request: Request) -> list[KnownEndpointOut]:
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
    return answer(SettingsOut(endpoints=await known_endpoints(request), sections=given(said)))


async def try_endpoint(request: Request) -> Response:
    findings = await engine_of(request).settings.try_out(request.path_params["name"])
    return answer(FindingsOut(findings=findings))


async def change_endpoint(request: Request) -> Response:
    await change(request, await body(request, EndpointChangeIn))
    return await list_settings(request)


async def change(request: Request, wanted: EndpointChangeIn) -> Holds:
    return await engine_of(request).settings.change_endpoint(
        request.path_params["name"],
        model=wanted.model.strip(),
        context_tokens=wanted.context_tokens,
        key=(wanted.api_key.get_secret_value().strip() or None) if wanted.api_key else None,
    )


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
