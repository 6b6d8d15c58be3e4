"""The serving benchmark: its questions, its grid, and the whole command on the released model for some seconds."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import lifetime, overload, plots, questions, serving
from benchmarks.processes import NotReady
from benchmarks.servers import PEERS, artifact, missing
from benchmarks.throughput import Cell, Row, grid, tables
from service.model.artifact import open_artifact
from service.model.folder import scan
from service.settings import Settings

RELEASED = bool(scan(Settings.read().artifacts))
LITERT = importlib.util.find_spec("ai_edge_litert") is not None
ROW = Row("service", "28x28", "raw", 8, 1500.0, 0.004, 0.009, 0.8, 0.0005, 150.0, 0, 0.4, 0.5)


def test_every_picture_has_its_digit_at_a_place_of_its_own() -> None:
    small, large = questions.pictures("28x28"), questions.pictures("1MP")
    assert [picture.digit for picture in small] == [*range(10), *range(10)]
    assert len({picture.file for picture in small}) == len(small)
    places = {tuple(np.argwhere(picture.grey > 128).min(0)) for picture in small}
    assert len(places) > 3
    assert {picture.grey.shape for picture in large} == {(1000, 1000)}
    assert large[0].file[:2] == b"\xff\xd8"
    assert np.median(large[0].grey) > 200


def test_requests_are_whole() -> None:
    for encoding in questions.ENCODINGS:
        for request in questions.requests("28x28", encoding, "/path"):
            head, _, body = request.partition(b"\r\n\r\n")
            assert head.startswith(b"POST /path HTTP/1.1\r\n")
            assert f"Content-Length: {len(body)}".encode() in head
    sent = json.loads(body)
    assert np.array_equal(sent["images"][0]["pixels"], questions.pictures("28x28")[-1].grey)


def test_a_server_that_reads_something_else_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "ask", lambda port, request: (200, b'{"digit": 0}'))
    with pytest.raises(questions.Unfit, match="a 1 of 28x28 was answered 200"):
        questions.primed(1, "28x28", questions.requests("28x28", "raw", "/"))


def test_what_is_compared_is_the_digit_and_its_box(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = iter([*range(10), *range(10)])
    body = '{"digit":%d,"box":{"x":1,"y":2},"digit_probability":0.9}'
    monkeypatch.setattr(questions, "ask", lambda port, request: (200, (body % next(digits)).encode()))
    asked = questions.primed(1, "28x28", questions.requests("28x28", "raw", "/"))
    assert asked[3].expected == (b'"digit":3', b'"box":{"x":1,"y":2}')


def test_the_grid_leaves_out_what_the_interface_does_not_take() -> None:
    cells = grid(["28x28", "12MP"], questions.ENCODINGS, [1, 32], [8])
    assert Cell("12MP", "raw", 8) in cells
    assert not any(cell.encoding == "json" for cell in cells if cell.size == "12MP")
    assert len(cells) == 3 * 2 + 2


def test_tables_and_a_plot(tmp_path: Path) -> None:
    [table] = tables([ROW], 2)
    assert table.title == "28x28, raw, 2 workers"
    assert table.rows == [("8", "service", "1,500", "0.50", "4.00", "9.00", "0.80", "0.50", "150", "0")]
    plots.write([vars(ROW)], tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text()


def test_the_table_of_the_overload() -> None:
    outcome = overload.Outcome(
        "1MP", 10, 100, 1000, 95, 0.95, 0.2, 9000, 0.01, 0, 0, 0, 0, 0, 5, 0, 100, 200, 110, 0.5
    )  # fmt: skip
    rows = {row[0]: row[1] for row in overload.table([outcome], 60).rows}
    assert rows["share of the peak"] == "95.0 %"
    assert rows["median time of the 503s, ms"] == "10.0"


@pytest.mark.skipif(not RELEASED, reason="needs a released version in artifacts/digits")
def test_a_version_under_another_number_is_good(tmp_path: Path) -> None:
    folder = lifetime.republished(artifact(), tmp_path, 2, hidden=True)
    assert folder.name == ".staging-2"
    assert open_artifact(folder.rename(tmp_path / "2")).manifest.version == 2


def test_peers_are_named_and_looked_for() -> None:
    assert missing(PEERS["naive"], sys.executable) is None
    assert "litserve" in (missing(PEERS["litserve"], sys.executable) or "")
    assert missing(PEERS["bentoml"], "/no/such/python") is not None
    for words in (
        ["--peers", "OTHER_PYTHON=x"],
        ["--peers", "LITSERVE_PYTHON="],
        ["--sizes", "2MP"],
        ["--clients", "0"],
    ):
        with pytest.raises(SystemExit):
            serving.main(words)


def test_a_service_that_does_not_start_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fails(workers: int) -> None:
        raise NotReady("service ended with status 2 at its start")

    monkeypatch.setattr(lifetime, "start", fails)
    assert serving.main(["--start", "--json", str(tmp_path / "figures.json")]) == 1
    assert "problem: start: service ended with status 2" in capsys.readouterr().err
    assert json.loads((tmp_path / "figures.json").read_text())["machine"]["cores"] > 0


@pytest.mark.skipif(not (RELEASED and LITERT), reason="needs a released version in artifacts/digits, and LiteRT")
@pytest.mark.timeout(300)
def test_the_whole_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DIGITS_RUNTIME", "litert")
    monkeypatch.setattr(overload, "PEAK_SECONDS", 0.3)
    figures, plot = tmp_path / "figures.json", tmp_path / "plot.svg"
    words = ["--full", "--overload", "--sizes", "28x28", "--clients", "2", "--seconds", "1", "--markdown"]
    assert serving.main([*words, "--json", str(figures), "--plot", str(plot)]) == 0, capsys.readouterr().err
    written = json.loads(figures.read_text())
    assert [row["server"] for row in written["throughput"]] == ["service", "empty endpoint"] * 3
    assert all(row["rate"] > 0 and row["failed"] == 0 and row["resident_mb"] > 20 for row in written["throughput"])
    assert written["overload"][0]["wrong"] == written["overload"][0]["faults"] == 0
    assert "| clients | server |" in capsys.readouterr().out
    assert plot.exists()
