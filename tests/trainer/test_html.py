"""The pages that reports are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer import figures, html
from trainer.curves import training
from trainer.measure import Evaluation
from trainer.sections import calibration

Parse = Callable[[str], Any]


def test_training_of_one_epoch_with_gaps(parse: Parse) -> None:
    page = parse(html.page("One", "", [training([{"loss": 0.5, "accuracy": 0.9, "seconds": 30.0}])]))
    assert "1 epochs" not in page.text
    assert "0.5 minutes" in page.text
    assert "–" in page.text


def test_text_is_escaped(parse: Parse) -> None:
    parts = [html.paragraph("<b>&"), html.table(["<i>"], [["<u>"]], "<s>"), html.bullets(["<em>"])]
    page = parse(html.page('<script>"', "<script>", parts))
    for words in ("<b>&", "<i>", "<u>", "<s>", "<em>", '<script>"'):
        assert words in page.text
    assert not page.all("b")


def test_a_montage_places_every_picture() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1).repeat(2, axis=2).repeat(2, axis=3) + 1
    sheet = html.montage(images, gap=1)
    assert sheet.tolist()[0] == [1, 1, 0, 2, 2, 0, 3, 3]
    assert sheet.shape == (5, 8)
    assert not sheet[2].any()
    assert html.montage(images, gap=0).shape == (4, 6)


def test_writing_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = html.write(tmp_path / "a" / "b" / "index.html", "first")
    assert path.read_text() == "first"

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        html.write(path, "second")
    assert [(entry.name, entry.read_text()) for entry in path.parent.iterdir()] == [("index.html", "first")]


def test_charts_take_the_pages_colours(evaluation: Evaluation) -> None:
    svg = figures.reliability_diagram("one", evaluation.reliability)
    assert svg.startswith('<svg role="img" aria-label="Reliability diagram')
    assert "var(--one)" in svg
    assert not set(re.findall(r"#[0-9a-f]{6}\b", svg)) - {"#ffffff", "#000000"}
    assert "2026" not in svg  # no date
    assert len(svg) < 40_000


def test_many_data_sets_may_share_a_page(evaluation: Evaluation, parse: Parse) -> None:
    parts = [calibration(evaluation, name) for name in ("clean", "blurred")]
    assert len(parse(html.page("Two", "", parts)).all("svg")) == 2
