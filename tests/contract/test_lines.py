"""A reader of lines beside a version's reader of digits: trained, published, asked by both runtimes, refused if it cannot read."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.model.artifact import Manifest as ServiceManifest
from service.model.golden import check_model, open_golden
from service.model.litert import open_tflite
from service.model.runtime import open_saved_model
from tests.conftest import ROOT, Trained, run_trainer
from tests.contract.test_artifact import service
from trainer.manifest import Manifest

pytestmark = pytest.mark.timeout(300)  # the first test waits for the training
RELEASED = sorted(
    (p for p in (ROOT / "artifacts" / "digits").iterdir() if p.name.isdecimal()), key=lambda path: int(path.name)
)[-1]


@pytest.fixture(scope="module")
def taught(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny artifact with a reader of lines that has seen a hundred lines, and cannot read for that."""
    root = tmp_path_factory.mktemp("taught")
    shutil.copytree(trained.artifact, root / "1")
    done = run_trainer(
        "lines", root / "1", "--run", root / "run", "--line-epochs", "1", "--limit", "100", "--data", trained.data, "--any-data",
        "--validation", "300", "--precision", "float32", "--artifacts", root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root / "2"


def manifest(artifact: Path) -> Manifest:
    return Manifest.model_validate_json((artifact / "manifest.json").read_text())


def test_its_digits_are_the_parents(trained: Trained, taught: Path) -> None:
    written, parent = manifest(taught), manifest(trained.artifact)
    assert (written.version, written.parent, parent.lines) == (2, 1, None)
    assert written.lines is not None
    assert written.lines.lines_seen == 100
    assert (
        written.lines.command
        == "python -m trainer lines --validation 300 --precision float32 --line-epochs 1 --limit 100"
    )
    assert written.reference is not None
    kept = ("seed", "thresholds", "calibration", "parameters", "training_data", "source_commit", "command", "reference")
    for field in kept:
        assert getattr(written, field) == getattr(parent, field), field
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    answers = zip(*(open_saved_model(folder, 1).digits(images) for folder in (trained.artifact, taught)), strict=True)
    for before, after in answers:
        np.testing.assert_allclose(after, before, atol=1e-5)
    ServiceManifest.model_validate_json((taught / "manifest.json").read_bytes())


def test_both_runtimes_name_columns_alike(taught: Path) -> None:
    golden = open_golden(taught)
    models = open_saved_model(taught, 1), open_tflite(taught, 1)
    lines = np.random.default_rng(1).integers(0, 256, (7, 32, 168)).astype(np.uint8)
    answers = []
    for model in models:
        check_model(golden, model)
        assert model.lines is not None
        answers.append(np.exp(model.lines(lines)))
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-4)
    assert answers[0].shape == (7, 84, 11)
    np.testing.assert_allclose(answers[0].sum(2), 1, atol=1e-4)


def test_a_version_that_cannot_read_its_golden_numbers_is_refused(taught: Path) -> None:
    done = service("verify", taught)
    assert done.returncode != 0
    assert "golden.npz: number 0: expected '1234567890'" in done.stderr + done.stdout


def test_a_calibration_and_a_training_keep_it(trained: Trained, taught: Path, tmp_path: Path) -> None:
    root = tmp_path / "artifacts"
    shutil.copytree(taught, root / "2")
    done = run_trainer("export", trained.run, "--data", trained.data, "--any-data", "--artifacts", root)
    assert done.returncode == 0, done.stderr
    assert manifest(root / "3").lines == manifest(taught).lines
    lines = np.random.default_rng(1).integers(0, 256, (2, 32, 168)).astype(np.uint8)
    before, after = (open_saved_model(folder, 1).lines for folder in (taught, root / "3"))
    assert before is not None and after is not None
    np.testing.assert_allclose(after(lines), before(lines), atol=1e-4)


def test_a_version_without_one_says_so(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "number.png"
    buffer = io.BytesIO()
    Image.new("L", (60, 40), 255).save(buffer, "PNG")
    file.write_bytes(buffer.getvalue())
    done = service("read", "--number", "--json", file, artifacts=trained.artifacts)
    assert done.returncode != 0
    assert "reads single digits only" in done.stderr + done.stdout


@pytest.mark.parametrize("runtime", ["tensorflow", "litert"])
def test_the_released_version_reads_numbers_with_either_runtime(runtime: str) -> None:
    golden = open_golden(RELEASED)
    assert [text for _, text in golden.numbers] == ["1234567890", "20\n471", "3867", "905"]
    model = (open_saved_model if runtime == "tensorflow" else open_tflite)(RELEASED, 1)
    check_model(golden, model)
    about = json.loads((RELEASED / "manifest.json").read_text())["lines"]
    assert about["validation"]["accuracy"] > 0.8
    assert sys.modules["service.model.golden"].TOLERANCE <= 1e-3
