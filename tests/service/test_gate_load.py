"""The gate under more load than can be read, simulated: no clock but the simulation's, so the figures are exact."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import numpy as np
import pytest

from service.errors import Overloaded
from service.model.gate import DECODERS, Gate

MEGAPIXEL = 1_000_000
BATCH = 64


class Simulation:
    """A model that takes batches, and decoders. `large` and `small` hold the seconds that those let in have taken."""

    def __init__(self, *, call: float, picture: float, decode: float, standing_wait: float = 0.1) -> None:
        self.now = 0.0
        self.gate = Gate(max_pictures=65_536, max_wait=1.0, standing_wait=standing_wait, clock=lambda: self.now)
        self.call, self.picture, self.decode = call, picture, decode
        self.small: list[float] = []
        self.large: list[float] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._waiting: list[float] = []
        self._encoded: list[float] = []
        self._decoders = DECODERS
        self._idle = True

    def offer(self, rate: float, seconds: float, *, large: bool = False, start: float = 0.0) -> None:
        """Callers who come at this rate and do not wait for each other."""
        for number in range(int(rate * seconds)):
            self._at(start + number / rate, self._large_comes if large else self._small_comes)

    def run(self) -> None:
        while self._events:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        assert self.gate.in_hand == (0, 0, 0)

    def _at(self, when: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._number), happen))

    def _small_comes(self) -> None:
        try:
            self.gate.enter(1)
        except Overloaded:
            return
        self._waiting.append(self.now)
        self._begin_batch()

    def _begin_batch(self) -> None:
        if not self._waiting or not self._idle:
            return
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        for _ in batch:
            self.gate.taken(1)
        self._idle, crowded = False, bool(self._waiting)
        seconds = self.call + self.picture * len(batch)

        def end() -> None:
            self.small.extend(self.now - since for since in batch)
            self.gate.read(len(batch), seconds, crowded=crowded)
            self._idle = True
            self._begin_batch()

        self._at(self.now + seconds, end)

    def _large_comes(self) -> None:
        try:
            self.gate.enter(1, MEGAPIXEL)
        except Overloaded:
            return
        self._encoded.append(self.now)
        self._begin_decoding()

    def _begin_decoding(self) -> None:
        if not self._encoded or not self._decoders:
            return
        since = self._encoded.pop(0)
        self._decoders -= 1

        def end() -> None:
            self.large.append(self.now - since)
            self.gate.decoded(MEGAPIXEL, self.decode)
            self.gate.spared(MEGAPIXEL)
            self.gate.leave(1)
            self._decoders += 1
            self._begin_decoding()

        self._at(self.now + self.decode, end)


@pytest.mark.parametrize(("call", "picture"), [(0.001, 0.0002), (0.004, 0.0001), (0.002, 0.001), (0, 0.0007)])
def test_small_pictures_at_twice_the_peak(call: float, picture: float) -> None:
    peak = BATCH / (call + BATCH * picture)
    simulation = Simulation(call=call, picture=picture, decode=0.03)
    simulation.offer(2 * peak, 60)
    simulation.run()
    assert len(simulation.small) >= 0.85 * peak * 60
    assert np.percentile(simulation.small, 99) <= 0.25


@pytest.mark.parametrize("decode", [0.01, 0.03, 0.1])
def test_large_pictures_at_ten_times_the_peak(decode: float) -> None:
    peak = DECODERS / decode
    simulation = Simulation(call=0.001, picture=0.0002, decode=decode)
    simulation.offer(10 * peak, 60, large=True)
    simulation.run()
    assert len(simulation.large) >= 0.9 * peak * 60
    assert np.percentile(simulation.large, 99) <= 0.25 + decode


def test_both_at_once() -> None:
    small_peak, large_peak = BATCH / (0.001 + BATCH * 0.0002), DECODERS / 0.03
    simulation = Simulation(call=0.001, picture=0.0002, decode=0.03)
    simulation.offer(2 * small_peak, 60)
    simulation.offer(10 * large_peak, 60, large=True)
    simulation.run()
    assert len(simulation.small) >= 0.85 * small_peak * 60
    assert len(simulation.large) >= 0.5 * large_peak * 60
    assert np.percentile(simulation.small, 99) <= 0.25
    assert np.percentile(simulation.large, 99) <= 0.25


def test_a_queue_that_may_stand_stands_full() -> None:
    peak = BATCH / (0.001 + BATCH * 0.0002)
    simulation = Simulation(call=0.001, picture=0.0002, decode=0.03, standing_wait=3600)
    simulation.offer(2 * peak, 10)
    simulation.run()
    assert np.percentile(simulation.small, 99) > 0.9, "the limit of a burst"


def test_bursts_are_read_whole() -> None:
    peak = BATCH / (0.001 + BATCH * 0.0002)
    simulation = Simulation(call=0.001, picture=0.0002, decode=0.03)
    for start in range(5):
        simulation.offer(50 * peak, 0.01, start=2.0 * start)
        simulation.offer(50 * DECODERS / 0.03, 0.01, large=True, start=2.0 * start + 1)
    simulation.run()
    assert len(simulation.small) == 5 * int(0.5 * peak)
    assert max(simulation.small) == pytest.approx(0.5, rel=0.05), "each half a second's work"
    assert len(simulation.large) == 5 * int(0.5 * DECODERS / 0.03)


def test_after_an_overload_there_are_bursts_again() -> None:
    peak = BATCH / (0.001 + BATCH * 0.0002)
    simulation = Simulation(call=0.001, picture=0.0002, decode=0.03)
    simulation.offer(2 * peak, 5)
    simulation.offer(100 * peak, 0.005, start=7)
    simulation.run()
    assert max(simulation.small) == pytest.approx(0.5, rel=0.1)
