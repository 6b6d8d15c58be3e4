"""The fuzz run: its requests follow from a seed, and its checks find what is planted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fuzz, spoilt_pictures
from benchmarks.fuzz_cases import BOMB, FORM, HTTP, KINDS, Case, case
from benchmarks.fuzz_check import fault
from benchmarks.mutate import spoilt
from benchmarks.spoilt_pictures import FORMATS, bomb, parts, sealed, seeds
from benchmarks.wire import Answer
from service.errors import DamagedPicture, PictureError, PictureTooLarge
from service.reading.decode import decode

LIMIT = 50_000_000
ASKED = Case(1, "PNG", b"POST /v1/digit?explain=true HTTP/1.1\r\n\r\n")
PROBLEM = {"type": "a", "title": "t", "status": 422, "detail": "d", "instance": "/v1/digit", "request_id": "r"}
HEADERS = {"content-type": "application/problem+json", "x-request-id": "r"}
READING = {"status": "blank", "digit": None, "confidence": 0, "probabilities": None, "digit_probability": None, "box": None,
           "model": {"name": "digits", "version": 1}, "explanation": None}  # fmt: skip


def answer(status: int = 422, seconds: float = 0.1, **changes: object) -> Answer:
    """A good problem with this status and these changes."""
    return Answer(status, HEADERS, json.dumps({**PROBLEM, "status": status, **changes}).encode(), seconds)


def reading(**changes: object) -> Answer:
    headers = {"content-type": "application/json", "x-request-id": "r"}
    return Answer(200, headers, json.dumps({**READING, **changes}).encode(), 0.1)


# ---- requests ---------------------------------------------------------------------------------------------------------


def test_requests_follow_from_the_seed_and_their_number() -> None:
    assert [case(3, number) for number in range(60)] == [case(3, number) for number in range(60)]
    assert (
        len({case(3, number).request for number in range(60)} & {case(4, number).request for number in range(60)}) == 0
    )


def test_there_are_requests_of_every_kind() -> None:
    cases = [case(1, number) for number in range(600)]
    assert {each.kind for each in cases} == set(KINDS)
    assert all(each.http == (each.kind != HTTP) and each.refused == (each.kind == BOMB) for each in cases)
    for each in cases:
        head, _, body = each.request.partition(b"\r\n\r\n")
        if each.http and b"\r\nTransfer-Encoding" not in head:
            assert head.rsplit(b"\r\n", 1)[1] == f"Content-Length: {len(body)}".encode()
    paths = {each.request.split(b" ")[1].partition(b"?")[0] for each in cases if each.http}
    assert paths == {b"/v1/digit", b"/v1/digits", b"/v1/number", b"/v1/digits/json", b"/v1/number/json"}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_is_its_parts(kind: str) -> None:
    for file in seeds(kind):
        decode(file, LIMIT)
        assert len(parts(file, kind)) > 1
        assert b"".join(parts(file, kind)) == file == sealed(parts(file, kind), kind)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.filterwarnings("ignore")
def test_pictures_are_spoilt_to_every_degree(kind: str) -> None:
    random, outcomes = np.random.default_rng(1), set()
    for _ in range(150):
        try:
            decode(spoilt_pictures.picture(kind, random), LIMIT)
            outcomes.add(200)
        except PictureError as error:
            outcomes.add(error.status)
    assert outcomes == {200, 413, 415, 422}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.filterwarnings("ignore")
def test_bombs_are_too_large(kind: str) -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        with pytest.raises((PictureTooLarge, DamagedPicture) if kind == "WEBP" else PictureTooLarge):
            decode(bomb(kind, random), LIMIT)


def test_bytes_are_spoilt_whatever_they_are() -> None:
    random = np.random.default_rng(3)
    for data in (b"", b"a", b"ab" * 200):
        assert len({spoilt(data, random, (data, b"other")) for _ in range(200)}) > 20


# ---- checks -----------------------------------------------------------------------------------------------------------


def test_good_answers_are_good() -> None:
    assert fault(ASKED, answer()) is None
    assert fault(ASKED, reading()) is None
    assert fault(replace(ASKED, refused=True), answer(413)) is None
    busy = answer(503)
    assert fault(ASKED, replace(busy, headers={**HEADERS, "retry-after": "2"})) is None


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (answer(500), "status 500"),
        (answer(502), "status 502"),
        (answer(seconds=2.5), "took 2.5 s"),
        (answer(detail="Traceback (most recent call last)"), "tells of the inside"),
        (answer(detail="in /usr/lib/service"), "tells of the inside"),
        (answer(detail="decode.py, line 3"), "tells of the inside"),
        (answer(detail=str(Path(fuzz.__file__).parent)), "tells of the inside"),
        (answer(instance="/v1/other"), "the problem is of '/v1/other'"),
        (answer(request_id="another"), "differ"),
        (answer(title="Invalid request"), "must have errors"),
        (answer(detail=None), "no problem: ('detail',)"),
        (answer(503), "Retry-After: None"),
        (replace(answer(503), headers={**HEADERS, "retry-after": "600"}), "Retry-After: 600"),
        (replace(answer(), headers={**HEADERS, "content-type": "text/html"}), "an error as text/html"),
        (replace(answer(), headers={"content-type": "application/json"}), "no X-Request-ID"),
        (answer(200), "status 200 with application/problem+json"),
        (reading(status="maybe"), "no reading: ('status',)"),
        (replace(reading(), body=b"{"), "no reading"),
    ],
)  # fmt: skip
def test_planted_faults_are_found(planted: Answer, found: str) -> None:
    assert found in (fault(ASKED, planted) or "nothing")


def test_a_bomb_that_is_read_and_a_batch_with_a_fault_in_it_are_found() -> None:
    assert "should have been refused" in (fault(replace(ASKED, refused=True), reading()) or "")
    asked = Case(1, FORM, b"POST /v1/digits HTTP/1.1\r\n\r\n")
    for results, found in (
        ([{"reading": None, "problem": {**PROBLEM, "status": 500}}], "a picture's problem with status 500"),
        ([{"reading": None, "problem": None}], "a reading or a problem"),
    ):
        body = json.dumps({"results": results}).encode()
        assert found in (fault(asked, replace(reading(), body=body)) or "")
