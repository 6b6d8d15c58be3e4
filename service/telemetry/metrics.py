"""Prometheus metrics. With several workers each writes to files that any of them can add up for a scrape."""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections import defaultdict
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.model.gate import Reason
from service.model.loader import Event
from service.model.table import Table
from service.reading.types import DigitReading, NumberReading, Status
from service.telemetry.drift import Drift
from service.telemetry.lots import Histogram, Lot, logged

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that turns several workers' metrics on; prometheus_client reads it when it is imported."""

_LATENCY = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STAGE = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CONFIDENCE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATES = ("loading", "ready", "unloaded", "refused")
_EVENTS: tuple[Event, ...] = ("loaded", "refused", "unloaded", "default")
_REASONS: tuple[Reason, ...] = ("pictures", "bytes", "wait", "deadline")
_STATUSES: tuple[Status, ...] = ("ok", "uncertain", "not_a_digit", "blank")
_WITH_DIGITS = _STATUSES[:2]


class Metrics:
    """One process' metrics, in a registry of their own, so that two apps in one process (tests) do not mix.

    Requests, readings and refusals are noted, and counted in lots.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "digits_http_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._latency = Histogram(
            "digits_http_request_seconds", "From request to answer.", ["route"], buckets=_LATENCY, registry=registry
        )
        self.in_flight = Gauge(
            "digits_http_requests_in_flight", "Requests being answered.", registry=registry, multiprocess_mode="livesum"
        )
        stage = Histogram(
            "digits_stage_seconds",
            "Time of a reading of one digit, by stage.",
            ["stage"],
            buckets=_STAGE,
            registry=registry,
        )
        self._decode, self._ink, self._queue, self._model = map(stage.labels, ("decode", "ink", "queue", "model"))
        self._batch = Histogram("digits_batch_size", "Pictures in a batch.", buckets=_BATCH, registry=registry)
        self._depth = Gauge(
            "digits_queue_pictures", "Pictures waiting.", registry=registry, multiprocess_mode="livesum"
        )
        readings = Counter("digits_readings", "Readings given.", ["status", "digit"], registry=registry)
        digits: tuple[int | None, ...] = (*range(10), None)
        self._readings = {
            (status, digit): readings.labels(status, "none" if digit is None else digit)
            for status in _STATUSES
            for digit in digits
            if (digit is None) == (status in ("not_a_digit", "blank"))
        }
        confidence = Histogram(
            "digits_confidence",
            "Confidence of readings with a digit.",
            ["status"],
            buckets=_CONFIDENCE,
            registry=registry,
        )
        self._confidence = {status: confidence.labels(status) for status in _WITH_DIGITS}
        numbers = Counter("digits_number_readings", "Numbers read.", ["status"], registry=registry)
        self._numbers = {status: numbers.labels(status) for status in _STATUSES}
        number_confidence = Histogram(
            "digits_number_confidence",
            "Confidence of numbers with digits.",
            ["status"],
            buckets=_CONFIDENCE,
            registry=registry,
        )
        self._number_confidence = {status: number_confidence.labels(status) for status in _WITH_DIGITS}
        in_numbers = Counter("digits_number_digits", "Digits read in numbers.", ["digit"], registry=registry)
        self._in_numbers = {str(digit): in_numbers.labels(digit) for digit in range(10)}
        number_stage = Histogram(
            "digits_number_stage_seconds", "Time of a number, by stage.", ["stage"], buckets=_LATENCY, registry=registry
        )
        self._number_stages = [number_stage.labels(name) for name in ("decode", "ink", "queue", "model")]
        self._problems = Counter("digits_picture_problems", "Pictures not read.", ["status"], registry=registry)
        overload = Counter("digits_overload", "Refused or dropped for overload.", ["reason"], registry=registry)
        self._overload = {reason: overload.labels(reason) for reason in _REASONS}
        self._version = Gauge(
            "digits_model_version_state",
            "1 for the state that a version of the model is in.",
            ["version", "state"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._loaded = Gauge(
            "digits_models_loaded", "Versions in memory.", registry=registry, multiprocess_mode="livesum"
        )
        events = Counter("digits_model_events", "What has become of versions.", ["event"], registry=registry)
        self._events = {event: events.labels(event) for event in _EVENTS}
        self._unfollowed = Gauge(
            "digits_model_default_problem",
            "1 while the version that a setting or the file DEFAULT names does not serve.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._shown_versions: set[int] = set()
        self._shown_default: tuple[str, int] | None = None
        self._default = Gauge(
            "digits_model_info",
            "1 for the version that serves by default.",
            ["name", "version"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._drift = Drift(registry)
        if MULTIPROCESS not in os.environ:
            ProcessCollector(registry=registry)
        self._routes: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self._asked = Lot(self._count_requests)
        self._read = Lot(self._count_readings)
        self._turned_away = Lot(self._count_refusals)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Notes one answered request. `route` is the template, never the path: it must not grow with what is asked."""
        self._asked.note((route, method, status, seconds))

    def reading(self, reading: DigitReading, queue_seconds: float, version: int) -> None:
        """Notes one reading, which that version of the model gave."""
        self._read.note((reading, queue_seconds, version))

    def count(self) -> None:
        """Counts what has been noted. The server sees to it every moment, and so does whoever asks for `text`."""
        for lot in (self._asked, self._read, self._turned_away):
            lot.count()

    def _count_requests(self, lot: list[tuple[str, str, int, float]]) -> None:
        times: defaultdict[tuple[str, str, int], list[float]] = defaultdict(list)
        for route, method, status, seconds in lot:
            times[route, method if method in _METHODS else "OTHER", status].append(seconds)
        for key, some in times.items():
            with logged():
                children = self._routes.get(key)
                if children is None:
                    children = self._requests.labels(*key), self._latency.labels(key[0])
                    self._routes[key] = children
                children[0].inc(len(some))
                children[1].observe_many(some)

    def _count_readings(self, lot: list[tuple[DigitReading, float, int]]) -> None:
        readings = [reading for reading, _, _ in lot]
        self._decode.observe_many([reading.decode_seconds for reading in readings])
        self._ink.observe_many([reading.ink_seconds for reading in readings])
        self._queue.observe_many([seconds for _, seconds, _ in lot])
        self._model.observe_many([reading.model_seconds for reading in readings])
        for (status, digit), count in Tally((reading.status, reading.digit) for reading in readings).items():
            self._readings[status, digit].inc(count)
        for status, confidence in self._confidence.items():
            confidence.observe_many([reading.confidence for reading in readings if reading.status == status])
        for reading, _, version in lot:
            self._drift.reading(reading, version)

    def _count_refusals(self, lot: list[Reason]) -> None:
        for reason, count in Tally(lot).items():
            self._overload[reason].inc(count)

    def number(self, reading: NumberReading, queue_seconds: float) -> None:
        """Counts the reading of one number, and each of its digits."""
        stages = (reading.decode_seconds, reading.ink_seconds, queue_seconds, reading.model_seconds)
        for stage, seconds in zip(self._number_stages, stages, strict=True):
            stage.observe(seconds)
        self._numbers[reading.status].inc()
        if reading.text:
            self._number_confidence[reading.status].observe(reading.confidence)
        for digit, counter in self._in_numbers.items():
            counter.inc(reading.text.count(digit))

    def picture_problem(self, status: int) -> None:
        """Counts a picture that could not be read."""
        self._problems.labels(status).inc()

    def queue_changed(self, pictures: int) -> None:
        """Called by the batcher."""
        self._depth.inc(pictures)

    def batch_taken(self, pictures: int) -> None:
        """Called by the batcher."""
        self._batch.observe(pictures)

    def refused(self, reason: Reason) -> None:
        """Called by the gate."""
        self._turned_away.note(reason)

    def model_event(self, event: Event) -> None:
        """Called by the registry's thread."""
        self._events[event].inc()

    def models_changed(self, table: Table) -> None:
        """Called by the registry's thread, in every worker when it happens there: a scrape asks one of them for all."""
        states = {version.number: version.state for version in table.versions}
        for number in self._shown_versions | states.keys():
            for state in _STATES:
                self._version.labels(number, state).set(states.get(number) == state)
        self._shown_versions.update(states)
        default = table.default
        if default is not None and default.manifest is not None:
            shown = default.manifest.name, default.manifest.version
            if self._shown_default is not None and self._shown_default != shown:
                self._default.labels(*self._shown_default).set(0)
            self._default.labels(*shown).set(1)
            self._shown_default = shown
            self._drift.follow(default.manifest)
        self._loaded.set(table.loaded())
        self._unfollowed.set(table.problem is not None)

    def text(self) -> bytes:
        """The exposition format."""
        self.count()
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        collected = CollectorRegistry()
        MultiProcessCollector(collected)  # type: ignore[no-untyped-call]
        return generate_latest(collected)
