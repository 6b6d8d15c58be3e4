"""The containers, the full and the slim one: built and run read-only, without capabilities, as a user without rights."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import ROOT, Trained
from tests.drawing import encoded, page

FULL, SLIM = "digits-test", "digits-test-slim"
MOST_BYTES = {FULL: 1_500_000_000, SLIM: 500_000_000}
MEMORY = {FULL: "2g", SLIM: "256m"}
HARDENED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


def docker(*words: str, timeout: float = 120) -> str:
    done = subprocess.run(["docker", *words], cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def logs(container: str) -> str:
    """What it printed and what it logged."""
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True)
    return done.stdout + done.stderr


def engine() -> bool:
    return bool(shutil.which("docker")) and not subprocess.run(["docker", "info"], capture_output=True).returncode


pytestmark = [
    pytest.mark.skipif(not engine(), reason="needs a container engine that `docker info` reaches"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module", params=[FULL, SLIM])
def image(request: pytest.FixtureRequest) -> str:
    tag = str(request.param)
    target = ["--target", "slim"] if tag == SLIM else []
    docker("build", "--network", "host", "-t", tag, *target, ".", timeout=1100)
    return tag


@pytest.fixture(scope="module")
def running(image: str, trained: Trained) -> Iterator[tuple[str, str]]:
    """The container's id and its address. The slim one serves the tiny artifact, mounted: version 1 has no graph for it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [*HARDENED, "--memory", MEMORY[image], "-e", f"PORT={port}"]
    if image == SLIM:
        options += ["-v", f"{trained.artifacts}:/app/artifacts/digits:ro"]
    container = docker("run", "-d", "--network", "host", *options, image)
    try:
        deadline = time.monotonic() + 90
        while docker("inspect", "-f", "{{.State.Health.Status}}", container) != "healthy":
            assert time.monotonic() < deadline, logs(container)
            time.sleep(0.5)
        yield container, f"http://127.0.0.1:{port}"
    finally:
        docker("rm", "-f", container)


def test_the_image_is_small_and_its_user_has_no_rights(image: str) -> None:
    (described,) = json.loads(docker("image", "inspect", image))
    assert described["Size"] < MOST_BYTES[image]
    assert described["Config"]["User"] == "10001"


def test_it_reads_with_a_read_only_root(running: tuple[str, str]) -> None:
    for digit in (0, 3, 7):
        answer = httpx.post(f"{running[1]}/v1/digit", files={"image": encoded(page(digit))})
        assert answer.json()["digit"] == digit


def test_it_logs_one_json_object_a_line(running: tuple[str, str]) -> None:
    httpx.get(f"{running[1]}/nowhere")
    lines = [json.loads(line) for line in logs(running[0]).splitlines() if line.startswith("{")]
    assert any(line.get("path") == "/nowhere" and line.get("status") == 404 for line in lines)


def test_it_ends_in_order_when_told_to(image: str, trained: Trained) -> None:
    mount = ["-v", f"{trained.artifacts}:/app/artifacts/digits:ro"]
    container = docker("run", "-d", "--network", "host", *HARDENED, *mount, "-e", "DIGITS_PORT=0", image)
    try:
        deadline = time.monotonic() + 60
        while "is ready" not in logs(container):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        docker("stop", "-t", "30", container)
        assert docker("inspect", "-f", "{{.State.ExitCode}}", container) == "0"
    finally:
        docker("rm", "-f", container)


def test_the_trainer_and_tensorflow_are_in_the_full_image_alone(image: str) -> None:
    run = ["docker", "run", "--rm", *HARDENED, "--network", "none", image, "python", "-m", "trainer", "train", "--help"]
    told = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert ("--resume" in told.stdout) == (image == FULL)
    assert ("No module named trainer" in told.stderr) == (image == SLIM)
    packages = docker("run", "--rm", "--entrypoint", "ls", image, "/opt/venv/lib/python3.12/site-packages").split()
    assert ("tensorflow" in packages) == (image == FULL)
    assert "ai_edge_litert" in packages
