"""The fuzz run against servers with faults, and against the service, which stands some hundreds of requests."""

from __future__ import annotations

import importlib.util
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import fuzz, fuzz_decode
from benchmarks.fuzz_cases import KINDS, case, good
from benchmarks.spoilt_pictures import seeds
from benchmarks.wire import Answer, Closed, Garbled, Silent, Wire
from service.settings import Settings
from tests.service.fakes import FakeModel, publish
from tests.service.live import serving
from tests.test_benchmarks_fuzz import ASKED, HEADERS, answer


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
    monkeypatch.setattr("time.sleep", lambda seconds: None)
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
