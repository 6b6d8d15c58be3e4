"""The trainer's reference and the service's window count alike: what the reference was made of has not drifted."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.model.reference import Reference
from service.telemetry.drift import WINDOW, Window
from trainer.npz import Pictures
from trainer.reference import PROBABILITIES, reference

Answers = tuple[NDArray[np.float32], NDArray[np.float32]]


def answers(sharpness: float) -> Answers:
    """Of 1,000 pictures, about as surely as `sharpness`; some of them are on an edge of the bins."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(WINDOW, 10)) + sharpness * np.eye(10)[rng.integers(0, 10, WINDOW)]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    whole = 1 / (1 + np.exp(-rng.normal(sharpness, 2, WINDOW)))
    whole[: len(PROBABILITIES)] = PROBABILITIES
    return probabilities.astype(np.float32), whole.astype(np.float32)


def indices(given: Reference, live: Answers) -> dict[str, float]:
    window = Window(given)
    for probabilities, whole in zip(live[0].tolist(), live[1].tolist(), strict=True):
        best = max(probabilities)
        window.add(best, whole, probabilities.index(best))
    return window.indices()


@pytest.fixture
def given() -> Reference:
    images = np.zeros((WINDOW, 28, 28), np.uint8)
    shown = Pictures("shown", images, np.zeros(WINDOW, np.int64), np.full(WINDOW, ""), sha256="ab")
    written = reference(lambda asked: answers(6), [shown])["reference"]
    return Reference.model_validate_json(written.model_dump_json())


def test_the_same_answers_have_not_drifted(given: Reference) -> None:
    assert indices(given, answers(6)) == pytest.approx({"confidence": 0, "digit_probability": 0, "digit": 0}, abs=1e-12)


def test_less_sure_answers_have(given: Reference) -> None:
    found = indices(given, answers(4))
    assert found["confidence"] > 0.25
    assert found["digit_probability"] > 0.25
    assert found["digit"] < 0.1
