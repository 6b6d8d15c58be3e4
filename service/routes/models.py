"""The versions of the model at hand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from service.model.artifact import Manifest
from service.openapi import problems
from service.schemas import ModelList, NoQuery, VersionState
from service.state import state_of

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="List the versions", response_model=ModelList, responses=problems(422, 500))
async def list_models(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """The versions at hand: which one is the default, the state of each, and why one was refused."""
    registry = state_of(request).registry
    default = registry.default
    number = None if default is None else default.version
    models = [
        VersionState(
            name=version.manifest.name if version.manifest else None,
            version=version.number,
            state=version.state,
            default=version.number == number,
            problem=version.reason,
        )
        for version in registry.versions
    ]
    return Response(
        to_json(ModelList(default=number, problem=registry.problem, models=models)), media_type="application/json"
    )


@router.get(
    "/{version}", summary="Show a version's manifest", response_model=Manifest, responses=problems(404, 422, 500, 503)
)
async def show_model(
    request: Request,
    version: Annotated[int, Path(ge=1, description="Number of the version.")],
    query: Annotated[NoQuery, Query()],
) -> Response:
    """What the version is, expects and was measured to do: contract, training data, metrics, thresholds."""
    manifest = await state_of(request).registry.manifest(version)
    return Response(to_json(manifest), media_type="application/json")
