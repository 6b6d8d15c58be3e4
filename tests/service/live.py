"""Real servers for tests: on a thread of this process, or `serve` in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from fastapi import FastAPI

from service.app import create_app
from service.server import bind, holds, make_server, url_of
from service.settings import Settings
from tests.service.fakes import ONE, FakeModel, opener

ROOT = Path(__file__).parents[2]
GOOD = f"POST /v1/digit HTTP/1.1\r\nContent-Type: image/png\r\nContent-Length: {len(ONE)}\r\n\r\n".encode() + ONE


@contextlib.contextmanager
def serving(settings: Settings, model: FakeModel) -> Iterator[tuple[httpx.URL, FastAPI]]:
    """A server on a thread, ready: its address and its app."""
    app = create_app(settings, open_model=opener(model))
    server = make_server(app)
    listening = bind(settings)
    thread = threading.Thread(target=server.run, args=(holds(listening, settings.workers),), daemon=True)
    thread.start()
    url = httpx.URL(url_of(listening))
    while httpx.get(url.join("/readyz")).status_code != 200:
        time.sleep(0.02)
    yield url, app
    server.should_exit = True
    thread.join(10)


def connect(url: httpx.URL | str) -> socket.socket:
    """A connection."""
    url = httpx.URL(url)
    return socket.create_connection((url.host, url.port or 80), timeout=5)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    answer = b""
    while data := connection.recv(65536):
        answer += data
    return answer


def read_one(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """The next answer: status, headers, body."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536) or b"\r\n\r\n"
    status, headers, body = taken_apart(answer)
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return status, headers, body


def taken_apart(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """One answer: status, headers, body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(status.split()[1]), headers, body


def talk(url: httpx.URL, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Sends bytes and reads until the server closes: status, headers, body."""
    with connect(url) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return taken_apart(read_all(connection))


class Process:
    """`serve` with the fake model in a process of its own; each batch, and each decode, takes as long as is said."""

    def __init__(self, artifacts: Path, seconds: float, decode: float, **settings: object) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("DIGITS_")}
        environ |= {"DIGITS_ARTIFACTS": str(artifacts), "DIGITS_PORT": "0", "PYTHONUNBUFFERED": "1"}
        environ |= {f"DIGITS_{name.upper()}": str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", "tests.service.fakes", str(seconds), str(decode)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.json = settings.get("log_format") == "json"
        self.url = ""
        self.messages: list[str] = []

    def wait(self) -> None:
        """Until it says where it is."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline() if not self.json else ""
        while self.json and not line.startswith("Digits"):
            line = self.message()
        match = re.fullmatch(r"Digits is ready: (http://\S+) \(model version 2\)", line.rstrip())
        assert match, line + self.process.communicate()[1]
        self.url = match[1]

    def message(self) -> str:
        """The next message in its log, which is JSON."""
        assert self.process.stderr is not None
        self.messages.append(json.loads(self.process.stderr.readline())["message"])
        return self.messages[-1]

    def until(self, pattern: str, count: int) -> list[str]:
        """What a pattern finds in its log, which is JSON, once it has found so many."""
        while len(found := re.findall(pattern, "\n".join(self.messages))) < count:
            self.message()
        return found

    def end(self) -> tuple[int, str, str]:
        """Waits for its end: exit status, what was printed since it was ready, log."""
        printed, log = self.process.communicate(timeout=15)
        return self.process.returncode, printed, log
