"""The app: routes, what they share, the shell around them, and one shape for every error."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Callable
from itertools import chain

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service import __version__
from service.admission import Admission
from service.cors import CrossOrigin
from service.door import Door
from service.errors import DigitsError, InvalidRequest, ModelFailed
from service.guard import Guard
from service.headers import SecurityHeaders
from service.keys import Keys
from service.limits import BodyLimit
from service.linger import Linger
from service.model.gate import Gate
from service.model.registry import Registry
from service.model.version import Model, OpenModel, load, runtime
from service.openapi import document
from service.problems import plain_problem, respond, respond_to
from service.routes import digits, documentation, models, numbers, operations, page
from service.routes.json_uploads import field_errors
from service.settings import Settings
from service.shortcut import Shortcut
from service.state import State
from service.telemetry.metrics import Metrics
from service.telemetry.requests import Requests
from service.telemetry.traces import telemetry

log = logging.getLogger(__name__)

ROUTERS = (digits.router, numbers.router, models.router, operations.router, page.router, documentation.router)

DESCRIPTION = """Send a picture, get the digit or the whole number, with a confidence that can be trusted, or a plain
"there is no digit here".

Errors are `application/problem+json` (RFC 9457). Every answer carries `X-Request-ID`."""


def create_app(
    settings: Settings, *, open_model: OpenModel | None = None, on_ready: Callable[[Model], None] = lambda model: None
) -> FastAPI:
    """Makes the app; versions are loaded when it starts. `open_model` replaces the runtime that the settings name."""
    metrics = Metrics()
    opened = open_model or runtime(settings)
    gate = Gate(
        max_pictures=settings.max_queue,
        max_bytes=settings.max_queue_bytes,
        max_wait=settings.max_wait_seconds,
        standing_wait=settings.standing_wait_seconds,
        deadline=settings.deadline_seconds,
        refused=metrics.refused,
    )
    registry = Registry(settings, lambda folder: load(folder, settings, opened, metrics, gate), metrics)
    door = Door(gate, [*digits.router.routes, *numbers.router.routes], settings.max_body_bytes)
    alone = not (settings.api_keys_file or settings.cors_origins or settings.root_path)
    state = State(settings, registry, metrics, door if alone else None)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        registry.start(on_ready)
        yield
        registry.close()
        door.lateness.close()

    app: FastAPI = FastAPIOffline(
        docs_url=None,  # those two are ours; the files that they load come from the package
        redoc_url=None,
        title="Digits",
        version=__version__,
        summary="Reads handwritten digits.",
        description=DESCRIPTION,
        openapi_tags=[
            {"name": "readings", "description": "Pictures in, digits out."},
            {"name": "models", "description": "The versions of the model at hand."},
            {"name": "operations", "description": "Health, readiness, metrics."},
        ],
        lifespan=lifespan,
        telemetry=telemetry(),
        redirect_slashes=False,
        # Not by `include_router`, which has each request look for its route twice, in two tables.
        routes=[*chain.from_iterable(router.routes for router in ROUTERS), page.redoc_script],
    )
    app.state.digits = state
    app.mount("/static", page.PageFiles(directory=page.STATIC), name="static")
    app.exception_handler(DigitsError)(_digits_error)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(HTTPException)(_http_exception)
    app.add_middleware(Admission, door=door)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    if settings.api_keys_file:
        app.add_middleware(Guard, keys=Keys(settings.api_keys_file, settings.workers))
    app.add_middleware(Requests, state=state)
    if settings.cors_origins:
        app.add_middleware(CrossOrigin, origins=settings.cors_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Linger)
    framework, readings = app.build_middleware_stack, [route for route, _ in door.routes.values()]
    app.build_middleware_stack = lambda: Shortcut(  # type: ignore[method-assign]
        framework(), app.user_middleware, readings, _digits_error
    )
    schema = functools.cache(lambda: document(app, settings))
    app.openapi = schema  # type: ignore[method-assign]
    return app


async def _digits_error(request: Request, error: DigitsError) -> Response:
    if error.status == 500 and not isinstance(error, ModelFailed):  # that one is logged where it happens, once a batch
        log.error("%s failed", request.url.path, exc_info=error)
    return respond_to(error, request.url.path)


async def _invalid_request(request: Request, error: RequestValidationError) -> Response:
    return respond_to(InvalidRequest(field_errors(error.errors())), request.url.path)


async def _http_exception(request: Request, error: HTTPException) -> Response:
    """What the framework would answer in plain text: no such path, or a wrong method."""
    headers = dict(error.headers or {})
    detail = error.detail
    if error.status_code == 404:
        detail = "There is nothing at this path."
    if error.status_code == 405:
        allowed = sorted(headers.get("Allow", "GET").split(", "))
        headers["Allow"] = ", ".join(["GET", "HEAD"] if allowed == ["GET"] else allowed)
        detail = f"This path takes {headers['Allow']}."
    return respond(plain_problem(error.status_code, request.url.path, detail), headers)
