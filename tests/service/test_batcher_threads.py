"""Several threads of the model: one has all single digits, the others go on with what takes long."""

from __future__ import annotations

import asyncio

import pytest

from service.model.batcher import Batcher
from service.model.gate import Gate
from service.reading.reader import Reader
from tests.service.checks import Observed
from tests.service.fakes import ONE, ZERO, FakeModel

pytestmark = pytest.mark.anyio


async def asked(model: FakeModel, times: int) -> None:
    while len(model.batches) < times:
        await asyncio.sleep(0.001)


async def test_what_takes_the_model_long_is_read_side_by_side(
    reader: Reader, model: FakeModel, observed: Observed
) -> None:
    batcher = Batcher(reader, Gate(max_pictures=1000), max_batch=1, observer=observed, threads=2)
    model.gate.clear()
    waiting = [asyncio.create_task(batcher.read(picture, explain=True)) for picture in (ONE, ZERO, ONE, ZERO)]
    await asked(model, 2)
    await asyncio.sleep(0.02)
    assert len(model.batches) == 2, "each thread has one"
    model.gate.set()
    assert [answer.reading.digit for answer in await asyncio.gather(*waiting)] == [1, 0, 1, 0]
    assert observed.depth == 0
    batcher.close()


async def test_single_digits_are_read_by_one_thread_also_beside_what_takes_long(
    reader: Reader, model: FakeModel, observed: Observed
) -> None:
    batcher = Batcher(reader, Gate(max_pictures=1000), max_batch=1, observer=observed, threads=2)
    model.gate.clear()
    waiting = [asyncio.create_task(batcher.read(picture)) for picture in (ONE, ZERO)]
    await asked(model, 1)
    await asyncio.sleep(0.02)
    assert len(model.batches) == 1, "the other waits for it"
    model.gate.set()
    await asyncio.gather(*waiting)
    model.gate.clear()
    model.batches.clear()
    waiting = [asyncio.create_task(batcher.read(ONE, explain=True))]
    await asked(model, 1)
    waiting.append(asyncio.create_task(batcher.read(ZERO)))
    await asked(model, 2)
    model.gate.set()
    assert [answer.reading.digit for answer in await asyncio.gather(*waiting)] == [1, 0]
    batcher.close()
