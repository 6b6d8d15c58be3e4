"""What comes in one turn of the loop is handed on at its end; each loop has turns of its own."""

from __future__ import annotations

import asyncio

from service.turn import Turn


def test_a_turn_is_handed_on_at_its_end_and_another_is_another() -> None:
    ended: list[list[str]] = []
    turn = Turn(ended.append)

    async def given() -> None:
        for item in "abc":
            turn.add(item)
        assert ended == []
        await asyncio.sleep(0)
        assert ended == [["a", "b", "c"]]
        turn.add("d")
        await asyncio.sleep(0)
        assert ended == [["a", "b", "c"], ["d"]]

    asyncio.run(given())


def test_what_is_added_at_the_end_of_a_turn_is_of_the_next() -> None:
    ended: list[list[int]] = []

    def end(items: list[int]) -> None:
        ended.append(items)
        if items[0] < 2:
            turn.add(items[0] + 1)

    turn = Turn(end)

    async def given() -> None:
        turn.add(0)
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(given())
    assert ended == [[0], [1], [2]]


def test_a_loop_that_ended_in_the_middle_of_a_turn_keeps_no_other_from_its_own() -> None:
    ended: list[list[str]] = []
    turn = Turn(ended.append)
    left = asyncio.new_event_loop()
    left.call_soon(turn.add, "left")
    left.call_soon(left.stop)
    left.run_forever()

    async def given() -> None:
        turn.add("ours")
        await asyncio.sleep(0)

    asyncio.run(given())
    assert ended == [["ours"]]
    left.run_until_complete(asyncio.sleep(0))
    left.close()
    assert ended == [["ours"], ["left"]]
