"""Fuzzes `decode` guided by coverage: `python -m benchmarks.fuzz_decode [--seconds N] [--corpus FOLDER]`.

Needs atheris, which there is for Linux on x86-64 alone, so it is run by the python of a virtual environment of its own that has it
and what decoding needs (benchmarks/README.md). It looks at the branches of our code and of Pillow's. Every input must become a
picture within the limits, or raise a `PictureError`, within two seconds. The first that does not ends the run; it is written to the
current folder as `crash-…`, and is tried again by naming it. The exit status is not 0 then, nor without atheris.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

from service.errors import PictureError
from service.reading.decode import WORKING_SIZE, decode

MAX_PIXELS = 50_000_000
SLOWEST = 2.0
"""Seconds that an input may take."""
LONGEST = 16_384
"""Bytes of an input."""
_PNG = b"\x89PNG\r\n\x1a\n"
_MEMORY_MB = 2_000
_HOW = """atheris is missing. It goes into a virtual environment of its own (Linux, x86-64):
    python3 -m venv FOLDER && FOLDER/bin/pip install atheris numpy opencv-python-headless pillow
    FOLDER/bin/python -m benchmarks.fuzz_decode"""


class Broken(Exception):
    """An input was not treated as it must be."""


def check(data: bytes) -> None:
    """Decodes. Raises `Broken`, or whatever `decode` does that it must not."""
    started = time.perf_counter()
    try:
        page = decode(data, MAX_PIXELS)
    except PictureError as error:
        if not error.detail or not 400 <= error.status < 500:
            raise Broken(f"{error.status} {error.detail}") from error
    else:
        if page.grey.ndim != 2 or page.grey.dtype != "uint8" or min(page.grey.shape) < 1:
            raise Broken(f"a picture of {page.grey.shape} {page.grey.dtype}")
        if max(page.grey.shape) > WORKING_SIZE or not 1 <= page.width * page.height <= MAX_PIXELS:
            raise Broken(f"{page.width} × {page.height} pixels as {page.grey.shape}")
    if (seconds := time.perf_counter() - started) > SLOWEST:
        raise Broken(f"took {seconds:.1f} s")


def resealed(data: bytes) -> bytes:
    """A PNG with the checksums of what is in its chunks now, as far as they can be told apart; anything else as it is.

    Nothing that is changed in a PNG would get further than its checksum otherwise.
    """
    if not data.startswith(_PNG):
        return data
    pieces, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        pieces += [data[at:end], zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")]
        at = end + 4
    return b"".join(pieces) + data[at:]


def corpus(folder: Path) -> None:
    """Writes good pictures of every format to begin with."""
    from benchmarks.spoilt_pictures import FORMATS, seeds

    folder.mkdir(parents=True, exist_ok=True)
    for kind in FORMATS:
        for number, data in enumerate(seeds(kind)):
            (folder / f"{kind}-{number}").write_bytes(data)


def main(words: list[str] | None = None) -> int:
    """Runs until the time is over, or something is found; atheris then ends the process."""
    parser = argparse.ArgumentParser("python -m benchmarks.fuzz_decode", description="Fuzzes decoding by coverage.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="where inputs are kept that reach something new (default: nowhere)")
    parser.add_argument("files", type=Path, nargs="*", help="try these, and nothing else")
    options = parser.parse_args(words)
    warnings.simplefilter("ignore")
    for file in options.files:
        check(file.read_bytes())
    if options.files:
        return 0
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        print(_HOW, file=sys.stderr)
        return 1
    with atheris.instrument_imports(include=["PIL", "service"]):
        for name in [name for name in sys.modules if name.split(".")[0] in ("PIL", "service")]:
            del sys.modules[name]  # so that they are imported anew, with a note in every branch
        instrumented = importlib.import_module("benchmarks.fuzz_decode")
    with tempfile.TemporaryDirectory() as kept:
        folder = options.corpus or Path(kept)
        corpus(folder)
        flags = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", f"-max_len={LONGEST}"]
        flags += [f"-rss_limit_mb={_MEMORY_MB}", f"-timeout={5 * SLOWEST:.0f}", "-print_final_stats=1"]

        def mutated(data: bytes, longest: int, seed: int) -> bytes:
            return resealed(atheris.Mutate(data, longest))[:longest]

        atheris.Setup([sys.argv[0], *flags, str(folder)], instrumented.check, custom_mutator=mutated)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
