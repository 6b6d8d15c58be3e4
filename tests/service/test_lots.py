"""Counting in lots counts the same."""

from __future__ import annotations

import logging
import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.telemetry.lots import LOT, Histogram, Lot


def histogram(registry: CollectorRegistry) -> Histogram:
    return Histogram("h", "As tried.", ["of"], buckets=(0.25, 1, 2), registry=registry)


def test_many_at_once_are_counted_as_one_after_another() -> None:
    amounts = [0.0, 0.25, 0.25000001, 1, 1.5, 2, 2.5, 1e9]
    texts = []
    for at_once in (False, True):
        registry = CollectorRegistry()
        child = histogram(registry).labels("x")
        if at_once:
            child.observe_many(amounts)
            child.observe_many([])
        else:
            for amount in amounts:
                child.observe(amount)
        texts.append([line for line in generate_latest(registry).decode().splitlines() if "created" not in line])
    assert texts[0] == texts[1]
    assert 'h_bucket{le="2.0",of="x"} 6.0' in texts[0]


def test_without_its_labels_nothing_is_observed() -> None:
    with pytest.raises(ValueError, match="missing label values"):
        histogram(CollectorRegistry()).observe_many([1])


def test_a_lot_is_counted_at_once_and_what_is_left_when_asked() -> None:
    seen: list[list[int]] = []
    lot = Lot[int](seen.append)
    for number in range(LOT + 2):
        lot.note(number)
    assert seen == [list(range(LOT))]
    lot.count()
    lot.count()
    assert seen[1:] == [[LOT, LOT + 1]]


def test_a_fault_is_logged_and_no_concern_of_who_notes(caplog: pytest.LogCaptureFixture) -> None:
    def fail(items: list[int]) -> None:
        raise OSError("disk full")

    lot = Lot[int](fail)
    for number in range(LOT):
        lot.note(number)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "a metric was not counted" in caplog.text


def test_from_several_threads_each_is_counted_once() -> None:
    seen: list[int] = []
    lot = Lot[int](seen.extend)

    def note(start: int) -> None:
        for number in range(start, start + 5_000):
            lot.note(number)

    threads = [threading.Thread(target=note, args=(start,)) for start in (0, 5_000, 10_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lot.count()
    assert sorted(seen) == list(range(15_000))
