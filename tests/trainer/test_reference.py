"""What is written down of the answers to the validation pictures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.npz import NO_DIGIT, Pictures
from trainer.reference import PROBABILITIES, distribution, reference


def pictures(name: str, labels: list[int]) -> Pictures:
    """Of which the first row says what `answer` makes of them."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0] = [max(label, 0) for label in labels]
    return Pictures(name, images, np.array(labels, np.int64), np.full(len(labels), name), sha256="ab")


def answer(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    probabilities = np.full((len(images), 10), 0.05 / 9, np.float32)
    probabilities[np.arange(len(images)), images[:, 0, 0]] = 0.95
    return probabilities, np.full(len(images), 0.3, np.float32)


def test_shares_are_of_the_bins_and_none_is_0() -> None:
    found = distribution([0.0, 0.5, 0.6, 0.9, 2.0, 3.0], [0.5, 0.9, 1.0])
    assert found.edges == (0.5, 0.9, 1.0)
    assert found.shares == pytest.approx([1.5 / 8, 2.5 / 8, 1.5 / 8, 2.5 / 8])
    assert distribution([0.1], [0.5]).shares == pytest.approx([0.75, 0.25])


def test_the_digits_among_the_pictures_are_the_reference() -> None:
    first, second = pictures("first", [3, 3, NO_DIGIT]), pictures("second", [9])
    found = reference(answer, [first, pictures("none", [NO_DIGIT]), second])["reference"]
    assert [(part.name, part.pictures) for part in found.data] == [("first", 2), ("second", 1)]
    assert found.digit.shares == pytest.approx(
        [2.5 / 8 if d == 3 else 1.5 / 8 if d == 9 else 0.5 / 8 for d in range(10)]
    )
    # The graph's float32 is a little below 0.95, and that is what counts.
    assert int(np.argmax(found.confidence.shares)) == PROBABILITIES.index(0.95)
    assert int(np.argmax(found.digit_probability.shares)) == 0


@pytest.mark.parametrize("sets", [[], [pictures("none", [NO_DIGIT])]])
def test_without_digits_there_is_no_reference(sets: list[Pictures]) -> None:
    assert reference(answer, sets) == {}
