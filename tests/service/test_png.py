"""Small grey PNG files: the same pixels as Pillow's, and no opinion of anything that is not quite right."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.reading.png import MOST_PIXELS, plain, plain_many

Rows = NDArray[np.uint8]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows: bytes, width: int, height: int, *, form: bytes = b"\x08\0\0\0\0", between: bytes = b"") -> bytes:
    """A file with these filtered rows."""
    head = chunk(b"IHDR", struct.pack(">II", width, height) + form)
    return b"\x89PNG\r\n\x1a\n" + head + between + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def noise(height: int, width: int, seed: int = 0) -> Rows:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def by_pillow(file: bytes) -> Rows:
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize("size", [(28, 28), (1, 1), (1, 128), (128, 1), (17, 33), (128, 128)])
def test_whatever_is_written_by_a_library_is_read_as_it_was(size: tuple[int, int]) -> None:
    values = noise(*size)
    saved = io.BytesIO()
    Image.fromarray(values).save(saved, "png")
    for file in (saved.getvalue(), bytes(cv2.imencode(".png", values)[1])):
        found = plain(file)
        assert found is not None
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("seed", range(20))
def test_every_filter_is_undone_as_pillow_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(1, 40, 2))
    rows = np.concatenate([random.integers(0, 5, (height, 1)), noise(height, width, seed)], axis=1).astype(np.uint8)
    file = png(rows.tobytes(), width, height)
    found = plain(file)
    assert found is not None
    np.testing.assert_array_equal(found, by_pillow(file))


def test_several_files_are_read_as_each_alone() -> None:
    random = np.random.default_rng(7)
    files = []
    for number in range(40):
        height, width = (int(side) for side in random.choice([1, 5, 28, 40], 2))
        rows = np.concatenate(
            [random.integers(0, 6 if number % 9 == 0 else 5, (height, 1)), noise(height, width)], axis=1
        )
        files.append(png(rows.astype(np.uint8).tobytes(), width, height))
    files[3:3] = [b"", files[0][:-1], files[1] + b"\0", bytes(cv2.imencode(".png", noise(28, 28))[1])]
    taken = 0
    for file, found in zip(files, plain_many(files, 28), strict=True):
        alone = plain(file)
        if alone is None or max(alone.shape) > 28:
            assert found is None
        else:
            np.testing.assert_array_equal(found, alone)
            taken += 1
    assert 15 < taken < 40
    assert plain_many([], 28) == []


def test_several_parts_of_data_are_one() -> None:
    data = zlib.compress(bytes(6))
    start = png(b"", 2, 2)[:33]
    file = start + chunk(b"IDAT", data[:3]) + chunk(b"IDAT", data[3:]) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(plain(file), np.zeros((2, 2), np.uint8))


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(png(bytes(6), 2, 2)[:-1], id="cut off"),
        pytest.param(png(bytes(6), 2, 2) + b"\0", id="something after it"),
        pytest.param(png(bytes(5), 2, 2), id="too few pixels"),
        pytest.param(png(bytes(7), 2, 2), id="too many pixels"),
        pytest.param(png(b"\5" + bytes(5), 2, 2), id="an unknown filter"),
        pytest.param(png(bytes(6), 2, 2, form=b"\x08\x02\0\0\0"), id="colour"),
        pytest.param(png(bytes(6), 2, 2, form=b"\x10\0\0\0\0"), id="16 bits"),
        pytest.param(png(bytes(6), 2, 2, form=b"\x08\0\0\0\1"), id="interlaced"),
        pytest.param(png(bytes(6), 2, 2, between=chunk(b"tRNS", b"\0\1")), id="transparent"),
        pytest.param(png(bytes(6), 2, 2, between=chunk(b"eXIf", b"MM\0*")), id="EXIF"),
        pytest.param(png(bytes(6), 2, 2, between=chunk(b"IHDR", bytes(13))), id="two headers"),
        pytest.param(png(b"", 0, 2), id="no width"),
        pytest.param(png(bytes(129 * 130), 129, 129), id="large"),
    ],
)
def test_the_rest_is_left_to_pillow(file: bytes) -> None:
    assert plain(file) is None


def test_nothing_spoilt_is_read() -> None:
    file = png(noise(5, 5).tobytes()[:5].join([b"\0"] * 6)[:30], 5, 5)
    assert plain(file) is not None
    for at in range(len(file)):
        assert plain(file[:at] + bytes([file[at] ^ 0x10]) + file[at + 1 :]) is None, at


def test_a_bomb_is_not_inflated() -> None:
    file = png(bytes(100_000_000), 128, 128)
    assert len(file) > 2 * MOST_PIXELS
    assert plain(png(bytes(10_000_000), 128, 128)) is None
