"""The OpenAPI document, made from the same table as the routes."""

import re
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from web.api import OPERATIONS
from web.models import ErrorOut
from web.operation import Operation

REFERENCE = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """OpenAPI 3.1 for every operation."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    info = {"title": "Fabula", "version": version("fabula"), "description": "The engine's JSON interface."}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _operation(one: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": one.summary,
        "operationId": one.handler.__name__,
        "parameters": _parameters(one),
        "responses": {
            str(one.status): _response("As asked", one.gives, schemas, one.path),
            "default": _response("Why not, and what to do", ErrorOut, schemas, one.path),
        },
    }
    if one.gives is not None and one.path == "/healthz":
        described["responses"]["503"] = _response("Not ready, and why", one.gives, schemas, one.path)
    if one.takes is not None:
        schema = _schema(one.takes, schemas, "validation")
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _parameters(one: Operation) -> list[dict[str, Any]]:
    whole, from_zero = {"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 0}
    named: dict[str, Any] = {
        "after": from_zero,
        **dict.fromkeys(("before", "limit", "chat", "owner"), whole),
        **dict.fromkeys(("offset", "speaker", "significance"), from_zero),
    }
    text = {"type": "string"}
    return [
        *(
            {"name": name, "in": "path", "required": True, "schema": whole if name.endswith("_id") else text}
            for name in re.findall(r"{(\w+)}", one.path)
        ),
        *({"name": name, "in": "query", "schema": named.get(name, text)} for name in one.queries),
        *({"name": name, "in": "header", "schema": text} for name in one.headers),
    ]


def _response(words: str, kind: Any, schemas: dict[str, Any], path: str) -> dict[str, Any]:  # noqa: ANN401 - a type form
    if kind is None:
        media = "text/event-stream" if path.endswith("events") else "text/plain"
        return {"description": words, "content": {media: {"schema": {"type": "string"}}}}
    schema = _schema(kind, schemas, "serialization")
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _schema(kind: Any, schemas: dict[str, Any], mode: Any) -> dict[str, Any]:  # noqa: ANN401 - type forms
    made = TypeAdapter(kind).json_schema(ref_template=REFERENCE, mode=mode)
    schemas.update(made.pop("$defs", {}))
    name = made.get("title")
    if made.get("type") == "object" and name:
        schemas[name] = made
        return {"$ref": REFERENCE.format(model=name)}
    return made


async def openapi(_request: Request) -> Response:
    return JSONResponse(document())
