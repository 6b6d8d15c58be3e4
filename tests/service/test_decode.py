"""Decoding: every format and pixel mode, orientation, alpha, limits, and nothing but `PictureError` for bad bytes."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from service.errors import DamagedPicture, NotAPicture, PictureError, PictureTooLarge
from service.reading.decode import WORKING_SIZE, decode
from service.reading.types import Box
from tests.drawing import encoded, page

LIMIT = 50_000_000
SEVEN = page(7, (90, 60), height=50)
FORMATS = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]


def close(a: np.ndarray, b: np.ndarray, levels: float = 8) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(float) - b).mean()) < levels


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_is_read_by_content(format: str) -> None:
    assert close(decode(encoded(SEVEN, format), LIMIT).grey, SEVEN)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_each_pixel_mode_gives_the_same_grey(mode: str) -> None:
    image = Image.fromarray(SEVEN)
    if mode == "I;16":
        image = Image.fromarray(SEVEN.astype(np.uint16) * 257)
    elif mode in ("CMYK", "YCbCr", "RGBA"):
        image = image.convert("RGB").convert(mode)
    else:
        image = image.convert(mode)
    assert close(decode(encoded(image, "TIFF"), LIMIT).grey, SEVEN, levels=16)


def test_a_16_bit_png_keeps_its_greys() -> None:
    deep = encoded(Image.fromarray(SEVEN.astype(np.uint16) * 257), "PNG")
    assert close(decode(deep, LIMIT).grey, SEVEN, levels=1)


def test_a_12_bit_picture_is_scaled_by_its_own_depth() -> None:
    twelve = encoded(Image.fromarray(SEVEN.astype(np.uint16) * 16), "TIFF")
    assert close(decode(twelve, LIMIT).grey, SEVEN, levels=1)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_a_large_picture_of_32_bits_is_made_smaller_before_it_is_copied(mode: str) -> None:
    large = Image.fromarray(np.kron(SEVEN, np.ones((40, 40), np.uint8))).convert(mode)
    file = encoded(large, "TIFF")
    tracemalloc.start()
    try:
        grey = decode(file, LIMIT).grey
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < large.width * large.height * 4 / 2
    assert close(grey, decode(encoded(large.convert("L"), "TIFF"), LIMIT).grey, levels=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_undone(orientation: int, format: str) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # our picture, laid down as the camera would have stored it
    image = Image.fromarray(SEVEN)
    stored = image.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = decode(encoded(stored, format, exif=exif), LIMIT)
    assert close(upright.grey, SEVEN)
    assert (upright.height, upright.width) == SEVEN.shape


@pytest.mark.parametrize("place", ["XMP", "raw profile"])
def test_orientation_in_a_text_of_the_png_is_undone(place: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    text = PngImagePlugin.PngInfo()
    if place == "XMP":
        text.add_itxt("XML:com.adobe.xmp", '<rdf:Description tiff:Orientation="6"/>')
    else:
        text.add_text("Raw profile type exif", f"\nexif\n{len(exif.tobytes())}\n{exif.tobytes().hex()}")
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(SEVEN)))
    assert np.array_equal(decode(encoded(stored, "PNG", pnginfo=text), LIMIT).grey, SEVEN)


def alpha_picture(ink: int, alpha: np.ndarray) -> bytes:
    return encoded(Image.merge("LA", [Image.new("L", alpha.shape[::-1], ink), Image.fromarray(alpha)]), "PNG")


def test_dark_ink_on_transparent_lies_on_white() -> None:
    assert close(decode(alpha_picture(0, 255 - SEVEN), LIMIT).grey, SEVEN, levels=1)


def test_white_ink_on_transparent_lies_on_black() -> None:
    assert close(decode(alpha_picture(255, 255 - SEVEN), LIMIT).grey, 255 - SEVEN, levels=1)


def test_a_transparent_margin_goes_on_like_the_paper() -> None:
    alpha = np.full(SEVEN.shape, 255, np.uint8)
    alpha[:5] = 0
    picture = encoded(Image.merge("LA", [Image.fromarray(SEVEN), Image.fromarray(alpha)]), "PNG")
    assert (decode(picture, LIMIT).grey[:5] == 255).all()


def test_a_palette_with_a_transparent_colour_lies_on_white() -> None:
    image = Image.fromarray((SEVEN < 128).astype(np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 0])
    assert close(decode(encoded(image, "PNG", transparency=0), LIMIT).grey, np.where(SEVEN < 128, 0, 255), levels=1)


def test_the_first_frame_of_several_is_read() -> None:
    frames = [Image.fromarray(SEVEN), Image.fromarray(255 - SEVEN)]
    for format in ("GIF", "TIFF", "WEBP", "PNG"):
        buffer = io.BytesIO()
        frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
        assert close(decode(buffer.getvalue(), LIMIT).grey, SEVEN), format


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2000, 3000)])
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_any_size_ends_within_the_working_size(size: tuple[int, int], format: str) -> None:
    result = decode(encoded(np.full(size, 200, np.uint8), format), LIMIT)
    assert max(result.grey.shape) <= WORKING_SIZE
    assert min(result.grey.shape) >= 1
    assert (result.height, result.width) == size
    assert (np.abs(result.grey.astype(int) - 200) <= 2).all()


def test_a_box_is_given_in_the_pictures_own_pixels() -> None:
    result = decode(np.zeros((2048, 4096), np.uint8), LIMIT)
    assert result.full_size_box(Box(10, 20, 30, 40)) == Box(40, 80, 120, 160)


@pytest.mark.parametrize("format", FORMATS)
def test_the_area_limit_is_judged_by_the_header(format: str) -> None:
    file = encoded(SEVEN, format)
    with pytest.raises(PictureTooLarge, match="60 × 90 pixels; 5,399 is the limit"):
        decode(file[: {"PNG": 60, "BMP": 60}.get(format, len(file))], 90 * 60 - 1)


def test_a_decompression_bomb_is_too_large() -> None:
    bomb = encoded(Image.new("1", (40_000, 40_000)), "PNG")
    with pytest.raises(PictureTooLarge):
        decode(bomb, LIMIT)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_truncated_picture_is_damaged(format: str, share: float) -> None:
    noisy = np.random.default_rng(1).integers(0, 256, (80, 80)).astype(np.uint8)
    file = encoded(noisy, format)
    with pytest.raises(DamagedPicture, match=format):
        decode(file[: int(len(file) * share)], LIMIT)


@pytest.mark.parametrize(
    "data", [b"", b"hello, I am a text file named digit.png", b"%PDF-1.7", b"<svg/>", b"\x00" * 100]
)
def test_what_is_no_picture_is_refused_by_content(data: bytes) -> None:
    with pytest.raises(NotAPicture, match="PNG, JPEG, WebP"):
        decode(data, LIMIT)


@given(st.binary(max_size=200), st.sampled_from([b"", *(encoded(SEVEN, f)[:40] for f in FORMATS)]))
@settings(max_examples=200, deadline=None)
def test_random_bytes_raise_nothing_but_picture_errors(tail: bytes, head: bytes) -> None:
    try:
        decode(head + tail, LIMIT)
    except PictureError as error:
        assert error.detail


@given(st.sampled_from(FORMATS), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files_raise_nothing_but_picture_errors(format: str, data: st.DataObject) -> None:
    file = bytearray(encoded(SEVEN, format))
    for _ in range(data.draw(st.integers(1, 8))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert decode(bytes(file), 1_000_000).grey.dtype == np.uint8
    except PictureError as error:
        assert error.detail


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded() -> None:
    file = encoded(np.full((3000, 3000), 200, np.uint8), "JPEG", progressive=True)
    scan = file[file.rindex(b"\xff\xda") : -2]
    assert decode(file[:-2] + scan * 10 + file[-2:], LIMIT).width == 3000
    with pytest.raises(DamagedPicture, match="more than 64 scans"):
        decode(file[:-2] + scan * 100_000 + file[-2:], LIMIT)


def test_a_bmp_of_run_lengths_may_not_be_large() -> None:
    header = b"BM" + struct.pack("<IHHI", 1082, 0, 0, 1078)
    info = struct.pack("<IiiHHIIiiII", 40, 49_999_999, 1, 1, 8, 1, 4, 0, 0, 256, 0)
    with pytest.raises(PictureTooLarge, match="1,000,000 is the limit"):
        decode(header + info + bytes(1024) + b"\x01\x00\x00\x00", LIMIT)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_png_that_says_two_sizes_is_damaged() -> None:
    file = encoded(SEVEN)
    false = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
    with pytest.raises(PictureError):
        decode(file[:8] + false + file[8:], 28 * 28)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG"])
def test_damaged_metadata_does_not_spoil_a_good_picture(format: str) -> None:
    file = encoded(SEVEN, format, exif=b"Exif\x00\x00garbage!!") if format != "PNG" else encoded(SEVEN)
    if format == "PNG":
        file = file[:33] + png_chunk(b"eXIf", b"garbagegarbage") + file[33:]
    assert close(decode(file, LIMIT).grey, SEVEN)


def test_a_grey_with_a_transparent_level_lies_on_paper() -> None:
    grey = np.where(SEVEN < 128, 0, 10).astype(np.uint8)  # nearly black on black, but for what is transparent
    assert close(decode(encoded(grey, "PNG", transparency=10), LIMIT).grey, np.where(SEVEN < 128, 0, 255), levels=1)


@pytest.mark.parametrize("shift", [0, 4, 8, 12, 16, 20])
def test_integers_of_any_depth_keep_their_greys(shift: int) -> None:
    deep = encoded(Image.fromarray(SEVEN.astype(np.int32) << shift), "TIFF")
    assert close(decode(deep, LIMIT).grey, SEVEN, levels=8)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "I;16", "F", "1", "P"])
def test_large_pictures_of_any_mode_are_reduced(mode: str) -> None:
    big = page(7, (3000, 2400), height=2000, pen=150)
    image = Image.fromarray(big.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(big).convert(mode)
    result = decode(encoded(image, "TIFF"), LIMIT)
    small = np.asarray(Image.fromarray(big).resize(result.grey.shape[::-1], Image.Resampling.BOX))
    assert max(result.grey.shape) == WORKING_SIZE
    assert (result.height, result.width) == (3000, 2400)
    assert close(result.grey, small)
