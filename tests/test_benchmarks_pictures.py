"""The benchmarks' pictures: synthetic paper, strings of digits, large pictures and garbage, all from drawn digits."""

from __future__ import annotations

import io
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks import large, reading, rubbish, scenes, strings
from benchmarks.paper import GROUNDS, Ground, Part, photograph
from trainer.pens import draw_digits

LABELS = (np.arange(40) % 10).astype(np.uint8)
IMAGES = draw_digits(LABELS.astype(np.int64), [7])


def grey(picture: bytes) -> NDArray[np.float32]:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("L"), np.float32)


def columns(ink: NDArray[np.uint8]) -> str:
    """A `#` for each column with ink and a blank for each without."""
    return "".join("#" if column.any() else " " for column in ink.T)


@pytest.mark.parametrize("ground", GROUNDS)
def test_the_ink_is_where_it_is_said_to_be(ground: Ground) -> None:
    parts = [Part(IMAGES[8]), Part(IMAGES[3], 60, 5)]
    photo = photograph(parts, np.random.default_rng(4), scale=3, ground=ground)
    page = grey(photo.picture)
    assert page.shape == (photo.height, photo.width)
    assert photo.ground == ground
    stands_out = np.abs(page - cv2.blur(page, (41, 41)))
    outside = np.ones(page.shape, bool)
    for x, y, width, height in photo.boxes:
        assert 0 <= x < x + width <= photo.width
        assert 0 <= y < y + height <= photo.height
        assert 40 < height < 75
        outside[max(0, y - 2) : y + height + 2, max(0, x - 2) : x + width + 2] = False
    for x, y, width, height in photo.boxes:
        inside = stands_out[y : y + height, x : x + width]
        assert np.quantile(inside, 0.9) > 2 * np.quantile(stands_out[outside], 0.9) + 10
    first, second = photo.boxes
    assert second[0] > first[0] + first[2]


def test_the_same_seed_gives_the_same_photograph() -> None:
    one, same, other = (photograph([Part(IMAGES[5])], np.random.default_rng(seed), scale=2) for seed in (1, 1, 2))
    assert one == same
    assert one.picture != other.picture


def test_photographs_differ_in_ground_pen_and_format() -> None:
    photos = [photograph([Part(IMAGES[2])], np.random.default_rng(seed), scale=1.5) for seed in range(60)]
    assert {photo.ground for photo in photos} == set(GROUNDS)
    assert {photo.pen for photo in photos} == {"black", "blue", "red", "pencil", "chalk", "white"}
    assert {photo.picture[:2] for photo in photos} == {b"\xff\xd8", b"\x89P"}


@pytest.mark.parametrize("table", scenes.TABLES)
def test_a_note_lies_on_a_table(table: scenes.Table) -> None:
    note = photograph(
        [Part(IMAGES[5])], np.random.default_rng(1), scale=4, ground="plain", margin=scenes.MARGIN
    ).picture
    one, same, other = (scenes.on_table(note, np.random.default_rng(seed), table=table) for seed in (1, 1, 2))
    assert one == same != other != scenes.on_table(note, np.random.default_rng(2), table=table, askew=True)
    assert 900 <= max(grey(one).shape) <= 1800  # less where the note runs out of the picture


@pytest.mark.parametrize("side", range(4))
def test_a_note_that_runs_out_of_the_picture_does_so_on_one_side(side: int) -> None:
    corners = np.array([(30, 20), (170, 24), (166, 84), (34, 80)], np.float32)
    scene = np.zeros((100, 200, 3), np.float32)
    cv2.fillConvexPoly(scene, corners.astype(np.int32), (255, 255, 255))
    cut = scenes._running_out(scene, corners, side, np.random.default_rng(0))
    edges = [cut[:, 0], cut[:, -1], cut[0], cut[-1]]
    assert [bool(edge.any()) for edge in edges] == [place == side for place in range(4)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", [(300, 200), (150, 700)])
def test_a_note_seen_askew_is_turned_and_wholly_in_the_picture(seed: int, shape: tuple[int, int]) -> None:
    corners = scenes._askew(shape, (640, 480), np.random.default_rng(seed))
    assert (corners >= 0).all() and (corners <= (640, 480)).all()
    (right, down), (left, up) = corners[1] - corners[0], corners[2] - corners[3]
    for x, y in ((right, down), (left, up)):
        assert 5 < abs(np.degrees(np.arctan2(y, x))) < 45
    assert cv2.isContourConvex(corners[:, None]) and cv2.contourArea(corners, oriented=True) > 0


def test_a_part_without_ink_has_an_empty_box() -> None:
    photo = photograph([Part(np.zeros((28, 28), np.uint8))], np.random.default_rng(0), scale=2, ground="ruled")
    assert photo.boxes == ((0, 0, 0, 0),)


@pytest.mark.parametrize("seed", range(10))
def test_gaps_are_between_the_boxes_of_ink(seed: int) -> None:
    written = strings.string(IMAGES, LABELS, np.random.default_rng(seed), gaps=(2, 12))
    assert 2 <= len(written.text) <= 8
    assert written.ink.shape[0] == 32
    assert written.apart
    assert written.ink[:, [0, -1]].any(axis=0).all()
    free = [len(run) for run in re.findall(" +", columns(written.ink))]
    assert free == list(written.gaps)


def test_a_string_says_which_digits_it_was_put_together_from() -> None:
    written = strings.string(IMAGES, LABELS, np.random.default_rng(3), digits=(4, 4), gaps=(5, 5))
    pieces = [written.ink[:, slice(*run.span())] for run in re.finditer("#+", columns(written.ink))]
    for piece, digit in zip(pieces, written.text, strict=True):
        assert any(piece.sum() == image.sum() for image in IMAGES[int(digit) == LABELS])


def test_neighbours_that_overlap() -> None:
    written = strings.string(IMAGES, LABELS, np.random.default_rng(3), digits=(6, 6), gaps=(-3, -3))
    assert not written.apart
    assert written.ink.any(axis=0).all()
    single = strings.string(IMAGES, LABELS, np.random.default_rng(3), digits=(1, 1))
    assert single.apart


def test_thousands_are_parted_from_the_right() -> None:
    for seed in range(6):
        written = strings.string(
            IMAGES, LABELS, np.random.default_rng(seed), digits=(7, 7), gaps=(1, 3), separated=True
        )
        assert [gap > 3 for gap in written.gaps] == [True, False, False, True, False, False]
        assert len(written.text) == 7


def test_plain_strings_are_dark_on_light_and_repeatable() -> None:
    one, same = (strings.plain(IMAGES, LABELS, np.random.default_rng(8)) for _ in range(2))
    assert one == same
    page = grey(one.picture)
    assert np.median(page) == 255
    assert page.min() < 60
    assert min(page[0].min(), page[-1].min(), page[:, 0].min(), page[:, -1].min()) > 250


def test_lines_on_paper() -> None:
    pages = [strings.on_paper(IMAGES, LABELS, np.random.default_rng(seed)) for seed in range(8)]
    assert pages[0] == strings.on_paper(IMAGES, LABELS, np.random.default_rng(0))
    for page in pages:
        assert re.fullmatch(r"\d{2,8}(\n\d{2,8}){0,3}", page.text)
        assert page.ground in GROUNDS
    assert len({page.text.count("\n") for page in pages}) > 1
    alone = strings.on_paper(IMAGES, LABELS, np.random.default_rng(0), lines=(1, 1), digits=(3, 3), ground="card")
    assert (len(alone.text), alone.ground) == (3, "card")


def test_large_pictures() -> None:
    image = large.photo(800, 600)
    assert (image.mode, image.size) == ("RGB", (800, 600))
    files = {name: encode(image) for name, encode in large.FORMATS.items()}
    for name, file in files.items():
        with Image.open(io.BytesIO(file)) as opened:
            assert opened.format == name.split(",")[0].upper()
            assert ("progressive" in opened.info) == (name == "JPEG, progressive")
    picture, text = large.page(3, 4)
    assert [len(line) for line in text.split("\n")] == [4, 4, 4]
    assert grey(picture).shape[0] == 4 * 48


def test_a_large_jpeg_is_made_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8))
    best = len(large.jpeg(noise, progressive=False))
    monkeypatch.setattr(large, "JPEG_BYTES", best - 1)
    assert len(large.jpeg(noise, progressive=False)) < best


def test_the_least_time_of_works_that_take_turns() -> None:
    turns: list[str] = []
    taken = reading.least(2, lambda: turns.append("a"), lambda: turns.append("b"))
    assert "".join(turns) == "ababab"
    assert all(0 <= seconds < 1 for seconds in taken)


def test_the_peak_of_memory(tmp_path: Path) -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the kernel keeps no account of the peak")
    blank = tmp_path / "blank.png"
    blank.write_bytes(bytes(cv2.imencode(".png", np.full((4000, 4000), 255, np.uint8))[1]))
    assert reading.peak_of_child(blank) > 15e6


def test_garbage_is_what_it_is_called() -> None:
    pictures = rubbish.pictures()
    for name in ("grey noise, 28×28", "1×1", "2×2", "1×10000", "10000×1", "all transparent"):
        with Image.open(io.BytesIO(pictures[name]())) as image:
            image.load()
            if found := re.search(r"(\d+)×(\d+)$", name):
                assert image.size == (int(found[1]), int(found[2]))
    with Image.open(io.BytesIO(pictures["one-bit noise, 8000×6000"]())) as image:
        assert (image.mode, image.size) == ("1", (8000, 6000))
    with pytest.raises(Image.DecompressionBombError, match="3600000000 pixels"):
        Image.open(io.BytesIO(pictures["says 60000×60000"]()))
    assert grey(pictures["page of letters"]()).min() < 60
    assert pictures["clouds"]() == pictures["clouds"]()
    with pytest.raises(OSError, match="truncated"), Image.open(io.BytesIO(pictures["half a JPEG"]())) as image:
        image.load()
