"""What reading costs before HTTP: `python -m benchmarks.reading [ARTIFACT] [--quick]`.

Prints the time that a clean 28×28 picture takes before the model; the time and the memory that a photograph of twelve
megapixels with one line of digits takes, beside Pillow's time for decoding it whole to RGB; a page of 1,000 digits; and how the
cost grows with pixels and with digits. Exit status 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import large
from benchmarks.numbers import edit_distance
from service.reading.reader import Reader
from service.reading.types import Signatures, Thresholds
from trainer.pens import draw_digits

SMALL_MS = 0.1
"""Milliseconds that a clean 28×28 picture may take in decode, ink and normalise together."""
TIME_BARS = {"JPEG, baseline": 0.75, "JPEG, progressive": 1.2}
"""Of Pillow's time for decoding the picture whole to RGB."""
MEMORY_BARS = {"JPEG, baseline": 2.0, "JPEG, progressive": 2.0, "PNG": 6.0, "WebP": 6.0}
"""Bytes a pixel of the picture, beside `MEMORY_FLOOR`."""
MEMORY_FLOOR = 64e6
_MEGAPIXELS = ((1000, 750), (2000, 1500), (4000, 3000), (8000, 6000))
_PAGES = ((1, 10), (5, 20), (10, 30), (25, 40), (50, 60))


def main(words: list[str] | None = None) -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser("python -m benchmarks.reading", description="What reading costs before HTTP.")
    parser.add_argument("artifact", nargs="?", type=Path, metavar="ARTIFACT", help="a version's folder")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and no picture over twelve megapixels")
    parser.add_argument("--memory", type=Path, metavar="FILE", help="print only the bytes that preparing FILE takes")
    options = parser.parse_args(words)
    if options.memory:
        print(peak_bytes(options.memory))
        return 0
    times = 3 if options.quick else 7
    missed = [small(), *photographs(times)]
    growth(times, _MEGAPIXELS[: 3 if options.quick else None])
    pages(_reader(options.artifact), times, _PAGES[: 4 if options.quick else None])
    print(f"\n{sum(missed)} bars missed")
    return 1 if any(missed) else 0


def small() -> bool:
    """Prints the time of a clean 28×28 picture before the model; whether it misses its bar."""
    pictures = [bytes(cv2.imencode(".png", image)[1]) for image in draw_digits(np.arange(100) % 10, [28])]
    reader, taken = _without_model(), []
    for picture in [*pictures, *pictures]:
        started = time.perf_counter()
        reader.prepare(picture)
        taken.append((time.perf_counter() - started) * 1e3)
    found = statistics.median(taken[len(pictures) :])
    missed = found > SMALL_MS
    print(f"28×28 PNG, before the model: {found:.3f} ms, median of {len(pictures)}; bar {SMALL_MS:g}{_miss(missed)}")
    return missed


def photographs(times: int) -> list[bool]:
    """Prints time and memory of a photograph in each format; which bars it misses."""
    print(
        f"\n{'12 megapixels, one line':24} {'MB':>6} {'ms':>7} {'Pillow ms':>9} {'ratio':>6} {'peak MB':>8} {'bytes/pixel':>11}"
    )
    image, reader, missed = large.photo(), _without_model(), []
    pixels = image.width * image.height
    for name, encode in large.FORMATS.items():
        file = encode(image)
        ours, theirs = least(times, partial(reader.prepare_number, file), partial(_whole, file))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            path.write_bytes(file)
            peak = peak_of_child(path)
        slow = ours / theirs > TIME_BARS.get(name, np.inf)
        greedy = peak > MEMORY_BARS[name] * pixels + MEMORY_FLOOR
        missed += [slow, greedy]
        print(
            f"{name:24} {len(file) / 1e6:6.2f} {ours * 1e3:7.0f} {theirs * 1e3:9.0f} {ours / theirs:6.2f} {peak / 1e6:8.0f} "
            f"{peak / pixels:11.2f}{_miss(slow, ' in time')}{_miss(greedy, ' in memory')}",
            flush=True,
        )
    return missed


def pages(reader: Reader, times: int, sizes: tuple[tuple[int, int], ...]) -> None:
    """Prints how the cost grows with the digits on a page, the model included; `wrong` is the text's edit distance."""
    print(f"\n{'digits on a page':24} {'found':>6} {'wrong':>6} {'ms':>9} {'of it model':>11} {'ms/digit':>9}")
    for lines, digits in sizes:
        file, text = large.page(lines, digits)
        readings = [reader.number(file) for _ in range(times)]
        best = min(readings, key=lambda r: r.decode_seconds + r.ink_seconds + r.model_seconds)
        (taken,) = least(times, partial(reader.number, file))
        found, count = best.text.replace("\n", ""), lines * digits
        print(
            f"{count:24} {len(found):6} {edit_distance(best.text, text):6} {taken * 1e3:9.0f} {best.model_seconds * 1e3:11.0f} "
            f"{taken * 1e3 / count:9.2f}",
            flush=True,
        )


def growth(times: int, sizes: tuple[tuple[int, int], ...]) -> None:
    """Prints how the cost before the model grows with the pixels of a baseline JPEG."""
    print(f"\n{'megapixels, JPEG':24} {'ms':>9} {'ms/megapixel':>13}")
    reader = _without_model()
    for width, height in sizes:
        file = large.jpeg(large.photo(width, height), progressive=False)
        (taken,) = least(times, partial(reader.prepare_number, file))
        megapixels = width * height / 1e6
        print(f"{megapixels:24.2f} {taken * 1e3:9.1f} {taken * 1e3 / megapixels:13.2f}", flush=True)


def least(times: int, *works: Callable[[], object]) -> list[float]:
    """The least seconds of each work in `times` rounds, taking turns, after one round to warm up."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(times + 1):
        for place, work in enumerate(works):
            started = time.perf_counter()
            work()
            taken[place].append(time.perf_counter() - started)
    return [min(one[1:]) for one in taken]


def peak_bytes(path: Path) -> int:
    """By how much resident memory rises at most while this process prepares the picture (Linux).

    A small picture goes first, so that libraries are loaded and tables made.
    """
    reader, file = _without_model(), path.read_bytes()
    reader.prepare_number(large.page(1, 3)[0])
    before = _kernel_says("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    reader.prepare_number(file)
    return _kernel_says("VmHWM") - before


def _kernel_says(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def peak_of_child(path: Path) -> int:
    """The same by a process of its own, which has no freed memory to take from."""
    command = [sys.executable, "-m", "benchmarks.reading", "--memory", str(path)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _whole(file: bytes) -> Image.Image:
    with Image.open(BytesIO(file)) as image:
        return image.convert("RGB")


def _without_model() -> Reader:
    def predict(images: NDArray[np.uint8], /) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        raise AssertionError("nothing is asked here")

    return Reader(Signatures(predict), Thresholds(confidence=0.9, digit_probability=0.5))


def _reader(folder: Path | None) -> Reader:
    """The version's in `folder`; default: the highest released one. Exits where there is none that can be used."""
    from service.errors import DigitsError
    from service.model.folder import scan
    from service.model.version import runtime, verify
    from service.settings import Settings

    try:
        settings = Settings.read()
        versions = scan(settings.artifacts)
        if folder is None and not versions:
            raise SystemExit(f"error: there is no version of the model in {settings.artifacts}")
        return verify(folder or versions[max(versions)], settings, runtime(settings)).reader
    except DigitsError as error:
        raise SystemExit(f"error: {error.detail}") from None


def _miss(missed: bool, what: str = "") -> str:
    return f"  missed{what}" if missed else ""


if __name__ == "__main__":
    sys.exit(main())
