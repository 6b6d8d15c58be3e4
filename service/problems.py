"""Errors as `application/problem+json` (RFC 9457): one shape for every error that there is."""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from service.errors import DigitsError, InvalidRequest, RateUsedUp, Unauthorized, Unavailable
from service.telemetry.logging import request_id

MEDIA_TYPE = "application/problem+json"
OUR_FAULT = "Something went wrong on our side. Quote the request id when you report it."


def problem_of(error: DigitsError, path: str) -> dict[str, Any]:
    """What callers are told of an error, as `Problem` has it. One that is our fault is told as no more than that."""
    detail = OUR_FAULT if error.status == 500 else error.detail
    problem = _problem("/problems/" + error.title.lower().replace(" ", "-"), error.title, error.status, path, detail)
    if isinstance(error, InvalidRequest):
        problem["errors"] = [{"location": where, "message": what} for where, what in error.errors]
    return problem


def plain_problem(status: int, path: str, detail: str) -> dict[str, Any]:
    """A problem that HTTP itself has a name for, and that needs no type of ours."""
    return _problem("about:blank", http.HTTPStatus(status).phrase, status, path, detail)


def respond(problem: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The response for a problem."""
    return Response(to_json(problem), problem["status"], headers, MEDIA_TYPE)


def respond_to(error: DigitsError, path: str) -> Response:
    """The response for an error, with `Retry-After` where trying again makes sense."""
    headers = None
    if isinstance(error, Unavailable | RateUsedUp):
        headers = {"Retry-After": str(error.retry_after)}
    elif isinstance(error, Unauthorized):
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"' if error.wrong else "Bearer"}  # RFC 6750
    return respond(problem_of(error, path), headers)


def _problem(kind: str, title: str, status: int, path: str, detail: str) -> dict[str, Any]:
    # No model: under overload much of what is answered is this.
    return {
        "type": kind,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": path,
        "request_id": request_id.get(),
    }
