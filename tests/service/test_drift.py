"""Drift: the index itself, the window, and the gauges as they follow the default version."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from service.app import create_app
from service.model.artifact import Manifest
from service.model.reference import Distribution, Reference
from service.reading.types import DigitReading
from service.settings import Settings
from service.telemetry import drift
from service.telemetry.drift import Drift, Window, stability_index
from tests.service.checks import RAW
from tests.service.conftest import until_loaded
from tests.service.fakes import BLANK, ONE, ZERO, FakeModel, manifest, opener, publish, reference

REFERENCE = Reference.model_validate(reference())


def reading(digit: int = 1, confidence: float = 0.991, digit_probability: float | None = 0.95) -> DigitReading:
    rest = (1 - confidence) / 9
    probabilities = tuple(confidence if index == digit else rest for index in range(10))
    blank = digit_probability is None
    return DigitReading(
        status="blank" if blank else "ok",
        digit=None if blank else digit,
        confidence=0.0 if blank else confidence,
        probabilities=None if blank else probabilities,
        digit_probability=digit_probability,
        box=None,
        explanation=None,
        decode_seconds=0,
        ink_seconds=0,
        model_seconds=0,
    )


def test_the_index_is_the_symmetric_divergence() -> None:
    counts, shares = [40, 30, 30], [0.2, 0.3, 0.5]
    p, q = (np.array(counts) + 0.5) / 101.5, np.array(shares)
    expected = (p * np.log(p / q)).sum() + (q * np.log(q / p)).sum()
    assert stability_index(counts, shares) == pytest.approx(expected)
    assert 0.1 < expected < 0.25


def test_the_index_is_0_where_nothing_differs_and_finite_where_a_bin_is_empty() -> None:
    assert stability_index([50, 50], [0.5, 0.5]) == pytest.approx(0)
    assert 1 < stability_index([0, 1000], [0.5, 0.5]) < 10


def test_by_chance_alone_the_index_is_about_what_its_source_says() -> None:
    rng = np.random.default_rng(1)
    shares = [0.05, 0.05, 0.1, 0.3, 0.5]
    found = [stability_index(rng.multinomial(drift.WINDOW, shares).tolist(), shares) for _ in range(300)]
    assert np.mean(found) == pytest.approx(4 / drift.WINDOW, rel=0.2)
    assert max(found) < 0.05


def test_the_window_holds_the_last_readings_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "WINDOW", 30)
    one, both = Window(REFERENCE), Window(REFERENCE)
    for index in range(50):
        both.add(0.3, 0.1, 7 if index % 2 else 3)
    for window in (one, both):
        for _ in range(30):
            window.add(0.991, 0.95, 1)
    assert len(one) == len(both) == 30
    assert one.indices() == both.indices()
    assert set(one.indices()) == {"confidence", "digit_probability", "digit"}


class Gauges:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.drift = Drift(self.registry)

    def follow(self, version: int, has: Reference | None = REFERENCE) -> None:
        self.drift.follow(Manifest.model_validate(manifest(version)).model_copy(update={"reference": has}))

    def read(self, times: int, version: int = 1, given: DigitReading | None = None) -> None:
        for _ in range(times):
            self.drift.reading(given or reading(), version)

    def psi(self, of: str = "digit") -> float | None:
        return self.registry.get_sample_value("digits_drift_psi", {"of": of})

    @property
    def filled(self) -> float | None:
        return self.registry.get_sample_value("digits_drift_readings")


@pytest.fixture
def gauges() -> Gauges:
    return Gauges()


def test_a_version_without_a_reference_has_no_drift(gauges: Gauges) -> None:
    gauges.read(drift.LEAST)
    gauges.follow(1, None)
    gauges.read(drift.LEAST)
    assert gauges.psi() is None
    assert gauges.filled == 0


def test_the_drift_is_told_from_enough_readings_on(gauges: Gauges) -> None:
    gauges.follow(1)
    gauges.read(drift.LEAST - drift.EVERY)
    assert gauges.psi() is None
    gauges.read(drift.EVERY)
    assert gauges.filled == drift.LEAST
    index = gauges.psi()
    assert index is not None
    assert index > 1  # nothing but 1s


def test_readings_of_other_versions_and_without_ink_do_not_count(gauges: Gauges) -> None:
    gauges.follow(2)
    gauges.read(drift.LEAST, version=1)
    gauges.read(drift.LEAST, version=2, given=reading(digit_probability=None))
    assert gauges.filled == 0
    assert gauges.psi() is None


def test_a_new_default_version_begins_anew(gauges: Gauges) -> None:
    gauges.follow(1)
    gauges.read(drift.LEAST)
    gauges.follow(1)  # the table has changed, and the default has not
    assert gauges.filled == drift.LEAST
    gauges.follow(2)
    index = gauges.psi()
    assert index is not None
    assert math.isnan(index)
    assert gauges.filled == 0
    gauges.read(drift.LEAST, version=2)
    assert gauges.psi() == pytest.approx(stability_index([0, drift.LEAST, *[0] * 8], REFERENCE.digit.shares))


@pytest.mark.anyio
async def test_what_is_read_over_http_is_compared_with_the_manifests_reference(
    tmp_path: Path, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "LEAST", 10)
    monkeypatch.setattr(drift, "EVERY", 10)
    publish(tmp_path, 1, lambda about, golden: about.update(reference=reference()))
    app: FastAPI = create_app(Settings(artifacts=tmp_path), open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            assert "digits_drift_psi{" not in (await client.get("/metrics")).text
            pictures = [("images", picture) for picture in (ONE, ZERO) * 5 + (BLANK,)]
            assert (await client.post("/v1/digits", files=pictures)).status_code == 200
            assert (await client.post("/v1/digit", content=ONE, headers=RAW)).status_code == 200
            text = (await client.get("/metrics")).text
    assert "digits_drift_readings 10.0" in text
    expected = stability_index([5, 5, *[0] * 8], REFERENCE.digit.shares)
    assert f'digits_drift_psi{{of="digit"}} {expected}' in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["edges"].append(0.99), "one share more"),
        (lambda d: d["edges"].reverse(), "must rise"),
        (lambda d: d["shares"].__setitem__(0, 0.0), "greater than 0"),
        (lambda d: d["shares"].__setitem__(0, 0.9), "sum to 1"),
    ],
)
def test_a_distribution_that_is_none_is_refused(change: Callable[[dict[str, list[float]]], None], message: str) -> None:
    given = reference()["confidence"]
    Distribution.model_validate(given)
    change(given)
    with pytest.raises(ValidationError, match=message):
        Distribution.model_validate(given)
