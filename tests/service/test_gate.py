"""Who is let in, by pictures, bytes and time; the clock is the test's."""

from __future__ import annotations

import pytest

from service.errors import Overloaded
from service.model.gate import DECODERS, LOADED_SECONDS, Gate, Reason
from service.model.pace import Pace

MEGAPIXEL = 1_000_000


class Gated:
    """A gate whose clock and measurements are the test's."""

    def __init__(self, *, max_pictures: int = 1000, max_bytes: float = 1000, max_wait: float = 0.1) -> None:
        self.now = 50.0
        self.reasons: list[Reason] = []
        self.gate = Gate(
            max_pictures=max_pictures,
            max_bytes=max_bytes,
            max_wait=max_wait,
            refused=self.reasons.append,
            clock=lambda: self.now,
        )

    def model_takes(self, seconds: float) -> None:
        """A picture in a crowd."""
        for _ in range(100):
            self.gate.read(10, 10 * seconds, crowded=True)

    def decoder_takes(self, seconds: float) -> None:
        """A megapixel."""
        for _ in range(100):
            self.gate.decoded(MEGAPIXEL, seconds)

    def refused(self, places: int = 1, effort: int = 0) -> Overloaded | None:
        try:
            self.gate.enter(places, effort)
        except Overloaded as error:
            return error
        return None


@pytest.fixture
def gated() -> Gated:
    return Gated()


def test_pictures_are_bounded(gated: Gated) -> None:
    gated.gate.max_pictures = 10
    gated.gate.enter(8)
    assert gated.refused(3) is not None
    gated.gate.check()
    gated.gate.enter(2)
    with pytest.raises(Overloaded):
        gated.gate.check()
    gated.gate.leave(10)
    assert gated.refused(11) is None, "nobody waits"
    assert gated.reasons == ["pictures", "pictures"]


def test_the_wait_is_bounded_by_what_the_model_takes_for_what_waits(gated: Gated) -> None:
    gated.model_takes(0.001)
    for _ in range(101):
        gated.gate.enter(1)
    assert gated.refused() is not None
    with pytest.raises(Overloaded):
        gated.gate.check()
    gated.gate.leave(10)
    gated.gate.check()
    gated.gate.enter(1)
    assert gated.reasons == ["wait", "wait"]


def test_what_the_model_has_in_hand_is_waited_for_until_it_is_done(gated: Gated) -> None:
    gated.model_takes(0.001)
    gated.gate.enter(95)
    gated.gate.enter(4)
    gated.gate.taken(95)
    gated.gate.enter(1)
    assert gated.gate.in_hand == (5, 0, 0)
    gated.gate.enter(3)
    assert gated.refused() is not None, "95 and 8 of 1 ms each"
    gated.now += 0.01
    assert gated.refused() is None, "10 of the 95 should be done by now"
    gated.gate.enter(80)
    assert gated.refused() is not None
    gated.gate.read(95, 0.095, crowded=True)
    assert gated.refused() is None


def test_a_slow_model_is_given_one_picture_after_another(gated: Gated) -> None:
    gated.model_takes(3)
    assert gated.refused() is None
    gated.gate.taken(1)
    assert gated.refused() is None, "nobody waits"
    found = gated.refused()
    assert found is not None
    assert found.retry_after == 6, "the one in hand and the one that waits"


def test_retry_after_is_the_wait_in_whole_seconds(gated: Gated) -> None:
    gated.model_takes(0.001)
    gated.gate.enter(500)
    found = gated.refused()
    assert found is not None
    assert found.retry_after == 1
    gated.model_takes(0.01)
    found = gated.refused()
    assert found is not None
    assert found.retry_after == 5
    assert gated.gate.overloaded("deadline").retry_after == 5


def test_retry_after_is_the_deadline_at_most(gated: Gated) -> None:
    """A small file that was slow to decode makes a large one look like minutes, which nobody is kept waiting."""
    for _ in range(10):
        gated.gate.decoded(MEGAPIXEL // 10, 0.5)
    gated.gate.enter(1, 50 * MEGAPIXEL)
    found = gated.refused(1, MEGAPIXEL)
    assert found is not None
    assert found.retry_after == gated.gate.deadline == 10


def test_large_and_small_pictures_do_not_keep_each_other_out(gated: Gated) -> None:
    gated.model_takes(0.001)
    gated.decoder_takes(0.05)
    for _ in range(5):
        gated.gate.enter(1, MEGAPIXEL)
    assert 5 * 0.05 / DECODERS > 0.1
    assert gated.refused(1, MEGAPIXEL) is not None
    with pytest.raises(Overloaded):
        gated.gate.check(large=True)
    gated.gate.check()
    for _ in range(95):
        assert gated.refused() is None
    gated.gate.spared(5 * MEGAPIXEL)
    assert gated.refused(1, MEGAPIXEL) is None
    assert gated.gate.in_hand == (101, 0, MEGAPIXEL)
    assert gated.refused() is not None, "now the model is what they wait for"
    assert gated.refused(1, MEGAPIXEL) is not None


def test_large_pictures_are_told_when_a_decoder_has_time(gated: Gated) -> None:
    gated.decoder_takes(2)
    gated.gate.enter(3, 3 * MEGAPIXEL)
    found = gated.refused(1, MEGAPIXEL)
    assert found is not None
    assert found.retry_after == 3


def test_bytes_are_bounded(gated: Gated) -> None:
    gated.gate.hold(600)
    with pytest.raises(Overloaded):
        gated.gate.check(401)
    gated.gate.check(400)
    with pytest.raises(Overloaded):
        gated.gate.hold(401)
    gated.gate.hold(400)
    gated.gate.let_go(1000)
    assert gated.gate.in_hand == (0, 0, 0)
    gated.gate.check(5000)
    gated.gate.hold(900)
    gated.gate.hold(900, own=900)  # nobody else has any
    assert gated.gate.in_hand == (0, 1800, 0)
    assert gated.reasons == ["bytes", "bytes"]


def test_those_who_have_waited_elsewhere_are_judged_by_the_whole_wait(gated: Gated) -> None:
    gated.model_takes(0.001)
    gated.gate.check(late=0.09)
    with pytest.raises(Overloaded):
        gated.gate.check(late=0.11)
    gated.now += 2
    gated.gate.enter(60)
    gated.gate.check(late=0.03)
    with pytest.raises(Overloaded):
        gated.gate.check(late=0.05)


def test_a_lone_picture_that_took_long_does_not_make_the_crowds_look_slow(gated: Gated) -> None:
    gated.model_takes(0.001)
    for _ in range(100):
        gated.gate.read(1, 0.02, crowded=False)
    gated.gate.enter(50)
    assert gated.refused() is None
    gated.gate.read(10, 0.005, crowded=False)  # faster than was thought: a crowd is no slower
    gated.gate.enter(100)
    assert gated.refused() is None
    for _ in range(20):
        gated.gate.read(64, 0.64, crowded=True)
    assert gated.refused() is not None


def test_the_pace_is_that_of_large_portions_not_of_small_ones_between_them() -> None:
    pace = Pace(0.001)
    for _ in range(50):
        pace.note(32, 0.032)
        pace.note(1, 0.01)  # a picture by itself takes ten times as long
    assert pace.seconds == pytest.approx(0.042 / 33, rel=0.2)
    pace.note_alone(1, 0.0005)
    assert pace.seconds == pytest.approx(0.0005)
    pace.note_alone(1, 0.01)
    pace.note(0, 1.0)
    assert pace.seconds == pytest.approx(0.0005)


def test_while_a_version_is_loaded_a_queue_may_be_as_long_as_in_a_burst() -> None:
    now = [0.0]
    gate = Gate(max_pictures=10_000, max_wait=1.0, standing_wait=0.1, clock=lambda: now[0])
    gate.enter(500)  # 0.15 s of the model's
    now[0] = 1.0
    with gate.loading():
        gate.enter(1)
    now[0] = 1.0 + LOADED_SECONDS / 2
    gate.enter(4_000)
    with pytest.raises(Overloaded):  # longer than a burst
        gate.enter(1)
    gate.leave(4_000)
    now[0] = 1.0 + LOADED_SECONDS
    with pytest.raises(Overloaded):
        gate.enter(1)
