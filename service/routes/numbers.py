"""Reading pictures with any number of digits."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from service.errors import PictureError
from service.model.version import Model
from service.number_schemas import NumberPicture, NumberQuery, NumberReading, number_reading
from service.openapi import form_body, json_body, problems
from service.reading import types as reading
from service.reading.types import Grey
from service.routes.json_uploads import json_picture
from service.routes.readings import FILE_AS_JSON, OK, PIXELS_AS_JSON, ReadingRoute, model_for, respond
from service.routes.uploads import one_picture
from service.state import state_of

INLINE_DIGITS = 100
"""Answers with up to so many digits are written on the event loop: handing them to a thread would take as long."""

router = APIRouter(prefix="/v1", tags=["readings"], route_class=ReadingRoute)

_EXAMPLES = {
    "pixels": {"summary": "Grey values", "value": {"image": PIXELS_AS_JSON}},
    "base64": {"summary": "A file", "value": {"image": FILE_AS_JSON}},
}


@router.post(
    "/number",
    summary="Read a number",
    response_model=NumberReading,
    responses=OK | problems(400, 404, 413, 415, 422, 500, 503),
    openapi_extra=form_body("image", raw=True),
)
async def read_number(request: Request, query: Annotated[NumberQuery, Query()]) -> Response:
    """Reads all digits in a picture, line by line, or says that there are none, or no ink at all.

    Send a form with one file `image`, or the picture itself as the body.
    """
    async with model_for(request, query) as model:
        return await _read(request, model, await one_picture(request), query.explain)


@router.post(
    "/number/json",
    summary="Read a number in a picture sent as JSON",
    response_model=NumberReading,
    responses=OK | problems(400, 404, 413, 415, 422, 500, 503),
    openapi_extra=json_body(NumberPicture.__name__, _EXAMPLES),
)
async def read_number_json(request: Request, query: Annotated[NumberQuery, Query()]) -> Response:
    """Reads all digits in a picture that is sent as a file in base64 or as rows of grey values."""
    async with model_for(request, query) as model:
        return await _read(request, model, await json_picture(request), query.explain)


async def _read(request: Request, model: Model, picture: bytes | Grey | PictureError, explain: bool) -> Response:
    metrics = state_of(request).metrics
    try:
        if isinstance(picture, PictureError):
            raise picture
        answer = await model.batcher.read_number(picture, explain=explain)
    except PictureError as error:
        metrics.picture_problem(error.status)
        raise
    metrics.number(answer.reading, answer.queue_seconds)
    if explain or len(answer.reading.text) > INLINE_DIGITS:
        content = await asyncio.to_thread(_content, answer.reading, model)
    else:
        content = _content(answer.reading, model)
    return respond(content, [answer], model)


def _content(given: reading.NumberReading, model: Model) -> bytes:
    return to_json(number_reading(given, model.manifest))
