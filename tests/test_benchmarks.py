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

from benchmarks import accuracy, asking, harsh
from benchmarks.scores import score
from benchmarks.sets import (
    HARSH,
    PAPER,
    TABLE,
    Sample,
    UnknownGroup,
    chosen,
    encoded,
    folder,
    folders,
    kinds,
    mnist_corrupted,
    mnist_test,
)
from tests import drawing
from tests.drawing import write_idx
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
            (root / name / "images" / f"{number}.png").write_bytes(drawing.encoded(image))
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


def opened(sample: Sample) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(encoded(sample))))


def test_mnist_is_sent_plain_in_other_forms_and_corrupted(tmp_path: Path) -> None:
    write_idx(tmp_path, 1, 20)
    sets = dict(mnist_test(tmp_path))
    plain, large, cut, tiny, levels, paper, photographs, notes = sets.values()
    images = np.stack([opened(sample) for sample in plain])
    assert images.shape == (20, 28, 28)
    assert opened(large[0]).shape == (196, 196)
    for image, sample in zip(images, cut, strict=True):
        box = opened(sample)
        assert all(edge.any() for edge in (box[0], box[-1], box[:, 0], box[:, -1]))
        assert box.sum() == image.sum()
    assert {opened(sample).shape for sample in tiny} == {(16, 16)}
    assert opened(tiny[0]).mean() * 16**2 / 20**2 * 400 / 256 == pytest.approx(images[0].sum() / 400, rel=0.02)
    np.testing.assert_array_equal(opened(levels[3]), 255 * (images[3] >= 128))
    assert list(sets)[-3:] == [PAPER, HARSH, TABLE]
    assert encoded(paper[7]) == encoded(paper[7])
    assert [sample.label for sample in photographs] == [n % 10 for n in range(0, 20, 4)]
    assert [sample.label for sample in notes] == [0]  # of the eleventh picture
    assert min(opened(notes[0]).shape[:2]) > 300
    assert [sample.label for sample in paper] == [n % 10 for n in range(20)]
    spoilt = dict(mnist_corrupted(tmp_path))
    assert tuple(spoilt) == KINDS
    sent = np.stack([opened(sample) for sample in spoilt["zigzag"]])
    np.testing.assert_array_equal(sent, corrupt(images, "zigzag", 0))
    assert [s.label for s in spoilt["fog"]] == [n % 10 for n in range(20)]


def test_harsh_photographs_are_of_all_kinds_and_the_same_again() -> None:
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 12:16] = 255
    taken = [harsh.photograph(digit, np.random.default_rng(seed)) for seed in range(60)]
    assert {kind for _, kind in taken} == {"plain", "ruled", "no margin"}
    sides = [max(picture.shape) for picture, _ in taken]
    assert min(sides) < 40 < 150 < max(sides)
    again, _ = harsh.photograph(digit, np.random.default_rng(59))
    np.testing.assert_array_equal(again, taken[59][0])
    assert all(picture.std() > 1 for picture, _ in taken)


def test_a_sample_of_a_set_and_its_kinds() -> None:
    assert chosen(5, None) == chosen(5, 5) == list(range(5))
    assert chosen(1_000, 10) == chosen(1_000, 10)
    assert len(set(chosen(1_000, 10))) == 10
    one, other = Sample(b"1", 1, "ruled"), Sample(b"2", 2, "plain")
    assert list(kinds("paper", [one, other], "ab")) == [
        ("paper", [one, other], ["a", "b"]),
        ("paper: plain", [other], ["b"]),
        ("paper: ruled", [one], ["a"]),
    ]
    assert [name for name, _, _ in kinds("paper", [one], "a")] == ["paper"]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """`httpx.Client` meets the stand-in."""

    def respond(request: httpx.Request) -> httpx.Response:
        results = []
        for part in request.read().split(b"\r\n\r\n")[1:]:
            first = np.asarray(Image.open(io.BytesIO(part)).convert("L")).ravel()
            sure, probability = int(first[1]) / 255, int(first[2]) / 255
            if probability < 0.5:
                results.append(answer("not_a_digit", None, 0.0, probability))
            else:
                results.append(answer("ok" if sure > 0.9 else "uncertain", int(first[0]) % 10, sure, probability))
        return httpx.Response(200, text=json.dumps({"results": results}))

    real: Callable[..., httpx.Client] = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **given: real(transport=httpx.MockTransport(respond), **given))


@pytest.mark.usefixtures("served")
def test_the_table(dev: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx(dev.parent / "mnist", 1, 20)
    written = dev.parent / "served.json"
    words = ["--data", str(dev.parent), "--corruptions", "--leave-out", "doodles:cats", "--json", str(written)]
    assert accuracy.main([*words, "--no-numbers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "doodles: without cats"
    rows = {line[:42].strip(): line[42:].split() for line in lines[2:] if line}
    assert [name for name in rows if ": " not in name] == [
        "MNIST test",
        "MNIST test, ×7, dark on light",
        "MNIST test, cut to the ink",
        "MNIST test, 16 pixels",
        "MNIST test, two grey levels",
        "MNIST test on synthetic paper",
        "MNIST test, harsh photographs",
        "MNIST test, notes on a table",
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
    assert [row.name for row in found.sets] == list(rows)[: list(rows).index("set")]
    assert found.numbers == ()
    assert [100 * row.error for row in found.corruptions] == pytest.approx(errors, abs=0.01)


@pytest.mark.usefixtures("served")
def test_what_cannot_be_measured(dev: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(["--data", str(tmp_path / "nowhere")]) == 2
    assert accuracy.main(["--data", str(dev.parent), "--leave-out", "doodles:dogs"]) == 2
    assert "no group called dogs" in capsys.readouterr().err
    assert accuracy.main(["--data", str(dev.parent), "--only", "nothing"]) == 1
    with pytest.raises(SystemExit):
        accuracy.main(["--data", str(dev.parent), "--limit", "0"])
    for wrong in ("doodles", "doodles:", ":cats", "doodles:cats,"):
        with pytest.raises(SystemExit):
            accuracy.main(["--data", str(dev.parent), "--leave-out", wrong])


def test_large_pictures_are_sent_in_as_many_requests_as_they_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "_PICTURE_BYTES", 250)
    sent: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request.read().count(b'filename="picture"'))
        return httpx.Response(200, json={"results": [{"digit": None}] * sent[-1]})

    samples = [Sample(bytes(size), None) for size in (100, 100, 100, 300, 50, 200)]
    with httpx.Client(base_url="http://service", transport=httpx.MockTransport(respond)) as client:
        assert len(asking.digits(client, samples)) == 6
    assert sent == [2, 1, 1, 2]
