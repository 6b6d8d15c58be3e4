"""For whoever runs the service: health, readiness, metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.errors import Draining, Unavailable
from service.openapi import problems
from service.schemas import Health, NoQuery
from service.state import state_of
from service.telemetry.metrics import CONTENT_TYPE

router = APIRouter(tags=["operations"])

_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/healthz", summary="The process lives", responses=problems(422, 500))
async def healthz(query: Annotated[NoQuery, Query()]) -> Health:
    """Answers as long as the process does."""
    return Health(status="ok")


@router.get("/readyz", summary="The service can read pictures", responses=problems(422, 500, 503))
async def readyz(request: Request, query: Annotated[NoQuery, Query()]) -> Health:
    """A version of the model is loaded, has just answered a question correctly, and the process is not draining."""
    state = state_of(request)
    if state.draining:
        raise Draining("The service is shutting down.")
    async with state.registry.using() as model:
        if not await model.answers():
            raise Unavailable("The model does not answer.")
    return Health(status="ok")


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses=_TEXT | problems(422, 500),
)
async def metrics(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """In the text format."""
    state = state_of(request)
    text = await run_in_threadpool(state.metrics.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE})
