"""What is wrong with an answer to a request of the fuzz run."""

from __future__ import annotations

import re

from pydantic import BaseModel, ValidationError

from benchmarks.fuzz_cases import HTTP, Case
from benchmarks.processes import ROOT
from benchmarks.wire import Answer
from service import schemas
from service.number_schemas import NumberReading
from service.problems import MEDIA_TYPE

SLOWEST = 2.0
"""Seconds that an answer may take."""
LONGEST_WAIT = 10
"""Seconds that whoever is answered 503 may be told to wait: the service's deadline."""
_INSIDE = re.compile(
    rb"Traceback|File \\?\"|site-packages|\.py\b|object at 0x|"
    + re.escape(str(ROOT).encode())
    + rb"|/(?:usr|home|tmp|root)/"
)
"""What only someone who sees the inside would say; no request holds any of it."""
_ANSWERS: dict[str, type[BaseModel]] = {
    "/v1/digit": schemas.DigitReading,
    "/v1/digits": schemas.DigitResults,
    "/v1/digits/json": schemas.DigitResults,
    "/v1/number": NumberReading,
    "/v1/number/json": NumberReading,
}


def fault(case: Case, answer: Answer) -> str | None:
    """What the interface does not allow of this answer, in words; None: all is as it should be."""
    status, kind = answer.status, answer.headers.get("content-type", "")
    if status >= 500 and status != 503:
        return f"status {status}"
    if answer.seconds > SLOWEST:
        return f"took {answer.seconds:.1f} s"
    if found := _INSIDE.search(answer.body):
        return f"tells of the inside: {found[0]!r}"
    if not answer.headers.get("x-request-id"):
        return "no X-Request-ID"
    if case.refused and not (400 <= status < 500 or status == 503):
        return f"should have been refused, and was answered {status}"
    path = case.request.split(b" ", 2)[1].partition(b"?")[0].decode("latin-1") if case.http else ""
    if status >= 400:
        if kind != MEDIA_TYPE:
            return f"an error as {kind or 'nothing'}"
        return _wrong_problem(answer, path)
    if case.kind == HTTP:  # it may have become any request
        return None
    if status != 200 or kind != "application/json":
        return f"status {status} with {kind or 'nothing'}"
    return _wrong_reading(answer, path)


def _wrong_problem(answer: Answer, path: str) -> str | None:
    try:
        problem = schemas.Problem.model_validate_json(answer.body)
    except ValidationError as error:
        return f"no problem: {error.errors()[0]['loc']} {error.errors()[0]['msg']}"
    if problem.status != answer.status or problem.request_id != answer.headers["x-request-id"]:
        return "the problem and its headers differ"
    if path and problem.instance not in (path, ""):  # empty: what the parser refuses is not known yet
        return f"the problem is of {problem.instance!r}"
    if answer.status == 503 and not 1 <= int(answer.headers.get("retry-after", 0)) <= LONGEST_WAIT:
        return f"Retry-After: {answer.headers.get('retry-after')}"
    if (problem.title == "Invalid request") != (problem.errors is not None):
        return "an invalid request must have errors, and nothing else"
    return None


def _wrong_reading(answer: Answer, path: str) -> str | None:
    try:
        reading = _ANSWERS[path].model_validate_json(answer.body)
    except ValidationError as error:
        return f"no reading: {error.errors()[0]['loc']} {error.errors()[0]['msg']}"
    if isinstance(reading, schemas.DigitResults):
        for result in reading.results:
            if (result.reading is None) == (result.problem is None):
                return "a result must be a reading or a problem"
            if result.problem and result.problem.status >= 500 and result.problem.status != 503:
                return f"a picture's problem with status {result.problem.status}"
    return None
