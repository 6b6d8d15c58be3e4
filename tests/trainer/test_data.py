"""MNIST from files: good ones, and every way in which they can be bad."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.drawing import write_idx
from trainer.data import KNOWN, load_mnist, parse_idx, split, to_idx
from trainer.errors import DataError

IMAGES = KNOWN["train_images"][0]
LABELS = KNOWN["train_labels"][0]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_idx(tmp_path_factory.mktemp("idx"), 40, 20)


@pytest.fixture
def data(drawn: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drawn, tmp_path / "data"))


def test_idx_files_are_read_gzipped_or_not(data: Path) -> None:
    plain = load_mnist(data, check=False)
    (data / f"{IMAGES}.gz").write_bytes(gzip.compress((data / IMAGES).read_bytes()))
    (data / IMAGES).unlink()
    zipped = load_mnist(data, check=False)
    assert (plain.train_images == zipped.train_images).all()
    assert plain.train_images.shape == (40, 28, 28)
    assert plain.test_labels.tolist() == [n % 10 for n in range(20)]
    assert plain.sha256 == zipped.sha256


def test_other_data_than_mnist_is_refused_by_its_checksum(data: Path) -> None:
    with pytest.raises(DataError, match=f"{IMAGES} is not MNIST's: sha256 .* expected {KNOWN['train_images'][1]}"):
        load_mnist(data)


def test_a_missing_folder_and_a_missing_file_are_named(data: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        load_mnist(data / "nowhere")
    (data / LABELS).unlink()
    with pytest.raises(DataError, match=f"neither {LABELS} nor {LABELS}.gz is there"):
        load_mnist(data)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda b: b[:-1], r"has 31375 bytes, its header \(40, 28, 28\) promises 31376"),
        (lambda b: b + b"!", "has 31377 bytes"),
        (lambda b: b[:6], "its header is cut off"),
        (lambda b: b"", "not an IDX file"),
        (lambda b: b"PK\x03\x04" + b[4:], "not an IDX file"),
        (lambda b: b[:2] + b"\x0d" + b[3:], "holds type 0x0d"),
        (lambda b: b"\x1f\x8b" + b[2:], "damaged gzip file"),
    ],
)
def test_bad_files_are_named_with_what_is_wrong(data: Path, spoil: object, message: str) -> None:
    path = data / IMAGES
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DataError, match=message) as caught:
        load_mnist(data, check=False)
    assert IMAGES in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pictures_and_labels_must_belong_together(data: Path) -> None:
    (data / LABELS).write_bytes(to_idx(np.zeros(39, np.uint8)))
    with pytest.raises(DataError, match="do not belong together"):
        load_mnist(data, check=False)


def test_idx_goes_there_and_back() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert (parse_idx(to_idx(array), "here") == array).all()


def test_the_split_is_whole_disjoint_and_depends_on_the_seed_alone() -> None:
    labels = np.zeros(1000, np.int64)
    chosen, held_out = split(labels, 1, 100)
    assert len(held_out) == 100
    assert sorted([*chosen, *held_out]) == list(range(1000))
    assert (split(labels, 1, 100)[1] == held_out).all()
    assert (split(labels, 2, 100)[1] != held_out).any()


def test_mnist_itself_has_the_known_checksums() -> None:
    folder = os.environ.get("DIGITS_DATA")
    if not folder or not (Path(folder) / "mnist").is_dir():
        pytest.skip("needs MNIST: set DIGITS_DATA to the folder that holds mnist/")
    mnist = load_mnist(Path(folder) / "mnist")
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert np.bincount(mnist.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
