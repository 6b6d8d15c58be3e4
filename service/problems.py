"""Errors as `application/problem+json` (RFC 9457): one shape for every error that there is."""

from __future__ import annotations

import http
from collections.abc import Mapping

from pydantic_core import to_json
from starlette.responses import Response

from service.errors import DigitsError, InvalidRequest, RateUsedUp, Unauthorized, Unavailable
from service.schemas import Fault, Problem
from service.telemetry.logging import request_id

MEDIA_TYPE = "application/problem+json"
OUR_FAULT = "Something went wrong on our side. Quote the request id when you report it."


def problem_of(error: DigitsError, path: str) -> Problem:
    """What callers are told of an error. One that is our fault is told as no more than that."""
    return Problem(
        type="/problems/" + error.title.lower().replace(" ", "-"),
        title=error.title,
        status=error.status,
        detail=OUR_FAULT if error.status == 500 else error.detail,
        instance=path,
        request_id=request_id.get(),
        errors=[Fault(location=where, message=what) for where, what in error.errors]
        if isinstance(error, InvalidRequest)
        else None,
    )


def plain_problem(status: int, path: str, detail: str) -> Problem:
    """A problem that HTTP itself has a name for, and that needs no type of ours."""
    title = http.HTTPStatus(status).phrase
    return Problem(
        type="about:blank", title=title, status=status, detail=detail, instance=path, request_id=request_id.get()
    )


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The response for a problem."""
    return Response(to_json(problem), problem.status, headers, MEDIA_TYPE)


def respond_to(error: DigitsError, path: str) -> Response:
    """The response for an error, with `Retry-After` where trying again makes sense."""
    headers = None
    if isinstance(error, Unavailable | RateUsedUp):
        headers = {"Retry-After": str(error.retry_after)}
    elif isinstance(error, Unauthorized):
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"' if error.wrong else "Bearer"}  # RFC 6750
    return respond(problem_of(error, path), headers)
