"""Numbers in the batcher when something goes wrong: places are given back, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from service.errors import DamagedPicture, Draining, ModelFailed
from service.model.batcher import Batcher
from service.model.entries import NumberAnswer
from service.model.gate import Gate
from service.reading.reader import Reader
from tests.service.checks import Observed
from tests.service.fakes import ONE, ZERO, FakeModel
from tests.service.number_fakes import NUMBER, TEXT, conclude_number, prepare_number, until_asked

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fake_number_reading")]


async def test_a_bad_picture_gives_its_places_back(batcher: Batcher, observed: Observed) -> None:
    with pytest.raises(DamagedPicture):
        await batcher.read_number(NUMBER[:-30])
    assert observed.depth == 0


async def test_nothing_more_is_asked_when_the_caller_has_left(
    batcher: Batcher, model: FakeModel, observed: Observed
) -> None:
    model.gate.clear()
    number = asyncio.create_task(batcher.read_number(NUMBER))
    await until_asked(model)
    number.cancel()
    await asyncio.wait([number])
    assert observed.depth == 0
    model.gate.set()
    await batcher.read(ZERO)
    assert model.batches == [1, 1]


async def test_what_waits_to_be_prepared_is_dropped_when_the_caller_leaves(
    batcher: Batcher, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[int] = []
    go_on = threading.Event()

    def slow(*given: Any) -> Any:
        prepared.append(1)
        assert go_on.wait(5)
        return prepare_number(*given)

    monkeypatch.setattr(Reader, "prepare_number", slow)
    monkeypatch.setattr(batcher._queue.gate, "max_pictures", 1000)
    numbers = [asyncio.create_task(batcher.read_number(NUMBER)) for _ in range(6)]
    while len(prepared) < 2:  # the pool has its hands full
        await asyncio.sleep(0.001)
    for number in numbers:
        number.cancel()
    await asyncio.wait(numbers)
    assert observed.depth == 0
    go_on.set()
    await batcher.read_number(NUMBER)
    assert len(prepared) == 3


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
async def test_a_model_that_raises_fails_the_number_and_lives_on(
    batcher: Batcher, model: FakeModel, observed: Observed, error: BaseException
) -> None:
    model.error = error
    with pytest.raises(ModelFailed):
        await batcher.read_number(NUMBER)
    assert model.batches == [1]
    assert observed.depth == 0
    model.error = None
    assert (await batcher.read_number(NUMBER)).reading.text == TEXT


@pytest.mark.parametrize("stage", ["prepare_number", "first_look", "name_lines", "conclude_number"])
@pytest.mark.parametrize("error", [RuntimeError("a fault"), SystemExit(1)])
async def test_a_fault_beside_the_model_fails_the_number_alone(
    batcher: Batcher, observed: Observed, monkeypatch: pytest.MonkeyPatch, stage: str, error: BaseException
) -> None:
    def fault(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Reader, stage, fault)
    with pytest.raises(ModelFailed):
        await batcher.read_number(NUMBER)
    assert observed.depth == 0
    assert (await batcher.read(ONE)).reading.digit == 1


async def test_closing_settles_numbers_wherever_they_are(
    reader: Reader, model: FakeModel, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*given: Any) -> Any:
        time.sleep(0.05)
        return prepare_number(*given)

    batcher = Batcher(reader, Gate(max_pictures=1000, refused=observed.refused), max_batch=4, observer=observed)
    model.gate.clear()
    asked = [asyncio.create_task(batcher.read_number(NUMBER)) for _ in range(2)]
    await until_asked(model)
    await asyncio.sleep(0.02)
    monkeypatch.setattr(Reader, "prepare_number", slow)
    waiting = [asyncio.create_task(batcher.read_number(NUMBER)) for _ in range(5)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    while not batcher._queue._closed:
        await asyncio.sleep(0.001)
    model.gate.set()
    await closing
    async with asyncio.timeout(5):
        results = await asyncio.gather(*asked, *waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Draining] * 7
    assert observed.depth == 0
    with pytest.raises(Draining):
        await batcher.read_number(NUMBER)


async def test_closing_settles_a_number_that_waits_for_its_conclusion(
    batcher: Batcher, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(*given: Any, **named: Any) -> Any:
        begun.set()
        assert go_on.wait(5)
        return conclude_number(*given, **named)

    monkeypatch.setattr(Reader, "conclude_number", slow)
    monkeypatch.setattr(batcher._queue.gate, "max_pictures", 1000)
    tasks = [asyncio.create_task(batcher.read_number(NUMBER)) for _ in range(2)]
    await asyncio.to_thread(begun.wait, 5)
    await asyncio.sleep(0.05)  # the other waits for the same thread by now
    batcher.close()
    (settled,), (concluding,) = await asyncio.wait(tasks, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    assert isinstance(settled.exception(), Draining)
    go_on.set()
    assert isinstance(await concluding, NumberAnswer)
    assert observed.depth == 0
