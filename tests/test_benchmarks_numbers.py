"""The benchmarks of whole numbers, and of pictures without any, against stand-ins for the service."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks import accuracy, asking, garbage
from benchmarks.numbers import NumberSample, edit_distance, number_folders, score, synthetic
from benchmarks.sets import encoded
from tests.drawing import write_idx
from trainer import metrics
from trainer.served import NumberRow, load_served

Respond = Callable[[httpx.Request], httpx.Response]


def reading(text: str, status: str = "ok", confidence: float = 0.9) -> dict[str, Any]:
    return {"status": status, "text": text, "confidence": confidence if text else 0.0}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Respond], None]:
    """Lets `httpx.Client` meet a stand-in."""
    real: Callable[..., httpx.Client] = httpx.Client

    def with_stand_in(respond: Respond) -> None:
        monkeypatch.setattr(httpx, "Client", lambda **given: real(transport=httpx.MockTransport(respond), **given))

    return with_stand_in


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two cheques whose pictures say what is on them, a set of single digits, and drawn digits as MNIST's files."""
    for name, labels in (("cheques", ("120", "35")), ("digits", ("1", "2", ""))):
        (tmp_path / "dev" / name / "images").mkdir(parents=True)
        rows = [f"{place},{label},," for place, label in enumerate(labels)]
        (tmp_path / "dev" / name / "labels.csv").write_text("\n".join(["file,label,group,source", *rows]))
        for place, label in enumerate(labels):
            (tmp_path / "dev" / name / "images" / str(place)).write_bytes(label.encode())
    write_idx(tmp_path / "mnist", 1, 20)
    return tmp_path


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("", "", 0),
        ("", "12", 2),
        ("12", "12", 0),
        ("123", "13", 1),
        ("123", "153", 1),
        ("12\n34", "1234", 1),
        ("12", "21", 2),
    ],
)
def test_edit_distance(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == distance


def test_a_score_by_hand() -> None:
    samples = [NumberSample(b"", text) for text in ("12", "345", "67\n8", "90", "11")]
    answers = [
        reading("12", confidence=0.8),
        reading("35", confidence=0.95),
        reading("67\n8", "uncertain", 0.6),
        reading("", "not_a_digit"),
        None,
    ]
    s = score(samples, answers)
    assert (s.pictures, s.right, s.ok, s.right_of_ok, s.refused, s.errors) == (5, 2, 2, 1, 1, 1)
    assert s.distance == pytest.approx((0 + 1 / 3 + 0 + 1 + 1) / 5)
    assert s.ece is not None
    assert s.ece[0] == pytest.approx((0.2 + 0.95 + 0.4) / 3)  # of the readings that have a text
    assert s.ece[1:] == metrics.ece_interval([0.8, 0.95, 0.6], [True, False, True])
    row = NumberRow.model_validate(s.record("strings"))
    assert (row.error, row.ok, row.right_of_ok, row.refused) == (0.6, 0.4, 0.5, 0.2)
    assert s.line("strings").split()[:5] == ["strings", "5", "40.00%", "40.00%", "50.00%"]
    nothing = score(samples[:1], [reading("", "blank")])
    assert nothing.ece is None
    assert nothing.record("strings")["right_of_ok"] is None


def test_sets_of_numbers_are_those_with_labels_of_several_digits(data: Path) -> None:
    assert dict(number_folders(data / "dev", None, None)) == {
        "cheques": [NumberSample(b"120", "120"), NumberSample(b"35", "35")]
    }
    assert [len(samples) for _, samples in number_folders(data / "dev", 1, "cheq")] == [1]
    assert not list(number_folders(data / "dev", None, "strings"))
    sets = dict(synthetic(data / "mnist", 4, None))
    assert [len(samples) for samples in sets.values()] == [4, 4, 4, 4, 4, 4]
    again = dict(synthetic(data / "mnist", 4, None))
    for name, samples in sets.items():
        assert [(encoded(one), one.text) for one in samples] == [(encoded(one), one.text) for one in again[name]]
    assert not list(synthetic(data / "mnist", 4, "cheques"))


def test_a_busy_service_is_asked_again(serve: Callable[[Respond], None]) -> None:
    asked: list[bytes] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.read())
        if asked.count(asked[-1]) == 1:
            return httpx.Response(503, headers={"Retry-After": "0"})
        return httpx.Response(422) if asked[-1] == b"damaged" else httpx.Response(200, json=reading(asked[-1].decode()))

    serve(respond)
    samples = [NumberSample(b"12", "12"), NumberSample(b"damaged", "1"), NumberSample(lambda: b"34", "34")]
    with httpx.Client(base_url="http://service") as client:
        assert asking.numbers(client, samples) == [reading("12"), None, reading("34")]
    assert len(asked) == 6


def test_the_table(data: Path, serve: Callable[[Respond], None], capsys: pytest.CaptureFixture[str]) -> None:
    """The stand-in reads what is written in a picture, and nothing in a real one."""

    def respond(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/number"
        words = request.read()
        return httpx.Response(200, json=reading(words.decode()) if words.isdigit() else reading("", "blank"))

    serve(respond)
    written = data / "served.json"
    words = ["--data", str(data), "--no-digits", "--limit", "3", "--json", str(written)]
    assert accuracy.main(words) == 0
    rows = {line[:42].strip(): line[42:].split() for line in capsys.readouterr().out.splitlines()[2:]}
    assert [name for name in rows if ": " not in name] == [
        "cheques",
        "MNIST strings",
        "MNIST lines on synthetic paper",
        "MNIST lines, notes on a table",
        "MNIST lines, notes seen askew",
        "MNIST digits, fields of forms",
        "MNIST lines, on their side",
    ]
    assert rows["cheques"][:4] == ["2", "100.00%", "100.00%", "100.00%"]
    assert rows["MNIST strings"][1] == "0.00%"
    found = load_served(written)
    assert [row.name for row in found.numbers] == list(rows)
    assert (found.numbers[0].error, found.numbers[0].distance) == (0, 0)
    assert found.sets == found.corruptions == ()


def test_a_service_that_reads_no_numbers(
    data: Path, serve: Callable[[Respond], None], capsys: pytest.CaptureFixture[str]
) -> None:
    serve(lambda request: httpx.Response(404))
    assert accuracy.main(["--data", str(data), "--no-digits", "--limit", "1"]) == 1
    assert "/v1/number" in capsys.readouterr().err


def test_garbage(serve: Callable[[Respond], None], capsys: pytest.CaptureFixture[str]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/number":
            return httpx.Response(200, json=reading("12\n3"))
        return httpx.Response(500 if len(request.read()) > 80 else 415)

    serve(respond)
    assert garbage.main(["--only", "nothing", "--pid", str(os.getpid())]) == 0
    rows = [line[28:].split() for line in capsys.readouterr().out.splitlines()[1:3]]
    assert [row[1:3] for row in rows] == [["/v1/digit", "415"], ["/v1/number", "200"]]
    assert rows[1][3:5] == ["ok", "3"]
    assert garbage.main(["--only", "text"]) == 1
    assert "1 of 2 answers" in capsys.readouterr().out
    assert garbage.main(["--only", "no such picture"]) == 1


def test_an_answer_that_is_late_or_does_not_come(
    serve: Callable[[Respond], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(lambda request: httpx.Response(415))
    monkeypatch.setattr(garbage, "SLOWEST", 0.0)
    assert garbage.main(["--only", "nothing"]) == 1
    assert capsys.readouterr().out.count("too slow") == 2

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    serve(refuse)
    assert garbage.main(["--only", "nothing"]) == 1
