"""Large WebP pictures: the same as Pillow makes of them, with their orientation, and refused when they are damaged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from service.errors import DamagedPicture, PictureError, PictureTooLarge
from service.reading import decode as module
from service.reading.decode import decode
from service.reading.webp import still_size
from tests.drawing import encoded

LIMIT = 50_000_000
COLOURS = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 18, 3)).astype(np.uint8)).resize((180, 120))
CLEAR = COLOURS.copy()
CLEAR.putalpha(COLOURS.getchannel("G"))


def exif(orientation: int) -> bytes:
    about = Image.Exif()
    about[0x0112] = orientation
    return about.tobytes()


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALL_WEBP", 0)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("picture", [COLOURS, CLEAR], ids=["opaque", "transparent"])
@pytest.mark.parametrize(
    "about", [{}, {"exif": exif(6)}, {"exif": b"Exif\0\0garbage"}], ids=["plain", "turned", "garbage"]
)
def test_they_are_what_pillow_makes_of_them(
    lossless: bool, picture: Image.Image, about: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = encoded(picture, "WEBP", lossless=lossless, **about)
    assert still_size(file) == (180, 120)
    own = decode(file, LIMIT)
    monkeypatch.setattr(module, "_SMALL_WEBP", LIMIT)
    others = decode(file, LIMIT)
    np.testing.assert_array_equal(own.grey, others.grey)
    assert (own.width, own.height) == (others.width, others.height)
    assert own.grey.shape == ((180, 120) if about.get("exif") == exif(6) else (120, 180))


def test_of_an_animation_the_first_frame_is_read() -> None:
    file = encoded(COLOURS, "WEBP", save_all=True, append_images=[COLOURS.rotate(180)], lossless=True)
    assert still_size(file) is None
    np.testing.assert_array_equal(decode(file, LIMIT).grey, np.asarray(COLOURS.convert("L")))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_damaged(share: float, capfd: pytest.CaptureFixture[str]) -> None:
    file = encoded(COLOURS, "WEBP")
    with pytest.raises(DamagedPicture):
        decode(file[: round(len(file) * share)], LIMIT)
    assert capfd.readouterr().err == ""


def test_the_limit_is_judged_by_the_header_and_a_false_header_is_found_out() -> None:
    with pytest.raises(PictureTooLarge):
        decode(encoded(COLOURS, "WEBP"), 180 * 120 - 1)
    file = bytearray(encoded(CLEAR, "WEBP", exif=exif(1)))
    assert file[12:16] == b"VP8X"
    file[24:27] = (8_000).to_bytes(3, "little")
    with pytest.raises(PictureError):
        decode(bytes(file), LIMIT)
