"""What is damaged, missing or wrong in an artifact is refused, and named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import ArtifactRefused
from service.model.artifact import Manifest, open_artifact
from service.model.version import Verified, thresholds_of, verify
from service.reading.types import Thresholds
from service.settings import Settings
from tests.service.fakes import ZERO, FakeModel, manifest, opener, publish, seal

FILES = ["saved_model.pb", "manifest.json", "golden.npz", "report/index.html"]
Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return publish(tmp_path, 3)


def check(folder: Path) -> Verified:
    return verify(folder, Settings(), opener(FakeModel()))


def test_a_good_version_is_verified(folder: Path) -> None:
    verified = check(folder)
    assert verified.artifact.files == 4
    assert verified.artifact.manifest.version == 3
    assert len(verified.golden.pictures) == 3


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_a_flipped_byte_is_found_wherever_it_is(folder: Path, name: str, place: float) -> None:
    data = bytearray((folder / name).read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ArtifactRefused, match="is damaged") as refused:
        check(folder)
    assert refused.value.file == name


def test_a_flipped_byte_in_the_checksums_is_found(folder: Path) -> None:
    sums = folder / "SHA256SUMS"
    good = sums.read_bytes()
    for place in range(0, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 1
        sums.write_bytes(bad)
        with pytest.raises(ArtifactRefused):
            check(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactRefused, match="is missing") as refused:
        check(folder)
    assert refused.value.file == name


@pytest.mark.parametrize("name", FILES[:3])
def test_a_file_that_was_never_there_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    seal(folder)
    with pytest.raises(ArtifactRefused, match="is missing") as refused:
        check(folder)
    assert refused.value.file == name


@pytest.mark.parametrize("name", ["extra.txt", "report/extra.png", ".hidden"])
def test_a_file_that_is_not_listed_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("x")
    with pytest.raises(ArtifactRefused, match="is not listed") as refused:
        check(folder)
    assert refused.value.file == name


def test_a_version_without_checksums_is_refused(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(ArtifactRefused, match="SHA256SUMS: is missing"):
        check(folder)


@pytest.mark.parametrize("line", ["", "no line", f"{'0' * 64}  ../2/manifest.json", f"{'0' * 64}  /etc/passwd"])
def test_checksums_of_another_form_or_of_other_folders_are_refused(folder: Path, line: str) -> None:
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write(f"{line}\n")
    with pytest.raises(ArtifactRefused, match="SHA256SUMS: is damaged in line 5"):
        check(folder)


def test_the_digest_pins_the_content(folder: Path) -> None:
    digest = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    open_artifact(folder, digest.upper())
    with pytest.raises(ArtifactRefused, match="DIGITS_DIGEST"):
        open_artifact(folder, "0" * 64)


def changed(tmp_path: Path, change: Callable[[dict[str, Any], Arrays], None]) -> Path:
    return publish(tmp_path / "changed", 3, change)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", 2),
        ("version", 4),
        ("version", "three"),
        ("labels", [1, 2, 3]),
        ("input", {"canvas": 32, "box": 20, "centering": "mass", "ink": "bright"}),
        ("thresholds", {"confidence": 2, "digit_probability": 0.5}),
        ("metrics", None),
    ],
)
def test_a_manifest_that_breaks_the_contract_is_refused(tmp_path: Path, field: str, value: object) -> None:
    folder = changed(tmp_path, lambda manifest, golden: manifest.update({field: value}))
    with pytest.raises(ArtifactRefused, match=field) as refused:
        check(folder)
    assert refused.value.file == "manifest.json"


def test_a_manifest_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    seal(folder)
    with pytest.raises(ArtifactRefused, match=r"manifest\.json: Invalid JSON"):
        check(folder)


def test_fields_that_the_service_does_not_know_are_kept(tmp_path: Path) -> None:
    folder = changed(tmp_path, lambda manifest, golden: manifest.update(recipe="new"))
    assert check(folder).artifact.manifest.model_dump()["recipe"] == "new"


@pytest.mark.parametrize(("lines", "favour"), [(None, 0.0), ({}, 1.25), ({"favour": 0.5}, 0.5)])
def test_digits_in_lines_have_what_the_manifest_gives_them(lines: dict[str, Any] | None, favour: float) -> None:
    of_lines = {
        "input": {"height": 32, "digit": 20, "centering": "mass", "ink": "bright", "step": 2},
        "parameters": 1,
        "temperature": 1.0,
        "command": "",
        "source_commit": "",
        "lines_seen": 1,
        "validation": {"lines": 1, "accuracy": 1.0, "apart": 1.0, "none": 1.0, "ece": 0.0},
    }
    given = Manifest.model_validate(manifest(7) | {"lines": None if lines is None else of_lines | lines})
    assert thresholds_of(given) == Thresholds(given.thresholds.confidence, given.thresholds.digit_probability, favour)


def test_a_version_that_is_being_published_can_be_verified(folder: Path) -> None:
    check(folder.rename(folder.parent / ".staging-3"))


@pytest.mark.parametrize("output", ["probabilities", "digit_probability"])
@pytest.mark.parametrize("value", [0.01, np.nan])
def test_a_model_that_answers_otherwise_than_when_published_is_refused(
    tmp_path: Path, output: str, value: float
) -> None:
    def change(manifest: dict[str, Any], golden: Arrays) -> None:
        golden[output] = golden[output].copy()
        golden[output][1] += value

    with pytest.raises(ArtifactRefused, match=f"golden.npz: image 1: .* {output}"):
        check(changed(tmp_path, change))


def test_a_model_may_differ_by_a_thousandth(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any], golden: Arrays) -> None:
        golden["probabilities"] = golden["probabilities"] + np.float32(0.0009)

    check(changed(tmp_path, change))


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("picture_digit", 0, 7, "picture 'bar': expected ok 7, got ok 1"),
        ("picture_status", 2, "ok", "picture 'nothing': expected ok, got blank"),
    ],
)
def test_a_pipeline_that_reads_otherwise_than_a_person_is_refused(
    tmp_path: Path, name: str, index: int, value: object, message: str
) -> None:
    def change(manifest: dict[str, Any], golden: Arrays) -> None:
        golden[name][index] = value

    with pytest.raises(ArtifactRefused, match=message):
        check(changed(tmp_path, change))


def test_a_golden_picture_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any], golden: Arrays) -> None:
        golden["picture_bytes"] = np.zeros(3 * len(ZERO), np.uint8)

    with pytest.raises(ArtifactRefused, match="picture 'bar': expected ok 1, but"):
        check(changed(tmp_path, change))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", np.zeros((0, 28, 28), np.uint8)),
        ("images", np.zeros((2, 28, 28), np.float32)),
        ("images", np.zeros((2, 32, 32), np.uint8)),
        ("probabilities", np.zeros((3, 10), np.float32)),
        ("picture_offsets", np.array([0, 1])),
        ("picture_name", np.array([{}], object)),
        ("picture_digit", None),
    ],
)
def test_golden_questions_of_another_form_are_refused(tmp_path: Path, name: str, value: Any) -> None:
    def change(manifest: dict[str, Any], golden: Arrays) -> None:
        if value is None:
            del golden[name]
        else:
            golden[name] = value

    with pytest.raises(ArtifactRefused) as refused:
        check(changed(tmp_path, change))
    assert refused.value.file == "golden.npz"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_golden_questions_that_are_no_archive_are_refused(folder: Path, content: bytes) -> None:
    (folder / "golden.npz").write_bytes(content)
    seal(folder)
    with pytest.raises(ArtifactRefused, match=r"golden\.npz: cannot be read"):
        check(folder)
