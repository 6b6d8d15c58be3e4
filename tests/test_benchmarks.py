"""The benchmarks against a stand-in for the service that reads its answer off the picture's first pixels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks import accuracy
from benchmarks.scores import score
from benchmarks.sets import Sample, UnknownGroup, folder, folders, mnist_corrupted, mnist_test
from tests.drawing import encoded, write_idx
from trainer import metrics
from trainer.corruptions import KINDS, corrupt
from trainer.served import load_served


def answer(
    status: str, digit: int | None, confidence: float = 0.0, digit_probability: float | None = None
) -> dict[str, Any]:
    fields = {"status": status, "digit": digit, "confidence": confidence, "digit_probability": digit_probability}
    return {"reading": fields, "problem": None}


def picture(digit: int, sure: int, probability: int) -> NDArray[np.uint8]:
    """Read as `digit` with `sure` / 255, a digit with `probability` / 255."""
    image = np.zeros((28, 28), np.uint8)
    image[0, :3] = digit, sure, probability
    return image


def a_set(root: Path, name: str, rows: list[tuple[str, str, NDArray[np.uint8]]]) -> None:
    (root / name / "images").mkdir(parents=True)
    with (root / name / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "group", "source"])
        for number, (label, group, image) in enumerate(rows):
            (root / name / "images" / f"{number}.png").write_bytes(encoded(image))
            writer.writerow([f"{number}.png", label, group, "drawn"])


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    a_set(tmp_path / "dev", "scans", [("3", "a", picture(3, 255, 255)), ("12", "a", picture(1, 255, 255))])
    a_set(tmp_path / "dev", "doodles", [("", "cats", picture(1, 255, 255)), ("", "trains", picture(1, 255, 10))])
    return tmp_path / "dev"


def test_groups_that_were_trained_on_are_left_out(dev: Path) -> None:
    assert [(name, len(samples)) for name, samples in folders(dev)] == [("doodles", 2), ("scans", 1)]
    left = dict(folders(dev, {"doodles": {"cats"}}))
    assert left["doodles"] == [Sample((dev / "doodles" / "images" / "1.png").read_bytes(), None)]
    assert "scans" not in dict(folders(dev, {"scans": {"a"}}))


def test_a_misspelt_group_or_set_is_an_error(dev: Path) -> None:
    with pytest.raises(UnknownGroup, match="doodles has no group called Cats"):
        folder(dev / "doodles", {"Cats"})
    with pytest.raises(UnknownGroup, match="no set called doodle"):
        list(folders(dev, {"doodle": {"cats"}}))


def test_a_score_by_hand() -> None:
    digits = [Sample(b"", 3), Sample(b"", 4), Sample(b"", 5), Sample(b"", 6), Sample(b"", 7)]
    answers = [
        answer("ok", 3, 0.95, 0.9),
        answer("uncertain", 9, 0.55, 0.8),
        answer("not_a_digit", None, 0.0, 0.1),
        answer("blank", None),
        {"reading": None, "problem": {}},
    ]
    s = score(digits, answers)
    assert (s.pictures, s.right, s.ok, s.right_of_ok, s.refused, s.errors) == (5, 1, 1, 1, 2, 1)
    assert s.digit_probability == [0.9, 0.8, 0.1, 0.0]
    assert s.ece is not None
    assert s.ece[0] == pytest.approx((0.05 + 0.55) / 2)  # of the two readings that name a digit
    assert s.ece[1:] == metrics.ece_interval([0.95, 0.55], [True, False])
    assert s.auroc is None
    empty = score([Sample(b"", None)] * 4, answers[:4], [0.85, 0.95])
    assert (empty.right, empty.refused) == (2, 2)
    assert empty.ece is None
    assert empty.auroc == pytest.approx((3 + 4) / 8)
    assert "0.8750" in empty.line("doodles")
    assert score([Sample(b"", None)] * 4, answers[:4]).auroc is None


def test_mnist_is_sent_plain_enlarged_and_corrupted(tmp_path: Path) -> None:
    write_idx(tmp_path, 1, 20)
    (_, plain), (_, large) = mnist_test(tmp_path)
    images = np.stack([np.asarray(Image.open(io.BytesIO(s.picture))) for s in plain])
    assert images.shape == (20, 28, 28)
    assert Image.open(io.BytesIO(large[0].picture)).size == (196, 196)
    spoilt = dict(mnist_corrupted(tmp_path))
    assert tuple(spoilt) == KINDS
    sent = np.stack([np.asarray(Image.open(io.BytesIO(s.picture))) for s in spoilt["zigzag"]])
    np.testing.assert_array_equal(sent, corrupt(images, "zigzag", 0))
    assert [s.label for s in spoilt["fog"]] == [n % 10 for n in range(20)]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """`httpx.Client` meets the stand-in."""

    def respond(request: httpx.Request) -> httpx.Response:
        results = []
        for part in request.read().split(b"\r\n\r\n")[1:]:
            image = np.asarray(Image.open(io.BytesIO(part)))
            sure, probability = int(image[0, 1]) / 255, int(image[0, 2]) / 255
            if probability < 0.5:
                results.append(answer("not_a_digit", None, 0.0, probability))
            else:
                results.append(answer("ok" if sure > 0.9 else "uncertain", int(image[0, 0]) % 10, sure, probability))
        return httpx.Response(200, text=json.dumps({"results": results}))

    real: Callable[..., httpx.Client] = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **given: real(transport=httpx.MockTransport(respond), **given))


@pytest.mark.usefixtures("served")
def test_the_table(dev: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx(dev.parent / "mnist", 1, 20)
    written = dev.parent / "served.json"
    words = ["--data", str(dev.parent), "--corruptions", "--leave-out", "doodles:cats", "--json", str(written)]
    assert accuracy.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "doodles: without cats"
    rows = {line[:32].strip(): line[32:].split() for line in lines[2:] if line}
    assert list(rows) == [
        "MNIST test",
        "MNIST test, ×7, dark on light",
        "doodles",
        "scans",
        "set",
        *KINDS,
        "mean error",
    ]
    assert rows["doodles"][:2] == ["1", "100.00%"]
    assert rows["scans"][:5] == ["1", "100.00%", "0.00%", "100.00%", "100.00%"]
    errors = [float(rows[kind][2].rstrip("%")) for kind in KINDS]
    assert float(rows["mean error"][0].rstrip("%")) == pytest.approx(sum(errors) / 15, abs=0.02)
    found = load_served(written)
    assert [row.name for row in found.sets] == list(rows)[:4]
    assert [100 * row.error for row in found.corruptions] == pytest.approx(errors, abs=0.01)


@pytest.mark.usefixtures("served")
def test_what_cannot_be_measured(dev: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(["--data", str(tmp_path / "nowhere")]) == 2
    assert accuracy.main(["--data", str(dev.parent), "--leave-out", "doodles:dogs"]) == 2
    assert "no group called dogs" in capsys.readouterr().err
    assert accuracy.main(["--data", str(dev.parent), "--only", "nothing"]) == 1
    for wrong in ("doodles", "doodles:", ":cats", "doodles:cats,"):
        with pytest.raises(SystemExit):
            accuracy.main(["--data", str(dev.parent), "--leave-out", wrong])
