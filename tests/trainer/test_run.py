"""Runs and publishing: killed and resumed, refused and spoiled; nothing is lost and nothing is half-written."""

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import RECIPE, ROOT, Trained, run_trainer, trainer_command
from trainer.errors import PublishError, RunError
from trainer.export import checksums, next_version
from trainer.recipe import Recipe
from trainer.runs import Run, RunConfig

CONFIG = RunConfig(
    recipe=Recipe(), given={}, precision="float32", command="", source_commit="", libraries={}, data_sha256={}
)
STATE = {"weight_000": np.arange(3.0)}


def history(run: Path) -> list[dict[str, object]]:
    newest = max(run.glob("epoch-*"))
    rows: list[dict[str, object]] = json.loads((newest / "history.json").read_text())
    return rows


def untimed(run: Path) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history(run)]


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.timeout(400)
def test_a_killed_run_is_resumed_with_the_same_hashes(trained: Trained, tmp_path: Path) -> None:
    run, artifacts = tmp_path / "run", tmp_path / "artifacts"
    words = ["train", "--data", str(trained.data), "--run", str(run), "--artifacts", str(artifacts)]
    process = subprocess.Popen(
        trainer_command(*words, *RECIPE), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 180
    while not (run / "epoch-001").is_dir():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(history(run))
    assert done < len(history(trained.run))

    again = run_trainer(*words, *RECIPE)
    assert again.returncode == 2
    assert "holds a run already; add --resume" in again.stderr

    other = run_trainer(*words, "--resume", "--any-data", "--seed", "9")
    assert other.returncode == 2
    assert "keeps its recipe; it has another seed" in other.stderr

    resumed = run_trainer(*words, "--resume", "--any-data")
    assert resumed.returncode == 0, resumed.stderr
    assert f"resumed after epoch {done} of 8" in resumed.stdout
    assert untimed(run) == untimed(trained.run)  # the hashes of order and pictures, and every loss and accuracy
    assert (run / "published").read_text() == "1\n"
    assert (artifacts / "1" / "SHA256SUMS").read_text() == checksums(artifacts / "1")


@pytest.mark.timeout(200)
def test_export_publishes_the_next_version_and_leaves_the_others_alone(trained: Trained) -> None:
    before = content(trained.artifact)
    done = run_trainer("export", trained.run, "--data", trained.data, "--artifacts", trained.artifacts, "--any-data")
    assert done.returncode == 0, done.stderr
    assert content(trained.artifact) == before
    second = trained.artifacts / "2"
    assert json.loads((second / "manifest.json").read_text())["version"] == 2
    assert content(second)["golden.npz"]


@pytest.mark.timeout(200)
def test_a_version_that_verification_refuses_is_not_published(trained: Trained, tmp_path: Path) -> None:
    done = run_trainer(
        "export", trained.run, "--data", trained.data, "--artifacts", tmp_path, "--any-data", "--verify", "false"
    )
    assert done.returncode == 2
    assert "not published: `false` refused it" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


@pytest.mark.timeout(200)
def test_a_disk_that_takes_no_more_is_one_clear_line(trained: Trained, tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    words = ["export", str(trained.run), "--data", str(trained.data), "--artifacts", str(tmp_path), "--any-data"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        trainer_command(*words), cwd=ROOT, env=environment, capture_output=True, text=True, preexec_fn=limit
    )
    assert done.returncode == 2, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == done.stderr.splitlines()[-1:]
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", CONFIG)
    assert run.newest() == ({}, [])
    for epoch in (1, 2, 3):
        run.save(STATE, [{"epoch": n + 1} for n in range(epoch)])
    assert sorted(p.name for p in run.folder.glob("epoch-*")) == ["epoch-002", "epoch-003"]
    (run.folder / "epoch-003" / "state.npz").write_bytes(b"cut off")
    state, rows = run.newest()
    assert (state["weight_000"] == STATE["weight_000"]).all()
    assert len(rows) == 2


def test_training_does_not_begin_anew_over_checkpoints_that_cannot_be_read(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", CONFIG)
    (run.folder / "epoch-009").mkdir()
    with pytest.raises(RunError, match="none of its checkpoints can be read"):
        run.newest()
    assert (run.folder / "epoch-009").is_dir()


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", CONFIG)
    with run.held(), pytest.raises(RunError, match="another process"), Run.open(run.folder).held():
        pass


def test_a_run_that_is_done_makes_room_for_the_next(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", CONFIG)
    Run.put_aside_published(run.folder)
    assert run.folder.is_dir()
    run.published(3)
    Run.put_aside_published(run.folder)
    assert not run.folder.exists()
    assert Run.open(tmp_path / "run-v3").config == CONFIG
    Run.start(tmp_path / "run", CONFIG).published(3)
    with pytest.raises(RunError, match="is in the way"):
        Run.put_aside_published(run.folder)
    assert run.folder.is_dir()


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        Run.open(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunError, match="not a run's description"):
        Run.open(tmp_path)


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    Run.start(tmp_path, CONFIG)
    with pytest.raises(RunError, match="holds a run already"):
        Run.start(tmp_path, CONFIG)


def test_versions_are_counted_as_integers(tmp_path: Path) -> None:
    assert next_version(tmp_path) == 1
    for name in ("9", "10", "DEFAULT", ".staging-11", "x12"):
        (tmp_path / name).mkdir()
    assert next_version(tmp_path) == 11


def test_two_publishers_do_not_meet(tmp_path: Path) -> None:
    from trainer.export import _staging

    with (
        _staging(tmp_path),
        pytest.raises(PublishError, match="another run is publishing there"),
        _staging(tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explore", "--data", "nowhere"], "nowhere: no such folder"),
        (["train", "--data", "nowhere"], "nowhere: no such folder"),
        (["evaluate", "nowhere"], "nowhere"),
        (["export", "nowhere", "--data", "nowhere"], "nowhere: no such folder"),
        (["train", "--data", "{data}"], "is not MNIST's: sha256"),
        (
            ["train", "--data", "{data}", "--any-data", "--epochs", "0"],
            "--epochs: Input should be greater than or equal to 1",
        ),
        (
            ["train", "--data", "{data}", "--any-data", "--validation", "5000"],
            "5,000 pictures cannot be held out of 2,300",
        ),
    ],
)
def test_what_the_caller_can_mend_is_one_line_and_exit_status_2(
    words: list[str], message: str, drawn_data: Path, tmp_path: Path
) -> None:
    run = ["--run", str(tmp_path / "run")] if words[0] == "train" else []
    done = run_trainer(*(word.format(data=drawn_data) for word in words), *run)
    assert list(tmp_path.iterdir()) == []
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line]
    assert lines[-1].startswith("error: ")
    assert message in lines[-1]
    assert "Traceback" not in done.stderr
