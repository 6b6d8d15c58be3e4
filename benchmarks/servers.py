"""The servers that are measured, each in a process of its own on loopback: the service, the empty endpoint, and the peers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import empty
from benchmarks.processes import Server, free_port, started
from service.model.folder import candidates, scan
from service.settings import Settings

SERVICE, EMPTY = "service", "empty endpoint"
PATHS = {"multipart": "/v1/digit", "raw": "/v1/digit", "json": "/v1/digits/json"}
EMPTY_PATHS = {"multipart": empty.MULTIPART, "raw": empty.RAW, "json": empty.JSON}
_UVICORN = ("--loop", "uvloop", "--http", "httptools", "--log-level", "warning", "--no-access-log")


@dataclass(frozen=True)
class Peer:
    """Another way to serve the same model: what runs its app, where it takes a form, and the name of the form's file.

    `needs`: the packages that its virtual environment has beside tensorflow and pillow. `command` follows its python;
    `{port}` and `{workers}` are filled in.
    """

    name: str
    needs: tuple[str, ...]
    command: tuple[str, ...]
    path: str
    field: str
    ready: str


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "naive",
            ("fastapi", "uvicorn", "multipart"),
            ("-m", "uvicorn", "naive:app", "--port", "{port}", "--workers", "{workers}", *_UVICORN[4:]),
            "/digit",
            "image",
            "/openapi.json",
        ),
        Peer("litserve", ("litserve",), ("lit.py", "{port}", "{workers}"), "/predict", "request", "/health"),
        Peer(
            "bentoml",
            ("bentoml",),
            ("-m", "bentoml", "serve", "bento:Digits", "--host", "127.0.0.1", "--port", "{port}"),
            "/digit",
            "images",
            "/readyz",
        ),
    )
}
PEER_APPS = Path(__file__).resolve().parent / "peers"


def artifact() -> Path:
    """The version of the model that the service takes by default. Raises `SystemExit` where there is none."""
    settings = Settings.read()
    folders = scan(settings.artifacts)
    numbers = candidates(settings.artifacts, list(folders), settings.version)
    if not numbers:
        raise SystemExit(f"error: there is no version of the model in {settings.artifacts}")
    return folders[numbers[0]]


@contextmanager
def service(workers: int = 1, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """The service; its settings are those of the environment, and `DIGITS_…` in `settings`. Raises `NotReady`."""
    port = free_port()
    environment = {"DIGITS_WORKERS": str(workers), "DIGITS_LOG_LEVEL": "warning", **(settings or {})}
    command = [sys.executable, "-m", "service", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with started(SERVICE, command, port, "/readyz", environment, workers) as server:
        yield server


@contextmanager
def empty_endpoint(answer_bytes: int, workers: int = 1) -> Iterator[Server]:
    """The empty endpoint; its answer is so long. Raises `NotReady`."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.empty:create_app", *_UVICORN]
    command += ["--port", str(port), "--workers", str(workers)]
    with started(EMPTY, command, port, "/openapi.json", {empty.BYTES: str(answer_bytes)}, workers) as server:
        yield server


def missing(peer: Peer, python: str) -> str | None:
    """Why the peer cannot be run by this python; None: it can."""
    names = (*peer.needs, "tensorflow", "PIL")
    check = f"import importlib.util as u; print(*[n for n in {names!r} if u.find_spec(n) is None])"
    try:
        done = subprocess.run([python, "-c", check], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{python}: {error}"
    if done.returncode:
        return f"{python} ended with status {done.returncode}"
    return f"{python} has no {', '.join(done.stdout.split())}" if done.stdout.strip() else None


@contextmanager
def peer(peer: Peer, python: str, workers: int = 1) -> Iterator[Server]:
    """A peer with the service's model, run by the python of its own virtual environment. Raises `NotReady`."""
    port = free_port()
    command = [python, *(word.format(port=port, workers=workers) for word in peer.command)]
    environment = {
        "PEER_ARTIFACT": str(artifact()),
        "PEER_WORKERS": str(workers),
        "PYTHONPATH": str(PEER_APPS),
        "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with started(peer.name, command, port, peer.ready, environment, workers, cwd=PEER_APPS) as server:
        yield server
