"""Numbers in the batcher: in bounded batches, and fair to others."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from service.errors import NoNumbers, Overloaded
from service.model.batcher import Batcher
from service.model.gate import Gate
from service.model.numbers import NUMBER_PLACES, TILE_COST
from service.reading.reader import Reader
from service.reading.types import Signatures, Thresholds
from tests.service.checks import Observed
from tests.service.fakes import BLANK, ONE, FakeModel
from tests.service.number_fakes import (
    NUMBER,
    TEXT,
    conclude_number,
    first_look,
    name_lines,
    page,
    prepare_number,
    until_asked,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fake_number_reading")]


async def until_queued(batcher: Batcher, entries: int) -> None:
    async with asyncio.timeout(5):
        while len(batcher._queue._entries) < entries:
            await asyncio.sleep(0.001)


async def test_a_number_goes_through_the_model_in_batches_of_the_limit(
    reader: Reader, model: FakeModel, observed: Observed
) -> None:
    batcher = Batcher(
        reader, Gate(max_pictures=1000, refused=observed.refused), max_batch=4 * TILE_COST + 1, observer=observed
    )
    answer = await batcher.read_number(NUMBER)
    assert answer.reading.text == TEXT
    assert answer.reading.explanation is None
    assert model.batches == [4, 4, 2]
    assert observed.batches == [4 * TILE_COST, 4 * TILE_COST, 2 * TILE_COST]
    assert observed.depth == 0
    batcher.close()


async def test_a_version_that_reads_single_digits_says_so(model: FakeModel, observed: Observed) -> None:
    batcher = Batcher(
        Reader(Signatures(model), Thresholds(0.9, 0.5)),
        Gate(max_pictures=10, refused=observed.refused),
        max_batch=4,
        observer=observed,
    )
    with pytest.raises(NoNumbers):
        await batcher.read_number(NUMBER)
    assert (await batcher.read(ONE)).reading.digit == 1
    assert observed.depth == 0
    batcher.close()


async def test_no_ink_asks_the_model_nothing(batcher: Batcher, model: FakeModel) -> None:
    assert (await batcher.read_number(BLANK)).reading.status == "blank"
    assert model.batches == []


async def test_a_picture_that_comes_later_is_read_before_the_rest_of_a_number(
    reader: Reader, model: FakeModel, observed: Observed
) -> None:
    batcher = Batcher(
        reader, Gate(max_pictures=1000, refused=observed.refused), max_batch=4 * TILE_COST, observer=observed
    )
    model.gate.clear()
    done: list[str] = []
    number = asyncio.create_task(batcher.read_number(page(*[TEXT] * 8)))
    await until_asked(model)
    digit = asyncio.create_task(batcher.read(ONE))
    number.add_done_callback(lambda _: done.append("number"))
    digit.add_done_callback(lambda _: done.append("digit"))
    await until_queued(batcher, 1)
    model.gate.set()
    await asyncio.gather(number, digit)
    assert done == ["digit", "number"]
    assert model.batches[:2] == [4, 1]
    assert len(model.batches) == 1 + 80 // 4
    batcher.close()


async def test_numbers_are_asked_about_in_turn_and_small_ones_together(
    reader: Reader, model: FakeModel, observed: Observed
) -> None:
    batcher = Batcher(
        reader, Gate(max_pictures=1000, refused=observed.refused), max_batch=8 * TILE_COST, observer=observed
    )
    model.gate.clear()
    first = asyncio.create_task(batcher.read_number(page(TEXT)))
    await until_asked(model)
    others = [asyncio.create_task(batcher.read_number(page(text))) for text in ("101", "11")]
    await until_queued(batcher, 2)
    model.gate.set()
    assert [(await task).reading.text for task in (first, *others)] == [TEXT, "101", "11"]
    assert model.batches == [4, 3 + 2, 4, 2]
    batcher.close()


async def test_it_is_prepared_and_concluded_beside_the_model(batcher: Batcher, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def watched(call: Any) -> Any:
        def run(*given: Any, **named: Any) -> Any:
            threads.append(threading.current_thread().name)
            return call(*given, **named)

        return run

    monkeypatch.setattr(Reader, "prepare_number", watched(prepare_number))
    monkeypatch.setattr(Reader, "first_look", watched(first_look))
    monkeypatch.setattr(Reader, "name_lines", watched(name_lines))
    monkeypatch.setattr(Reader, "conclude_number", watched(conclude_number))
    await batcher.read_number(page("1"))  # as small as a picture that the model's thread prepares
    assert [name.rpartition("_")[0] for name in threads] == ["model-decode", *["model-conclude"] * 3]


async def test_a_full_queue_refuses_at_once(batcher: Batcher, model: FakeModel, observed: Observed) -> None:
    model.gate.clear()
    number = asyncio.create_task(batcher.read_number(NUMBER))  # let in, for nobody waits
    await until_asked(model)
    assert observed.depth == NUMBER_PLACES
    with pytest.raises(Overloaded):
        await batcher.read_number(NUMBER)
    with pytest.raises(Overloaded):
        await batcher.read(ONE)
    model.gate.set()
    assert (await number).reading.text == TEXT
    await batcher.read(ONE)
    assert observed.depth == 0


async def test_two_loops_can_share_a_batcher(batcher: Batcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher._queue.gate, "max_pictures", 1000)
    other = asyncio.to_thread(lambda: asyncio.run(batcher.read_number(page("01"))))
    mine, theirs = await asyncio.gather(batcher.read_number(NUMBER), other)
    assert (mine.reading.text, theirs.reading.text) == (TEXT, "01")


async def test_the_stages_are_no_longer_than_the_whole_time(batcher: Batcher) -> None:
    started = time.perf_counter()
    answer = await batcher.read_number(NUMBER)
    whole = time.perf_counter() - started
    reading = answer.reading
    assert 0 < reading.model_seconds + answer.queue_seconds <= whole
