"""What the routes that read pictures share: how they are called, the version asked for, the answer and its `Server-Timing`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.errors import FieldError, InvalidRequest
from service.model.entries import Answer, NumberAnswer
from service.model.version import Model
from service.openapi import readings_headers
from service.schemas import ReadingQuery
from service.state import state_of
from service.telemetry.traces import note

OK: dict[int | str, dict[str, Any]] = {200: {"description": "What was read", "headers": readings_headers()}}
FILE_AS_JSON = {"base64": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTcAAAAAAElFTkSuQmCC"}
PIXELS_AS_JSON = {"pixels": [[255, 255, 255], [255, 0, 255]]}


class ReadingRoute(APIRoute):
    """A route whose function takes `request` and `query`, parses the body by itself, and makes the whole response.

    Without a query string there is nothing in it for the framework to do, which would take longer than all the rest.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        super().__init__(path, endpoint, **given)
        framework = self.app
        unasked: ReadingQuery = get_type_hints(endpoint)["query"]()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["query_string"]:
                await framework(scope, receive, send)
            else:
                response: Response = await endpoint(Request(scope, receive), unasked)
                await response(scope, receive, send)

        self.app = app


def model_for(request: Request, query: ReadingQuery) -> AbstractAsyncContextManager[Model]:
    """The version asked for, in use until the answer is written.

    It is asked for before the body is read, so that nobody sends pictures to a service that is starting.
    """
    names = [name for name, _ in request.query_params.multi_items()] if request.scope["query_string"] else []
    if repeated := [name for name in type(query).model_fields if names.count(name) > 1]:
        raise InvalidRequest([FieldError(f"query.{name}", "must be given once") for name in repeated])
    return state_of(request).registry.using(query.version)


def respond(content: bytes, answers: Sequence[Answer | NumberAnswer], model: Model) -> Response:
    """The response with JSON `content`, which says of the model's `answers`."""
    headers = None
    if answers:
        stages = stages_of(answers)
        note(stages, len(answers), model.manifest.version)
        headers = {"Server-Timing": server_timing(stages)}
    return Response(content, headers=headers, media_type="application/json")


def stages_of(answers: Sequence[Answer | NumberAnswer]) -> dict[str, float]:
    """In seconds; of a batch the longest of each stage."""
    return {
        "decode": max(answer.reading.decode_seconds for answer in answers),
        "ink": max(answer.reading.ink_seconds for answer in answers),
        "queue": max(answer.queue_seconds for answer in answers),
        "model": max(answer.reading.model_seconds for answer in answers),
    }


def server_timing(stages: dict[str, float]) -> str:
    """https://www.w3.org/TR/server-timing/, in milliseconds."""
    return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in stages.items())
