"""The OpenAPI document: what the framework cannot know because the bodies are parsed by hand."""

from __future__ import annotations

import http
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service.guard import needs_no_key
from service.number_schemas import NumberPicture, NumberReading
from service.problems import MEDIA_TYPE
from service.schemas import DigitReading, DigitResults, ModelList, PictureBatch, Problem
from service.settings import Settings

_REF = "#/components/schemas/"
_FILE = {"type": "string", "format": "binary"}
_WHEN = {
    400: "Malformed multipart or JSON",
    401: "No API key was sent, or a wrong one",
    404: "No such model version, or it was refused",
    408: "The request did not arrive in time",
    413: "Body, picture area or number of pictures above the limit",
    415: "Another Content-Type, or no picture in an accepted format",
    422: "A field is missing, unknown or of the wrong type, or the picture is damaged",
    429: "The key's rate is used up: try again after `Retry-After` seconds",
    431: "The request line and the headers are too large",
    500: "Our fault",
    503: "Overloaded, starting or draining: try again after `Retry-After` seconds",
}
_RETRY_AFTER = {"Retry-After": {"description": "Whole seconds.", "schema": {"type": "integer"}}}


def problems(*statuses: int, **when: str) -> dict[int | str, dict[str, Any]]:
    """The problems that a route can answer with, for its `responses`; `when` (`s404="…"`) replaces a description."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF + Problem.__name__}}}
    return {
        status: {"description": when.get(f"s{status}", _WHEN[status]), "content": content}
        | ({"headers": _RETRY_AFTER} if status in (429, 503) else {})
        for status in statuses
    }


def form_body(field: str, *, many: bool = False, raw: bool = False) -> dict[str, Any]:
    """The request body of a route that takes a form with a file, or, with `raw`, the picture itself."""
    file = {"type": "array", "items": _FILE, "minItems": 1} if many else _FILE
    file = {**file, "description": "PNG, JPEG, WebP, BMP, GIF or TIFF, judged by content."}
    form = {"type": "object", "properties": {field: file}, "required": [field], "additionalProperties": False}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if raw:
        content |= {"application/octet-stream": {"schema": _FILE}, "image/*": {"schema": _FILE}}
    return {"requestBody": {"required": True, "content": content}}


def json_body(schema: str, examples: dict[str, Any]) -> dict[str, Any]:
    """The request body of a route that takes JSON."""
    content = {"application/json": {"schema": {"$ref": _REF + schema}, "examples": examples}}
    return {"requestBody": {"required": True, "content": content}}


def readings_headers() -> dict[str, Any]:
    """The headers of an answer with readings."""
    timing = "decode, ink, queue and model, in milliseconds; in a batch the longest of each."
    return {"Server-Timing": {"description": timing, "schema": {"type": "string"}}}


def document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    """The whole document. Limits that settings can change are shown as they are set."""
    answers = (DigitReading, DigitResults, NumberReading, ModelList, Problem)
    _, full = models_json_schema(
        [
            (PictureBatch, "validation"),
            (NumberPicture, "validation"),
            *((answer, "serialization") for answer in answers),
        ],
        ref_template=_REF + "{model}",
    )
    made = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        tags=app.openapi_tags,
        license_info=app.license_info,
        routes=app.routes,
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in full["$defs"].items():
        schemas.setdefault(name, schema)
        if "examples" in schema:  # the framework leaves the nulls out of them
            schemas[name]["examples"] = schema["examples"]
    schemas["PictureBatch"]["properties"]["images"]["maxItems"] = settings.max_pictures
    form = made["paths"]["/v1/digits"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    form["properties"]["images"]["maxItems"] = settings.max_pictures
    if settings.api_keys_file:
        _ask_for_keys(made)
    identity = {"description": "The request's id: the caller's, or a new one.", "schema": {"type": "string"}}
    for path in made["paths"].values():
        for operation in path.values():
            # The server itself answers so, whatever is asked.
            operation["responses"] |= {str(status): response for status, response in problems(408, 431).items()}
            for status, response in operation["responses"].items():
                response.setdefault("headers", {})["X-Request-ID"] = identity
                if response.get("description") == "Successful Response":
                    response["description"] = http.HTTPStatus(int(status)).phrase
    made["components"]["schemas"] = dict(sorted(schemas.items()))
    return made


def _ask_for_keys(made: dict[str, Any]) -> None:
    """Two ways to send the key, and what is answered without one."""
    made["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "The key as `Authorization: Bearer KEY`."},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key as `X-API-Key`."},
    }
    for path, operations in made["paths"].items():
        for operation in () if needs_no_key(path) else operations.values():
            operation["security"] = [{"bearer": []}, {"header": []}]
            refusals = {str(status): response for status, response in problems(401, 429).items()}
            refusals["401"]["headers"] = {
                "WWW-Authenticate": {"description": "`Bearer`, as RFC 6750 has it.", "schema": {"type": "string"}}
            }
            operation["responses"] = dict(sorted((operation["responses"] | refusals).items()))
