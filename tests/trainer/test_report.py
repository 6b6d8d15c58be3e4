from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainer import html
from trainer.curves import training
from trainer.errors import DataError
from trainer.manifest import Thresholds
from trainer.measure import Evaluation, SetScore, assess, assess_refusals
from trainer.report import evaluation_report, model_card
from trainer.served import load_served

Parse = Callable[[str], Any]
HISTORY = [
    {
        "epoch": i,
        "loss": 1 / i,
        "accuracy": 1 - 0.1 / i,
        "val_accuracy": 1.0,
        "learning_rate": 3e-3 / i,
        "seconds": 60.0,
    }
    for i in range(1, 5)
]


@pytest.fixture
def manifest(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "name": "digits",
        "version": 3,
        "created": "2026-01-31T12:00:00Z",
        "source_commit": "abc123",
        "command": "python -m trainer train --epochs 4 <&>",
        "seed": 11,
        "libraries": {"python": "3.11.7", "tensorflow": "2.21.0"},
        "input": {"canvas": 28, "box": 20, "centering": "mass", "ink": "bright"},
        "thresholds": {"confidence": 0.8, "digit_probability": 0.5},
        "parameters": 326827,
        "training_data": [{"name": "mnist_train", "pictures": 55000, "sha256": "12" * 32}],
        "metrics": [evaluation.as_metrics("mnist_test", "34" * 32)],
    }


def test_the_card_tells_all_and_shows_no_picture(
    manifest: dict[str, Any], evaluation: Evaluation, parse: Parse
) -> None:
    card = model_card(manifest, evaluation, HISTORY)
    page = parse(card)
    assert not page.all("img")
    assert not page.all("image")
    assert "data:" not in card
    for words in (
        "Digits, version 3",
        f"{evaluation.accuracy.value:.2%}",
        f"{100 * evaluation.accuracy.low:.2f} to {evaluation.accuracy.high:.2%}",
        f"{evaluation.ece:.4f}",
        "Precision",
        "Confusion matrix",
        "Calibration",
        "Risk and coverage",
        "4 epochs in 4.0 minutes",
        "Meant for",
        "Limits",
        "Yann LeCun and Corinna Cortes",
        "NIST",
        "Attribution-ShareAlike 3.0",
        "12" * 32,
        "34" * 32,
        "python -m trainer train --epochs 4 <&>",
        "Seed 11",
        "abc123",
        "2.21.0",
        "326,827",
    ):
        assert words in page.text, words
    assert len(page.all("svg")) == 5


def test_the_card_tells_what_the_accuracy_owes_to_chance(
    manifest: dict[str, Any], evaluation: Evaluation, parse: Parse
) -> None:
    students = {"released": 1, "losses": [0.03, 0.02, 0.04], "test_accuracies": [0.9978, 0.9980, 0.9982]}
    text = parse(model_card({**manifest, "students": students}, evaluation, HISTORY)).text
    assert "2 (released)" in text
    assert "99.800% ± 0.020" in text
    alone = {name: values[:1] if isinstance(values, list) else 0 for name, values in students.items()}
    assert "Students" not in parse(model_card({**manifest, "students": alone}, evaluation, HISTORY)).text


def test_the_card_is_the_same_bytes_each_time(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    assert model_card(manifest, evaluation, HISTORY) == model_card(manifest, evaluation, HISTORY)


def test_the_card_does_without_history_and_without_mnist(
    manifest: dict[str, Any], evaluation: Evaluation, parse: Parse
) -> None:
    manifest["training_data"] = manifest["metrics"] = []
    page = parse(model_card(manifest, evaluation, []))
    assert "epochs in" not in page.text
    assert "LeCun" not in page.text


@pytest.fixture
def sets(evaluation: Evaluation) -> list[SetScore]:
    random = np.random.default_rng(6)
    answers = np.full((40, 10), 0.1, np.float32), random.uniform(0, 0.7, 40).astype(np.float32)
    others = assess_refusals(*answers, evaluation.digit_probability, evaluation.thresholds)
    return [
        SetScore("scans", "9a" * 32, evaluation, None),
        SetScore("cells", "9b" * 32, evaluation, others),
        SetScore("doodles", "9c" * 32, None, others),
    ]


def test_the_card_tells_of_other_sets_and_corruptions_in_figures(
    manifest: dict[str, Any], evaluation: Evaluation, sets: list[SetScore], parse: Parse
) -> None:
    manifest["metrics"] += [entry for score in sets for entry in score.as_metrics()]
    spoilt = {"shot_noise": evaluation, "canny_edges": evaluation}
    card = model_card(manifest, evaluation, HISTORY, sets=sets, corruptions=spoilt)
    page = parse(card)
    assert not page.all("img")
    others = sets[2].others
    assert others is not None
    low, high = evaluation.ece_interval
    for words in (
        "Pictures unlike MNIST's",
        f"{low:.4f} to {high:.4f}",
        "doodles",
        "cells_no_digits",
        f"{others.auroc:.4f}",
        f"{others.fpr:.2%}",
        "shot noise",
        "canny edges",
        f"Mean error {1 - evaluation.accuracy.value:.2%} over the 2 corruptions",
        "9c" * 32,
    ):
        assert words in page.text, words
    assert len(page.all("svg")) == 6
    assert card == model_card(manifest, evaluation, HISTORY, sets=sets, corruptions=spoilt)
    page = parse(model_card(manifest, evaluation, HISTORY))
    assert "unlike MNIST's" not in page.text
    assert "None" not in page.text


def test_the_card_tells_what_a_running_service_answered(
    manifest: dict[str, Any], evaluation: Evaluation, parse: Parse, tmp_path: Path
) -> None:
    def row(name: str, error: float, **more: float) -> dict[str, Any]:
        empty = dict.fromkeys(("right_of_ok", "ece", "ece_low", "ece_high", "auroc"))
        return {"name": name, "pictures": 40, "error": error, "ok": 0.5, "refused": 0.25, **empty, **more}

    rows = {"sets": [row("doodles", 0.075, auroc=0.9876)], "corruptions": [row("fog", 0.01), row("zigzag", 0.04)]}
    path = tmp_path / "served.json"
    path.write_text(json.dumps(rows))
    page = parse(model_card(manifest, evaluation, HISTORY, served=load_served(path)))
    for words in ("Through the service", "doodles", "7.50%", "0.9876", "zigzag", "4.00%", "2.50%"):
        assert words in page.text, words
    del rows["sets"][0]["ok"]
    path.write_text(json.dumps(rows))
    with pytest.raises(DataError, match=r"served\.json: not what benchmarks\.accuracy --json writes: sets\.0\.ok"):
        load_served(path)
    with pytest.raises(DataError, match="No such file"):
        load_served(tmp_path / "none.json")


def test_the_card_names_what_it_was_calibrated_on(
    manifest: dict[str, Any], evaluation: Evaluation, parse: Parse
) -> None:
    data = [{"name": "forms", "pictures": 1200, "sha256": "9d" * 32}]
    manifest |= {"calibration": {"temperature": 1.1, "data": data}, "parent": 2, "multiply_adds": 4_321_000}
    page = parse(model_card(manifest, evaluation, []))
    for words in ("were fitted on forms", "9d" * 32, "that of version 2, calibrated anew", "4.3 million multiply-adds"):
        assert words in page.text, words
    assert "validation pictures, plain and distorted" not in page.text


def test_the_report_adds_each_sets_calibration(
    manifest: dict[str, Any], evaluation: Evaluation, sets: list[SetScore], parse: Parse
) -> None:
    images = np.zeros((300, 28, 28), np.uint8)
    page = parse(evaluation_report(manifest, evaluation, images, "56", sets=sets, corruptions={"fog": evaluation}))
    assert len(page.all("svg")) == 2 + 1 + 2 * 2
    assert "9b" * 32 in page.text
    assert "nan" not in page.text


def test_training_in_phases_has_a_curve_for_each(parse: Parse) -> None:
    phases = [*(f"teacher {i}" for i in range(1, 5)), "student"]
    history = [{**record, "phase": phase} for phase in phases for record in HISTORY]
    page = parse(html.page("Phases", "", [training(history)]))
    assert "20 epochs in 20.0 minutes" in page.text
    assert "teacher 1, teacher 2, teacher 3, teacher 4, student; what the last" in page.text
    assert page.text.count("student") >= 3 + 4  # each chart's key and each row of the table
    assert "training, distorted" not in page.text


@pytest.mark.parametrize("mistakes", [0, 1, 4])
def test_the_report_shows_the_worst_mistakes(
    manifest: dict[str, Any], evaluation: Evaluation, parse: Parse, mistakes: int
) -> None:
    images = np.random.default_rng(1).integers(0, 256, (300, 28, 28), np.uint8)
    page = parse(evaluation_report(manifest, evaluation, images, "56" * 32, mistakes=mistakes))
    shown = page.all("img")
    assert len(shown) == mistakes
    for picture, index in zip(shown, evaluation.worst(mistakes), strict=True):
        data = base64.b64decode(picture["src"].removeprefix("data:image/png;base64,"))
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), images[index])
        assert f"{evaluation.labels[index]} read as {evaluation.predicted[index]}" in page.text
    assert "56" * 32 in page.text


def test_everything_right_and_everything_refused(manifest: dict[str, Any], parse: Parse) -> None:
    labels = np.arange(10)
    for digit in (0.0, 1.0):
        e = assess(np.eye(10, dtype=np.float32), np.full(10, digit, np.float32), labels, Thresholds(0.9, 0.5))
        page = parse(evaluation_report(manifest, e, np.zeros((10, 28, 28), np.uint8), "78"))
        assert "every picture was read right" in page.text
        assert "nan" not in page.text
