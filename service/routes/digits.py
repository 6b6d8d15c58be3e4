"""Reading pictures of one digit each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from service.errors import FieldError, InvalidRequest, PictureError, TooManyPictures
from service.model.entries import Answer
from service.model.version import Model
from service.openapi import form_body, json_body, problems, readings_headers
from service.problems import problem_of
from service.reading.types import Grey
from service.routes.uploads import json_pictures, many_pictures, one_picture
from service.schemas import MAX_EXPLAINED, DigitReading, DigitResult, DigitResults, ReadingQuery, digit_reading
from service.state import state_of

router = APIRouter(prefix="/v1", tags=["readings"])

_OK: dict[int | str, dict[str, Any]] = {200: {"description": "What was read", "headers": readings_headers()}}
_EXAMPLES = {
    "pixels": {"summary": "Grey values", "value": {"images": [{"pixels": [[255, 255, 255], [255, 0, 255]]}]}},
    "base64": {
        "summary": "A file",
        "value": {
            "images": [
                {"base64": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTcAAAAAAElFTkSuQmCC"}
            ]
        },
    },
}


@router.post(
    "/digit",
    summary="Read one digit",
    response_model=DigitReading,
    responses=_OK | problems(400, 404, 413, 415, 422, 500, 503),
    openapi_extra=form_body("image", raw=True),
)
async def read_digit(request: Request, query: Annotated[ReadingQuery, Query()]) -> Response:
    """Reads the one digit in a picture, or says that there is none, or no ink at all.

    Send a form with one file `image`, or the picture itself as the body.
    """
    state = state_of(request)
    model = _model(request, query)
    picture = await one_picture(request)
    try:
        answer = await model.batcher.read(picture, explain=query.explain)
    except PictureError as error:
        state.metrics.picture_problem(error.status)
        raise
    state.metrics.reading(answer.reading, answer.queue_seconds)
    return _respond(digit_reading(answer.reading, model.manifest), [answer])


@router.post(
    "/digits",
    summary="Read a batch of pictures",
    response_model=DigitResults,
    responses=_OK | problems(400, 404, 413, 415, 422, 500, 503),
    openapi_extra=form_body("images", many=True),
)
async def read_digits(request: Request, query: Annotated[ReadingQuery, Query()]) -> Response:
    """Reads pictures of one digit each, sent as the files `images` of a form. A bad picture fails alone."""
    model = _model(request, query)
    pictures = await many_pictures(request, state_of(request).settings.max_pictures)
    return await _read_many(request, model, pictures, query.explain)


@router.post(
    "/digits/json",
    summary="Read a batch of pictures sent as JSON",
    response_model=DigitResults,
    responses=_OK | problems(400, 404, 413, 415, 422, 500, 503),
    openapi_extra=json_body("PictureBatch", _EXAMPLES),
)
async def read_digits_json(request: Request, query: Annotated[ReadingQuery, Query()]) -> Response:
    """Reads pictures of one digit each, sent as files in base64 or as rows of grey values. A bad picture fails alone."""
    model = _model(request, query)
    pictures = await json_pictures(request, state_of(request).settings.max_pictures)
    return await _read_many(request, model, pictures, query.explain)


def _model(request: Request, query: ReadingQuery) -> Model:
    """The version asked for; asked before the body is read, so that nobody sends pictures to a service that is starting."""
    names = [name for name, _ in request.query_params.multi_items()] if request.scope["query_string"] else []
    if repeated := [name for name in ReadingQuery.model_fields if names.count(name) > 1]:
        raise InvalidRequest([FieldError(f"query.{name}", "must be given once") for name in repeated])
    return state_of(request).registry.get(query.version)


async def _read_many(
    request: Request, model: Model, pictures: Sequence[bytes | Grey | PictureError], explain: bool
) -> Response:
    state = state_of(request)
    if explain and len(pictures) > MAX_EXPLAINED:
        raise TooManyPictures(f"A request with explain=true may have {MAX_EXPLAINED} pictures.")
    answers = await model.batcher.read_many(pictures, explain=explain)
    results = []
    for answer in answers:
        if isinstance(answer, PictureError):
            state.metrics.picture_problem(answer.status)
            problem = problem_of(answer, request.url.path)
            results.append(DigitResult.model_construct(reading=None, problem=problem))
        else:
            state.metrics.reading(answer.reading, answer.queue_seconds)
            reading = digit_reading(answer.reading, model.manifest)
            results.append(DigitResult.model_construct(reading=reading, problem=None))
    read = [answer for answer in answers if isinstance(answer, Answer)]
    return _respond(DigitResults.model_construct(results=results), read)


def _respond(content: DigitReading | DigitResults, answers: Sequence[Answer]) -> Response:
    headers = {"Server-Timing": _server_timing(answers)} if answers else None
    return Response(to_json(content), headers=headers, media_type="application/json")


def _server_timing(answers: Sequence[Answer]) -> str:
    """https://www.w3.org/TR/server-timing/, in milliseconds; of a batch the longest of each stage."""
    decode = max(answer.reading.decode_seconds for answer in answers)
    ink = max(answer.reading.ink_seconds for answer in answers)
    queue = max(answer.queue_seconds for answer in answers)
    model = max(answer.reading.model_seconds for answer in answers)
    return (
        f"decode;dur={decode * 1000:.3f}, ink;dur={ink * 1000:.3f}, "
        f"queue;dur={queue * 1000:.3f}, model;dur={model * 1000:.3f}"
    )
