"""The fuzz run: its requests follow from a seed, its checks find what is planted, and the service stands some hundreds of them."""

from __future__ import annotations

import importlib.util
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fuzz, fuzz_decode, spoilt_pictures
from benchmarks.fuzz_cases import BOMB, FORM, HTTP, KINDS, Case, case, good
from benchmarks.fuzz_check import fault
from benchmarks.mutate import spoilt
from benchmarks.spoilt_pictures import FORMATS, bomb, parts, sealed, seeds
from benchmarks.wire import Answer, Closed, Garbled, Silent, Wire
from service.errors import DamagedPicture, PictureError, PictureTooLarge
from service.reading.decode import decode
from service.settings import Settings
from tests.service.fakes import FakeModel, publish
from tests.service.live import serving

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


# ---- the run ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def says() -> Iterator[Callable[[bytes], int]]:
    """Makes servers that answer the first request of each connection with these bytes, and close; their ports."""
    listening: list[socket.socket] = []

    def make(said: bytes) -> int:
        made = socket.create_server(("127.0.0.1", 0))
        listening.append(made)

        def run() -> None:
            while True:
                try:
                    connection = made.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(said)

        threading.Thread(target=run, daemon=True).start()
        return int(made.getsockname()[1])

    yield make
    for each in listening:
        each.shutdown(socket.SHUT_RDWR)
        each.close()


def said(given: Answer) -> bytes:
    lines = [f"HTTP/1.1 {given.status} Said", *(f"{name}: {value}" for name, value in given.headers.items())]
    return (
        "\r\n".join([*lines, f"Content-Length: {len(given.body)}", "Connection: close", "", ""]).encode() + given.body
    )


def test_what_is_no_answer_is_told_apart(says: Callable[[bytes], int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert Wire(says(b"HTTP/1.1 100 Continue\r\n\r\n" + said(answer()))).ask(b"a").status == 422
    with pytest.raises(Closed):
        Wire(says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")).ask(b"a")
    for garbage in (b"220 smtp\r\n\r\n", said(answer()) + b"more", b"HTTP/1.1 200 OK\r\n\r\n"):
        with pytest.raises(Garbled):
            Wire(says(garbage)).ask(b"a")
    monkeypatch.setattr("benchmarks.wire.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Silent):
        Wire(silent.getsockname()[1]).ask(b"a")


def test_a_server_with_faults_fails_and_its_requests_are_kept(says: Callable[[bytes], int], tmp_path: Path) -> None:
    outcome = fuzz.Run(says(said(answer(500))), tmp_path / "kept").all(1, 20, clients=2)
    assert len(outcome.faults) == outcome.sent == 20
    kept = sorted((tmp_path / "kept").iterdir())
    assert [file.read_bytes() for file in kept] == [case(1, number).request for number in range(20)]
    dropped = fuzz.Run(says(b"")).all(1, 60)
    assert len(dropped.faults) == sum(case(1, number).http for number in range(60)) < 60
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "no connection" in fuzz.Run(port).all(1, 100, clients=1).faults[0]


def test_what_is_busy_is_asked_again(says: Callable[[bytes], int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz.time, "sleep", lambda seconds: None)
    busy = said(replace(answer(503, instance=""), headers={**HEADERS, "retry-after": "1"}))
    run = fuzz.Run(says(busy))
    run.ask(Wire(run._port), ASKED)
    assert run.outcome.answers == {("PNG", 503): fuzz.TRIES}
    assert (run.outcome.sent, run.outcome.faults) == (1, [])


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_the_service_stands_some_hundreds(tmp_path: Path) -> None:
    publish(tmp_path / "digits", 2)
    settings = Settings(artifacts=tmp_path / "digits", port=0, request_seconds=0.3)
    with serving(settings, FakeModel()) as (url, _):
        assert url.port is not None
        wire = Wire(url.port)
        for request in good()[::7]:
            assert wire.ask(request).status == 200
        wire.close()
        outcome = fuzz.Run(url.port).all(5, 400)
    assert outcome.faults == []
    assert outcome.sent == 400
    table = fuzz.table(outcome)
    assert table.head[:3] == ("", "answers", "200")
    assert [row[0] for row in table.rows] == [*KINDS, "all"]
    assert sum(count for (_, status), count in outcome.answers.items() if status == 200) > 40


@pytest.mark.skipif(importlib.util.find_spec("atheris") is not None, reason="atheris is here")
def test_decoding_is_checked_and_without_atheris_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fuzz_decode.corpus(tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 30
    assert fuzz_decode.main([str(file) for file in files]) == 0
    assert fuzz_decode.main([]) == 1
    assert "pip install atheris" in capsys.readouterr().err

    def broken(data: bytes, max_pixels: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(fuzz_decode, "decode", broken)
    with pytest.raises(ZeroDivisionError):
        fuzz_decode.check(b"")
    monkeypatch.undo()
    monkeypatch.setattr(fuzz_decode, "SLOWEST", 0.0)
    with pytest.raises(fuzz_decode.Broken, match="took"):
        fuzz_decode.check(b"no picture")


def test_checksums_are_put_right_as_far_as_there_are_chunks() -> None:
    for file in seeds("PNG"):
        assert fuzz_decode.resealed(file) == file
        assert fuzz_decode.resealed(file[:-6]) == file[:-6]
        spoilt_sums = file[:29] + b"\0\0\0\0" + file[33:]
        assert fuzz_decode.resealed(spoilt_sums) == file
    assert fuzz_decode.resealed(b"GIF89a") == b"GIF89a"
