"""No picture is stored or logged, nor its name, nor what it says of itself; the log at its most talkative."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from service.app import create_app
from service.errors import PictureTooLarge
from service.reading.decode import decode
from service.server import bind, make_server, url_of
from service.settings import Settings
from service.telemetry.logging import configure
from tests.service.checks import JSON, RAW, restored_log
from tests.service.fakes import FakeModel, one, opener, png

NAME = "patient-4711.png"
WORDS = "Ward Seven, Elm Street"
LOGGERS = ("PIL", "python_multipart", "uvicorn.access")

written: list[str] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(flags := arguments[2], int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        written.append(str(arguments[0]))
    elif event in ("tempfile.mkstemp", "tempfile.mkdtemp", "os.rename", "os.mkdir"):
        written.append(f"{event} {arguments[0]}")


sys.addaudithook(watch)  # for good: there is no way to take it back


def tagged(format: str) -> bytes:
    """A picture that says where it was taken."""
    if format == "PNG":
        info = PngInfo()
        info.add_text("Comment", WORDS)
        return png(one(), "PNG", pnginfo=info)
    exif = Image.Exif()
    exif[0x010E] = WORDS
    return png(one(), format, exif=exif)


def large() -> bytes:
    """A file of 2 MB: forms of that size are what servers put on a disk."""
    info = PngInfo()
    info.add(b"prVt", np.random.default_rng(1).bytes(2_000_000))
    return png(one(), "PNG", pnginfo=info)


PICTURES = [tagged("PNG"), tagged("JPEG"), tagged("TIFF"), tagged("WEBP"), large()]
DAMAGED = [picture[: len(picture) * 2 // 3] for picture in PICTURES]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that the service logs at `debug`."""
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in LOGGERS]
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with restored_log():
        configure("json", "debug")
        yield stream
    for logger, was in before:
        logger.setLevel(was)
        logger.disabled = False


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def client(log: io.StringIO, published: Path, model: FakeModel) -> Iterator[httpx.Client]:
    """A client of a real server."""
    settings = Settings(artifacts=published, port=0)
    server = make_server(create_app(settings, open_model=opener(model)))
    listening = bind(settings)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    with httpx.Client(base_url=url_of(listening)) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.02)
        yield client
    server.should_exit = True
    thread.join(10)


def send(client: httpx.Client, picture: bytes) -> set[int]:
    """The picture by every way that there is: the statuses of the answers."""
    text = base64.b64encode(picture).decode()
    file = (NAME, picture, "image/png")
    return {
        client.post("/v1/digit?explain=true", content=picture, headers=RAW).status_code,
        client.post("/v1/digit", files={"image": file}).status_code,
        client.post("/v1/digits", files=[("images", file), ("images", (NAME, b"no picture"))]).status_code,
        client.post("/v1/digits/json", json={"images": [{"base64": text}, {"base64": text + "!"}]}).status_code,
        client.post("/v1/number?explain=true", files={"image": file}).status_code,
        client.post("/v1/number/json", json={"image": {"base64": text}}).status_code,
        client.post("/v1/digit", files={"photo": file}).status_code,
        client.post("/v1/digits/json", content=json.dumps({"images": text}), headers=JSON).status_code,
        client.post("/v1/digits/json", content=f'{{"images": "{text}', headers=JSON).status_code,
    }


@pytest.mark.usefixtures("fake_number_reading")
def test_no_picture_is_stored_or_logged(
    client: httpx.Client, model: FakeModel, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # of modules that are imported when first needed
    written.clear()
    assert all(status < 500 for picture in (*PICTURES, *DAMAGED) for status in send(client, picture))
    model.error = ValueError("no")
    assert 500 in {status for picture in PICTURES for status in send(client, picture)}
    model.error = None
    stored = list(written)
    assert stored == []

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    ours = [line for line in lines if not line["logger"].startswith("http")]  # what the test's own client says
    assert any("Traceback" in line.get("exception", "") for line in ours)
    assert sum(line["logger"] == "service.access" for line in ours) >= 9 * 15
    text = json.dumps(ours)
    for picture in (*PICTURES, *DAMAGED):
        for start in range(0, min(len(picture), 4000), 500):
            piece = picture[start : start + 30]
            assert base64.b64encode(picture[start // 3 * 3 :])[:24].decode() not in text
            assert json.dumps(repr(piece)[2:-1])[1:-1] not in text
            assert piece.hex() not in text
    for word in (NAME, "patient", WORDS, "Ward Seven"):
        assert word not in text


def test_what_is_odd_about_a_picture_is_neither_logged_nor_kept(log: io.StringIO) -> None:
    good = png(one())
    for width in range(10_000, 10_050):
        header = b"IHDR" + struct.pack(">II", width, 10_000) + good[24:29]
        file = good[:12] + header + struct.pack(">I", zlib.crc32(header)) + good[33:]
        with pytest.raises(PictureTooLarge):
            decode(file, 50_000_000)
    assert log.getvalue() == ""
    kept = str(vars(Image).get("__warningregistry__", ""))
    assert not any(f"{width * 10_000} pixels" in kept for width in range(10_000, 10_050))


def test_the_watch_sees_what_is_written(tmp_path: Path) -> None:
    written.clear()
    (tmp_path / "picture").write_bytes(b"")
    assert written == [str(tmp_path / "picture")]
