"""Pictures that were normalised elsewhere: what is right is loaded, and what is wrong is named in one line."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.errors import DataError
from trainer.npz import load_pictures
from trainer.pens import draw_digits

IMAGES = draw_digits(np.arange(4), [1])
RIGHT: dict[str, Any] = {
    "images": IMAGES,
    "labels": np.array([0, 9, -1, -2]),
    "files": np.array(["a.png", "b.png", "c.png", "d.png"]),
}


def written(path: Path, **changed: Any) -> Path:
    np.savez(path, **{name: array for name, array in {**RIGHT, **changed}.items() if array is not None})
    return path


def test_what_was_written_is_loaded(tmp_path: Path) -> None:
    pictures = load_pictures(written(tmp_path / "mine.npz", labels=np.array([0, 9, -1, -2], np.int8)))
    assert pictures.name == "mine"
    assert (pictures.images == IMAGES).all()
    assert pictures.labels.dtype == np.int64
    assert pictures.labels.tolist() == [0, 9, -1, -2]
    assert pictures.files.tolist() == ["a.png", "b.png", "c.png", "d.png"]
    assert pictures.sha256 == hashlib.sha256(IMAGES.tobytes()).hexdigest()
    assert pictures.digits.tolist() == [True, True, False, False]
    assert pictures.outliers.tolist() == [False, False, True, False]


def test_a_picture_without_a_label_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mine\.npz: 1 of 4 pictures have no label, the first of them d\.png"):
        load_pictures(written(tmp_path / "mine.npz")).need_labels()
    load_pictures(written(tmp_path / "mine.npz", labels=np.array([0, 9, -1, -1]))).need_labels()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": None, "files": None}, "holds no array labels and no array files"),
        ({"images": IMAGES.astype(np.float32)}, r"images are float32 \(4, 28, 28\); expected uint8"),
        ({"images": IMAGES[:, :20]}, r"images are uint8 \(4, 20, 28\)"),
        ({"images": IMAGES[0]}, r"images are uint8 \(28, 28\)"),
        ({name: array[:0] for name, array in RIGHT.items()}, "holds no picture"),
        ({"labels": np.arange(3)}, r"labels are int64 \(3,\); expected whole numbers for 4 images"),
        ({"labels": np.zeros(4)}, r"labels are float64 \(4,\)"),
        ({"files": np.arange(4)}, r"files are int64 \(4,\); expected text"),
        ({"labels": np.array([0, 10, 0, 0])}, "label 10 of picture 1 is none of -2 to 9"),
        ({"labels": np.array([0, 1, 0, -3])}, "label -3 of picture 3"),
        ({"files": np.array(["a", None, "c", "d"], dtype=object)}, "allow_pickle=False"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = written(tmp_path / "mine.npz", **changed)
    with pytest.raises(DataError, match=message) as caught:
        load_pictures(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_no_such_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.npz: No such file"):
        load_pictures(tmp_path / "nowhere.npz")
    with pytest.raises(DataError, match="Is a directory"):
        load_pictures(tmp_path)
    whole = written(tmp_path / "mine.npz").read_bytes()
    damaged = bytearray(whole)
    damaged[200] ^= 1  # within the pictures: the archive's own checksum tells
    for content in (b"", b"text", whole[: len(whole) // 2], bytes(damaged)):
        (tmp_path / "mine.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"mine\.npz: (is damaged|cannot be read)"):
            load_pictures(tmp_path / "mine.npz")
