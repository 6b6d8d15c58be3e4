"""The artifact is the contract: what the trainer publishes, the service serves."""

import json
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from service.model.artifact import Manifest as ServiceManifest
from service.model.litert import open_tflite
from service.model.runtime import open_saved_model
from service.reading.reader import Reader
from service.reading.types import Signatures, Thresholds
from tests.conftest import ROOT, Trained
from tests.drawing import encoded, page
from tests.service.fakes import seal
from trainer.evaluate import load_signature
from trainer.graph import bfloat16_nodes
from trainer.manifest import Manifest as TrainerManifest

RELEASED = sorted((p for p in (ROOT / "artifacts" / "digits").glob("[0-9]*")), key=lambda p: int(p.name))


RUNTIMES = ["tensorflow", "litert"]


def service(*words: str | Path, **settings: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DIGITS_")} | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= {f"DIGITS_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "service", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_both_sides_read_the_same_manifest(trained: Trained) -> None:
    text = (trained.artifact / "manifest.json").read_text()
    written = TrainerManifest.model_validate_json(text)
    read = ServiceManifest.model_validate_json(text)
    assert read.model_dump(mode="json") == written.model_dump(mode="json") == json.loads(text)


def test_the_signature_is_as_documented(trained: Trained) -> None:
    import tensorflow as tf

    signature = tf.saved_model.load(str(trained.artifact)).signatures["serving_default"]
    (given,) = signature.structured_input_signature[1].values()
    assert (given.name, given.dtype.name, given.shape.as_list()) == ("images", "uint8", [None, 28, 28])
    outputs = {n: (s.dtype.name, s.shape.as_list()) for n, s in signature.structured_outputs.items()}
    assert outputs == {"probabilities": ("float32", [None, 10]), "digit_probability": ("float32", [None])}


def test_the_graph_is_float32_frozen_and_answers_any_number_of_pictures(trained: Trained) -> None:
    assert bfloat16_nodes(trained.artifact) == []
    assert (trained.artifact / "variables" / "variables.data-00000-of-00001").stat().st_size < 1000
    answer = load_signature(trained.artifact)
    images = np.random.default_rng(0).integers(0, 256, (37, 28, 28)).astype(np.uint8)
    probabilities, digit_probability = answer(images)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert ((digit_probability >= 0) & (digit_probability <= 1)).all()
    np.testing.assert_allclose(answer(images[:1])[0], probabilities[:1], atol=1e-5)


def test_the_trainer_showed_it_to_the_service_before_publishing(trained: Trained) -> None:
    assert "digits version 1 is good" in trained.output
    for runtime in RUNTIMES:
        assert service("verify", trained.artifact, runtime=runtime).returncode == 0


def test_tensorflow_loads_without_a_word(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "blank.png").write_bytes(encoded(np.full((28, 28), 255, np.uint8)))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DIGITS_", "TF_"))}
    environment["DIGITS_ARTIFACTS"] = str(trained.artifact.parent)
    command = [sys.executable, "-m", "service", "read", str(tmp_path / "blank.png")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("blank\n")


def test_both_runtimes_answer_alike(trained: Trained) -> None:
    images = np.random.default_rng(0).integers(0, 256, (45, 28, 28)).astype(np.uint8)
    answers = zip(
        open_saved_model(trained.artifact, 1).digits(images),
        open_tflite(trained.artifact, 1).digits(images),
        strict=True,
    )
    for expected, given in answers:
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-4)


def test_the_service_needs_no_tensorflow_where_litert_runs_the_model(trained: Trained) -> None:
    """Read from the command line and served; a package that must not be imported counts as not installed."""
    code = (
        "import asyncio, sys\n"
        "sys.modules.update(tensorflow=None, keras=None, matplotlib=None)\n"
        "import httpx\n"
        "from service.app import create_app\n"
        "from service.settings import Settings\n"
        "async def ask(picture):\n"
        "    app = create_app(Settings())\n"
        "    async with app.router.lifespan_context(app):\n"
        "        transport = httpx.ASGITransport(app)\n"
        "        async with httpx.AsyncClient(transport=transport, base_url='http://digits') as client:\n"
        "            while (await client.get('/readyz')).status_code != 200:\n"
        "                await asyncio.sleep(0.05)\n"
        "            answer = await client.post('/v1/digit', files={'image': picture})\n"
        "            print(answer.json()['digit'])\n"
        "asyncio.run(ask(sys.stdin.buffer.read()))\n"
    )
    environment = {**os.environ, "DIGITS_ARTIFACTS": str(trained.artifacts), "DIGITS_RUNTIME": "litert"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, input=encoded(page(3)), capture_output=True, timeout=60)
    assert done.stdout.decode() == "3\n", done.stderr.decode()


def test_a_version_without_the_smaller_graph_is_refused_by_the_smaller_runtime_alone(
    trained: Trained, tmp_path: Path
) -> None:
    older = Path(shutil.copytree(trained.artifact, tmp_path / "1"))
    (older / "model.tflite").unlink()
    seal(older)
    assert service("verify", older).returncode == 0
    refused = service("verify", older, runtime="litert")
    assert refused.returncode == 2
    assert "model.tflite: is missing" in refused.stderr


def test_a_flipped_byte_in_any_file_is_refused_with_the_files_name(trained: Trained, tmp_path: Path) -> None:
    names = [p.relative_to(trained.artifact) for p in trained.artifact.rglob("*") if p.is_file()]
    assert len(names) >= 8
    for i, name in enumerate(names):
        spoiled = Path(shutil.copytree(trained.artifact, tmp_path / str(i + 1)))
        data = bytearray((spoiled / name).read_bytes())
        data[len(data) // 2] ^= 1
        (spoiled / name).write_bytes(data)
    script = (
        "import sys, pathlib\n"
        "from service.errors import DigitsError\n"
        "from service.model.artifact import open_artifact\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        open_artifact(pathlib.Path(path))\n"
        "        print('accepted')\n"
        "    except DigitsError as error:\n"
        "        print(error.detail)\n"
    )
    folders = [str(tmp_path / str(i + 1)) for i in range(len(names))]
    done = subprocess.run([sys.executable, "-c", script, *folders], cwd=ROOT, capture_output=True, text=True)
    for name, line in zip(names, done.stdout.splitlines(), strict=True):
        assert name.as_posix() in line or (name.name == "SHA256SUMS" and line != "accepted"), (name, line)
    damaged = service("verify", folders[0])
    assert damaged.returncode == 2
    assert str(names[0]) in damaged.stderr.splitlines()[-1]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_read_answers_what_was_drawn(trained: Trained, tmp_path: Path, runtime: str) -> None:
    for digit in range(10):
        (tmp_path / f"{digit}.png").write_bytes(encoded(page(digit)))
    (tmp_path / "blank.png").write_bytes(encoded(page(None)))
    files = [tmp_path / f"{n}.png" for n in [*range(10), "blank"]]
    done = service("read", "--json", *files, artifacts=trained.artifacts, runtime=runtime)
    assert done.returncode == 0, done.stderr
    readings = [json.loads(line) for line in done.stdout.splitlines()]
    digits = [reading["reading"]["digit"] if "reading" in reading else reading["digit"] for reading in readings]
    assert digits == [*range(10), None]


@pytest.mark.skipif(not RELEASED, reason="needs a released version in artifacts/digits")
def test_the_released_model_reads_other_peoples_digits_of_8_by_8_pixels() -> None:
    """scikit-learn's digits: 43 people's real handwriting, in no way like MNIST's pictures, filling the frame."""
    manifest = TrainerManifest.model_validate_json((RELEASED[-1] / "manifest.json").read_text())
    thresholds = Thresholds(manifest.thresholds.confidence, manifest.thresholds.digit_probability)
    reader = Reader(Signatures(load_signature(RELEASED[-1])), thresholds)
    digits = load_digits()
    prepared = [reader.prepare(picture) for picture in np.round(digits.images * (255 / 16)).astype(np.uint8)]
    readings = reader.conclude(prepared, [False] * len(prepared))
    right = np.array([reading.digit == label for reading, label in zip(readings, digits.target, strict=True)])
    ok = np.array([reading.status == "ok" for reading in readings])
    assert right.mean() > 0.93
    assert ok.mean() > 0.75
    assert right[ok].mean() > 0.985


class _Pictures(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("img", "image", "picture"):
            self.found.append(tag)


@pytest.mark.skipif(not RELEASED, reason="needs a released version in artifacts/digits")
@pytest.mark.parametrize("released", RELEASED, ids=lambda p: f"version {p.name}")
def test_a_released_version_is_good_small_and_shows_no_picture(released: Path) -> None:
    for runtime in RUNTIMES if (released / "model.tflite").exists() else RUNTIMES[:1]:
        done = service("verify", released, runtime=runtime)
        assert done.returncode == 0, done.stderr
    assert sum(p.stat().st_size for p in released.rglob("*") if p.is_file()) < 16_000_000
    manifest = TrainerManifest.model_validate_json((released / "manifest.json").read_text())
    assert manifest.version == int(released.name)
    assert bfloat16_nodes(released) == []
    parser = _Pictures()
    parser.feed((released / "report" / "index.html").read_text())
    assert parser.found == []
