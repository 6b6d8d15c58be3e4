"""What more than one part of the suite needs: a data set of drawn digits, and the tiny artifact that is trained on it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.drawing import write_idx
from trainer.data import Mnist, load_mnist

ROOT = Path(__file__).parent.parent
RECIPE = [
    "--line-epochs", "0",
    "--epochs", "6", "--teacher-epochs", "2", "--students", "2", "--batch-size", "32", "--validation", "300",
    "--precision", "float32", "--any-data",
]  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A finished run: its data, its folder, the artifacts' root below which version 1 was published, what it printed."""

    data: Path
    run: Path
    artifacts: Path
    output: str

    @property
    def artifact(self) -> Path:
        return self.artifacts / "1"


def trainer_command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "trainer", *map(str, words)]


def run_trainer(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """The trainer's command line in a process of its own, in the checkout."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(trainer_command(*words), cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="session")
def drawn_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST's four files, filled with 2,300 and 300 digits of the project's own pen."""
    return write_idx(tmp_path_factory.mktemp("data") / "mnist", 2_300, 300)


@pytest.fixture(scope="session")
def mnist_like(drawn_data: Path) -> Mnist:
    return load_mnist(drawn_data, check=False)


@pytest.fixture(scope="session")
def trained(drawn_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The trainer's whole way, once for the session: train, verify with the service, publish."""
    root = tmp_path_factory.mktemp("trained")
    artifacts = root / "artifacts" / "digits"
    done = run_trainer(
        "train", "--data", drawn_data, "--run", root / "run", "--artifacts", artifacts, *RECIPE,
        "--verify", f"{sys.executable} -m service verify",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return Trained(drawn_data, root / "run", artifacts, done.stdout)
