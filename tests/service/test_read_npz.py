"""`python -m service read … --npz`: the pictures as the model sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.__main__ import main
from service.reading.reader import Reader
from service.reading.types import Signatures, Thresholds
from tests.drawing import encoded
from tests.service.fakes import BLANK, ONE, ZERO, FakeModel

ROOT = Path(__file__).parents[2]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name, data in {"b.png": ONE, "a.png": ZERO, "blank.png": BLANK, "c.PNG": ONE}.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def _no_artifact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIGITS_ARTIFACTS", str(tmp_path / "nothing"))


def labels(folder: Path, *lines: str) -> list[str]:
    (folder.parent / "labels.csv").write_text("\n".join(lines) + "\n")
    return ["--labels", str(folder.parent / "labels.csv")]


def read(*words: str | Path) -> int:
    return main(["read", *map(str, words)])


def test_the_pictures_are_those_that_the_model_is_shown(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = images.parent / "out.npz"
    assert read(images, "--npz", out) == 0
    assert capsys.readouterr().out == f"{out}: 3 pictures (3 without a label); left out: 1 blank\n"
    with np.load(out) as file:
        arrays = dict(file)
    assert {name: (array.dtype.kind, array.shape) for name, array in arrays.items()} == {
        "images": ("u", (3, 28, 28)), "labels": ("i", (3,)), "files": ("U", (3,)),
    }  # fmt: skip
    assert arrays["labels"].tolist() == [-2, -2, -2]
    assert arrays["files"].tolist() == [f"{images}/{name}" for name in ("a.png", "b.png", "c.PNG")]
    reader = Reader(FakeModel().signatures, Thresholds(0.5, 0.5))
    for image, data in zip(arrays["images"], (ZERO, ONE, ONE), strict=True):
        assert (image == reader.prepare(data).normalised).all()
    assert sorted(p.name for p in images.parent.iterdir()) == ["images", "out.npz"]


def test_where_dark_and_light_ink_are_alike_the_model_is_asked_if_there_is_one(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.tile(np.arange(70, 160, dtype=np.uint8), (90, 1))  # uneven light, a dark stroke and a light one
    picture[20:70, 22:28], picture[20:70, 60:66] = 20, 250
    (images / "either.png").write_bytes(encoded(Image.fromarray(picture)))
    candidates: list[NDArray[np.uint8]] = []

    def second(pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        candidates.extend(pictures)
        return np.zeros((len(pictures), 10), np.float32), np.arange(len(pictures), dtype=np.float32)

    out = images.parent / "out.npz"
    assert read(images / "either.png", "--npz", out) == 0
    first = np.load(out)["images"][0]
    monkeypatch.setattr("service.commands.npz.verified", lambda settings: SimpleNamespace(model=Signatures(second)))
    assert read(images / "either.png", "--npz", out) == 0
    assert len(candidates) > 1
    assert (first == candidates[0]).all()
    assert (np.load(out)["images"][0] == candidates[-1]).all()


def test_labels_are_found_by_name_and_strings_of_digits_left_out(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = images.parent / "out.npz"
    given = labels(images, "file,label,source", "a.png,0,x", "b.png,,y", "c.PNG,12,z", "elsewhere.png,3,z")
    assert read(images, "--npz", out, *given) == 0
    assert capsys.readouterr().out == (
        f"{out}: 2 pictures (1 digits, 1 without a digit); left out: 1 blank, 1 of several digits\n"
    )
    with np.load(out) as file:
        assert file["labels"].tolist() == [0, -1]


def test_a_path_below_images_goes_before_a_bare_name(images: Path) -> None:
    (images / "deep").mkdir()
    (images / "deep" / "a.png").write_bytes(ONE)
    out = images.parent / "out.npz"
    given = labels(images, "file,label", "a.png,0", "deep/a.png,1")
    assert read(images / "a.png", images / "deep", "--npz", out, *given) == 0
    with np.load(out) as file:
        assert file["labels"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        (["--groups", "x"], ["a.png"]),
        (["--groups", "x,y"], ["a.png", "b.png"]),
        (["--not-groups", "x"], ["b.png", "c.PNG"]),
        (["--groups", "x,y", "--not-groups", "y"], ["a.png"]),
    ],
)
def test_groups_are_kept_or_left_out(images: Path, flags: list[str], kept: list[str]) -> None:
    out = images.parent / "out.npz"
    given = labels(images, "file,label,group", "a.png,0,x", "b.png,1,y", "c.PNG,1,")
    assert read(images, "--npz", out, *given, *flags) == 0
    with np.load(out) as file:
        assert [Path(name).name for name in file["files"]] == kept


def test_damaged_pictures_are_told_and_the_others_written(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (images / "a.png").write_bytes(ZERO[:50])
    out = images.parent / "out.npz"
    assert read(images, "missing.png", "--npz", out) == 1
    printed = capsys.readouterr()
    assert [line.split(": ")[1] for line in printed.err.splitlines()] == [f"{images}/a.png", "missing.png"]
    assert "2 pictures" in printed.out
    assert "2 unreadable" in printed.out


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,group", "a.png,x"], "needs the columns file and label"),
        ([""], "needs the columns file and label"),
        (["file,label", "a.png,three"], "line 2: 'three' is no digit"),
        (["file,label", "a.png,-1"], "line 2: '-1' is no digit"),
        (["file,label", "a.png,3", "a.png,4"], "line 3: another label for a.png"),
        (["file,label", "x/a.png,3", "y/a.png,4"], "may be x/a.png or y/a.png"),
    ],
)
def test_wrong_labels_are_told_in_one_line(
    images: Path, lines: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = images.parent / "out.npz"
    assert read(images, "--npz", out, *labels(images, *lines)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.splitlines()) == 1
    assert not out.exists()


def test_one_row_does_not_label_two_pictures(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = images.parent / "other"
    other.mkdir()
    (other / "a.png").write_bytes(ONE)
    assert read(images, other, "--npz", images.parent / "out.npz", *labels(images, "file,label", "a.png,0")) == 2
    assert "are both a.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "x.csv"], "--labels: goes with --npz"),
        (["--npz", "{out}", "--groups", "x"], "--groups and --not-groups: go with --labels"),
        (["--npz", "{out}/a/b.npz"], "its folder is not there"),
        (["--npz", "{folder}"], "is a folder"),
        (["--npz", "{out}", "--labels", "{folder}/none.csv"], "none.csv: No such file"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(
    images: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"out": images.parent / "out.npz", "folder": images.parent}
    assert read(images, *(word.format(**places) for word in words)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.splitlines()) == 1


def test_nothing_is_written_where_no_picture_is_left_and_what_was_there_stays(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = images.parent / "out.npz"
    out.write_bytes(b"before")
    assert read(images / "blank.png", "--npz", out) == 2
    assert "no picture is left to write (1 blank)" in capsys.readouterr().err
    assert out.read_bytes() == b"before"


def test_it_needs_neither_a_model_nor_tensorflow(images: Path) -> None:
    code = (
        "import sys; from service.__main__ import main; assert main(sys.argv[1:]) == 0; "
        "assert not {'tensorflow', 'ai_edge_litert'} & set(sys.modules)"
    )
    words = ["read", str(images), "--npz", str(images.parent / "out.npz")]
    subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, check=True, capture_output=True)
