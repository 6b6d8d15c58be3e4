"""Reading pictures of one digit each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from service.errors import PictureError, TooManyPictures
from service.model.entries import Answer
from service.model.version import Model
from service.openapi import form_body, json_body, problems
from service.problems import problem_of
from service.reading.types import Grey
from service.routes.json_uploads import json_pictures
from service.routes.readings import FILE_AS_JSON, OK, PIXELS_AS_JSON, ReadingRoute, model_for, respond
from service.routes.uploads import many_pictures, one_picture
from service.schemas import MAX_EXPLAINED, DigitReading, DigitResults, ReadingQuery, digit_reading
from service.state import state_of

router = APIRouter(prefix="/v1", tags=["readings"], route_class=ReadingRoute)

_EXAMPLES = {
    "pixels": {"summary": "Grey values", "value": {"images": [PIXELS_AS_JSON]}},
    "base64": {"summary": "A file", "value": {"images": [FILE_AS_JSON]}},
}


@router.post(
    "/digit",
    summary="Read one digit",
    response_model=DigitReading,
    responses=OK | problems(400, 404, 413, 415, 422, 500, 503),
    openapi_extra=form_body("image", raw=True),
)
async def read_digit(request: Request, query: Annotated[ReadingQuery, Query()]) -> Response:
    """Reads the one digit in a picture, or says that there is none, or no ink at all.

    Send a form with one file `image`, or the picture itself as the body.
    """
    state = state_of(request)
    async with model_for(request, query) as model:
        picture = await one_picture(request)
        try:
            answer = await model.batcher.read(picture, explain=query.explain)
        except PictureError as error:
            state.metrics.picture_problem(error.status)
            raise
    state.metrics.reading(answer.reading, answer.queue_seconds, model.manifest.version)
    return respond(to_json(digit_reading(answer.reading, model.manifest)), [answer], model)


@router.post(
    "/digits",
    summary="Read a batch of pictures",
    response_model=DigitResults,
    responses=OK | problems(400, 404, 413, 415, 422, 500, 503),
    openapi_extra=form_body("images", many=True),
)
async def read_digits(request: Request, query: Annotated[ReadingQuery, Query()]) -> Response:
    """Reads pictures of one digit each, sent as the files `images` of a form. A bad picture fails alone."""
    async with model_for(request, query) as model:
        pictures = await many_pictures(request, state_of(request).settings.max_pictures)
        return await _read_many(request, model, pictures, query.explain)


@router.post(
    "/digits/json",
    summary="Read a batch of pictures sent as JSON",
    response_model=DigitResults,
    responses=OK | problems(400, 404, 413, 415, 422, 500, 503),
    openapi_extra=json_body("PictureBatch", _EXAMPLES),
)
async def read_digits_json(request: Request, query: Annotated[ReadingQuery, Query()]) -> Response:
    """Reads pictures of one digit each, sent as files in base64 or as rows of grey values. A bad picture fails alone."""
    async with model_for(request, query) as model:
        pictures = await json_pictures(request, state_of(request).settings.max_pictures)
        return await _read_many(request, model, pictures, query.explain)


async def _read_many(
    request: Request, model: Model, pictures: Sequence[bytes | Grey | PictureError], explain: bool
) -> Response:
    state = state_of(request)
    if explain and len(pictures) > MAX_EXPLAINED:
        raise TooManyPictures(f"A request with explain=true may have {MAX_EXPLAINED} pictures.")
    answers = await model.batcher.read_many(pictures, explain=explain)
    results: list[dict[str, Any]] = []
    for answer in answers:
        if isinstance(answer, PictureError):
            state.metrics.picture_problem(answer.status)
            results.append({"reading": None, "problem": problem_of(answer, request.url.path)})
        else:
            state.metrics.reading(answer.reading, answer.queue_seconds, model.manifest.version)
            results.append({"reading": digit_reading(answer.reading, model.manifest), "problem": None})
    read = [answer for answer in answers if isinstance(answer, Answer)]
    return respond(to_json({"results": results}), read, model)
