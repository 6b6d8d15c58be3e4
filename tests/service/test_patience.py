"""The limit on the wait: a burst's, and that of a queue that stands."""

from __future__ import annotations

from service.model.patience import BURST_SECONDS, CALM_SECONDS, Patience


def test_a_burst_may_wait_for_longer_than_a_queue_that_stands() -> None:
    patience = Patience(burst=2.0, standing=0.1)
    assert not patience.refuses(10.0, 0.0)
    assert not patience.refuses(10.0 + BURST_SECONDS / 2, 1.9)
    assert patience.refuses(10.0 + 2 * BURST_SECONDS, 0.11)
    assert not patience.refuses(10.0 + 2 * BURST_SECONDS, 0.1)


def test_nobody_waits_for_longer_than_a_burst() -> None:
    patience = Patience(burst=2.0, standing=0.1)
    assert not patience.refuses(10.0, 0.0)
    assert patience.refuses(10.0, 2.1)
    assert patience.refuses(10.0, 2.1, least=3.0)


def test_there_is_no_burst_soon_after_a_refusal() -> None:
    patience = Patience(burst=2.0, standing=0.1)
    assert patience.refuses(10.0, 0.2)
    assert not patience.refuses(10.5, 0.0)
    assert patience.refuses(10.5, 0.2)
    now = 10.5 + CALM_SECONDS
    assert not patience.refuses(now, 0.0)
    assert not patience.refuses(now, 0.2)


def test_the_next_is_always_at_hand() -> None:
    patience = Patience(burst=2.0, standing=0.1)
    assert not patience.refuses(10.0, 0.6, least=0.7)
    assert patience.refuses(10.0, 0.6, least=0.5)


def test_the_longer_limit_is_the_burst_s() -> None:
    patience = Patience(burst=0.05, standing=0.1)
    assert patience.refuses(10.0, 0.06)
