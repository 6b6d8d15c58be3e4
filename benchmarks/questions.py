"""What the serving benchmark asks: pictures that it draws, as requests in three encodings, with the answers that are right."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.jobs import OK, Question
from trainer.pens import digit_strokes, ink

SIZES = {"28x28": (28, 28), "1MP": (1000, 1000), "12MP": (4000, 3000)}
"""Width and height."""
COUNTS = {"28x28": 20, "1MP": 10, "12MP": 4}
"""How many pictures of each; each has its digit at a place of its own."""
ENCODINGS = ("multipart", "raw", "json")
NOT_TAKEN = {("json", "12MP")}
"""The interface takes a megapixel of grey values at most."""
_BOUNDARY = "9d3e1f7c5b2a"
_DIGIT = re.compile(rb'"digit":\s*(\d)\b')
_BOX = re.compile(rb'"box":\{"x":[^{}]*\}')
_SECONDS = 60.0


class Unfit(Exception):
    """A server that does not read a picture as it was drawn: measuring it says nothing."""


@dataclass(frozen=True)
class Drawn:
    """A picture: its digit, its grey values, and itself as a file."""

    digit: int
    grey: NDArray[np.uint8]
    file: bytes
    media_type: str


@cache
def pictures(size: str) -> tuple[Drawn, ...]:
    """The pictures of a size: small ones as MNIST's, bright on dark, PNG; larger ones dark on noisy paper, JPEG."""
    width, height = SIZES[size]
    return tuple(_drawn(number, width, height) for number in range(COUNTS[size]))


def _drawn(number: int, width: int, height: int) -> Drawn:
    random, digit = np.random.default_rng([7, number]), number % 10
    small = width <= 28
    tall = round(height * (0.7 if small else random.uniform(0.4, 0.6)))
    cover = ink(digit_strokes(digit, random, wobble=0.01, style=0), tall, tall / (8 if small else 11))
    top = int(random.integers(1, height - cover.shape[0]))
    left = int(random.integers(1, width - cover.shape[1]))
    grey = np.zeros((height, width), np.uint8)
    grey[top : top + cover.shape[0], left : left + cover.shape[1]] = cover
    if small:
        return Drawn(digit, grey, bytes(cv2.imencode(".png", grey)[1]), "image/png")
    noise = np.empty((height, width), np.int8)
    cv2.setRNGSeed(number)
    cv2.randn(noise, np.zeros(1), np.full(1, 2.5))
    page = cv2.add(cv2.addWeighted(grey, -0.75, grey, 0.0, 232.0), noise, dtype=cv2.CV_8U)
    colour = cv2.merge([cv2.subtract(page, np.full(1, 12.0)), page, page])
    file = bytes(cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])
    return Drawn(digit, np.asarray(page, np.uint8), file, "image/jpeg")


def requests(size: str, encoding: str, path: str, field: str = "image") -> list[bytes]:
    """The pictures as whole requests to `path`; `field`: the name of the form's file."""
    return [_request(picture, encoding, path, field) for picture in pictures(size)]


def _request(picture: Drawn, encoding: str, path: str, field: str) -> bytes:
    if encoding == "multipart":
        media_type = f"multipart/form-data; boundary={_BOUNDARY}"
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="digit"\r\n'
        head += f"Content-Type: {picture.media_type}\r\n\r\n"
        body = head.encode() + picture.file + f"\r\n--{_BOUNDARY}--\r\n".encode()
    elif encoding == "raw":
        media_type, body = picture.media_type, picture.file
    else:
        media_type = "application/json"
        body = json.dumps({"images": [{"pixels": picture.grey.tolist()}]}, separators=(",", ":")).encode()
    start = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return start.encode() + body


def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """Asks once, alone: the status and the body. Raises `OSError`."""
    with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += _more(connection)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        while length and len(body) < int(length[1]):
            body += _more(connection)
    return int(head.split()[1]), body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError("the connection was closed before the answer was there")
    return data


def primed(port: int, size: str, sent: Sequence[bytes]) -> tuple[Question, ...]:
    """The requests as questions: each is asked alone, must be answered with the digit that was drawn, and belongs to that answer.

    What is compared later is the digit, and the place of its ink where the answer has one. Raises `Unfit`.
    """
    questions = []
    for picture, request in zip(pictures(size), sent, strict=True):
        status, body = ask(port, request)
        digit = _DIGIT.search(body)
        if status != OK or digit is None or int(digit[1]) != picture.digit:
            raise Unfit(f"a {picture.digit} of {size} was answered {status} {body[:200]!r}")
        box = _BOX.search(body)
        questions.append(Question(request, (digit[0], box[0]) if box else (digit[0],)))
    return tuple(questions)
