"""Cross-origin requests from browsers: off, unless origins are set."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from service.problems import plain_problem, respond
from service.telemetry.logging import request_id
from service.telemetry.requests import new_request_id


class CrossOrigin(CORSMiddleware):
    """Without cookies, so that a key is all that lets anyone in. A refused preflight is a problem like any other.

    Goes around everything that may fail: a browser hides a failure that has no `Access-Control-Allow-Origin`.
    """

    def __init__(self, app: ASGIApp, origins: str) -> None:
        super().__init__(
            app,
            allow_origins=[origin.strip() for origin in origins.split(",")],
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID", "traceparent", "tracestate"),
            expose_headers=("Retry-After", "Server-Timing", "X-Request-ID", "traceresponse"),
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight, which goes no further."""
        response = super().preflight_response(request_headers)
        token = request_id.set(new_request_id())
        if response.status_code != 200:
            kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
            response = respond(plain_problem(400, "", bytes(response.body).decode() + "."), kept)
        response.headers["X-Request-ID"] = request_id.get()
        request_id.reset(token)
        return response
