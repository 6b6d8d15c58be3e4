"""The load driver against a tiny server, the arithmetic of figures, and the kernel's account of processes."""

from __future__ import annotations

import asyncio
import contextlib
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from benchmarks import figures
from benchmarks.jobs import Job, Question, Tally
from benchmarks.lifetime import growth
from benchmarks.load import drive, driver
from benchmarks.processes import NotReady, Watch, answers, free_port, started, tree, usage

Answer = Callable[[bytes], tuple[float, bytes]]
"""Of a request's body: seconds to wait, and the bytes to send; none: the connection is reset."""


def good(body: bytes, status: int = 200, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def asking(*bodies: bytes) -> tuple[Question, ...]:
    head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n"
    return tuple(Question(head.format(len(body)).encode() + body, (body,)) for body in bodies)


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[int]:
    """Its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).strip()
                    seconds, said = answer(await reader.readexactly(int(head.rsplit(b": ", 1)[1])))
                    await asyncio.sleep(seconds)
                    if not said:
                        break
                    for half in (said[: len(said) // 2], said[len(said) // 2 :]):
                        writer.write(half)
                        await writer.drain()
        finally:
            writer.transport.abort()

    async def end() -> None:
        listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    port, loop = free_port(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listening = asyncio.run_coroutine_threadsafe(asyncio.start_server(talk, "127.0.0.1", port), loop).result(10)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_the_closed_loop_counts_and_times() -> None:
    with server(lambda body: (0.02, good(body))) as port:
        tally = drive(Job(port, asking(b"one", b"two"), clients=4, seconds=0.6, warm_up=0.1))
    assert tally.failed == tally.dropped == tally.refused == 0
    assert tally.answers() == tally.in_time <= tally.sent
    assert 4 <= tally.answers() <= 4 * 0.6 / 0.02
    assert tally.rate == pytest.approx(tally.answers() / 0.6)
    assert min(tally.times[200]) >= 0.02
    assert tally.cpu_seconds > 0


def test_answers_are_checked_and_statuses_kept_apart() -> None:
    said = {b"right": good(b"it is right"), b"other": good(b"it is right"), b"busy": good(b"", 503)}
    with server(lambda body: (0.01, said[body])) as port:
        tally = drive(Job(port, asking(*said), clients=1, seconds=0.5))
    assert set(tally.times) == {200, 503}
    assert 0 <= tally.sent - 2 * tally.wrong - tally.answers(503) <= 2
    assert tally.wrong >= 1
    assert abs(tally.in_time - tally.wrong) <= 1
    assert tally.failed == tally.wrong + tally.answers(503)


def test_resets_are_counted_and_the_client_comes_back() -> None:
    asked: list[bytes] = []

    def answer(body: bytes) -> tuple[float, bytes]:
        asked.append(body)
        return 0.01, good(body) if len(asked) % 3 else b""

    with server(answer) as port:
        tally = drive(Job(port, asking(b"question"), clients=1, seconds=0.5))
    assert tally.sent == len(asked) >= 4
    assert tally.resets == tally.failed == len(asked) // 3


def test_a_connection_that_the_server_announces_to_close_is_no_failure() -> None:
    with server(lambda body: (0.0, good(body, more="Connection: close\r\n"))) as port:
        tally = drive(Job(port, asking(b"question"), clients=2, seconds=0.3))
    assert tally.answers() > 2
    assert tally.failed == 0


def test_what_is_never_answered_and_whom_nobody_lets_in() -> None:
    with server(lambda body: (5.0, good(body))) as port:
        tally = drive(Job(port, asking(b"question"), clients=3, seconds=0.1, patience=0.1))
    assert (tally.sent, tally.unanswered, tally.resets, tally.failed) == (3, 3, 0, 3)
    tally = drive(Job(free_port(), asking(b"question"), clients=3, seconds=5.0))
    assert (tally.sent, tally.refused, tally.failed) == (0, 3, 0)


def test_the_open_loop_keeps_its_rate_and_drops_what_finds_no_connection() -> None:
    with server(lambda body: (0.0, good(body))) as port:
        tally = drive(Job(port, asking(b"question"), clients=50, seconds=0.5, rate=200))
    assert tally.sent + tally.dropped == 100
    assert tally.answers() == tally.sent
    with server(lambda body: (0.3, good(body))) as port:
        tally = drive(Job(port, asking(b"question"), clients=5, seconds=0.5, rate=200))
    assert tally.sent + tally.dropped == 100
    assert 5 <= tally.sent <= 15
    assert tally.answers() == tally.sent
    assert tally.in_time < tally.sent


def test_answers_are_counted_by_a_number_in_them() -> None:
    said = [good(b'{"version":%d}' % number) for number in (3, 12)]
    with server(lambda body: (0.01, said[body == b"b"])) as port:
        questions = tuple(Question(question.request) for question in asking(b"a", b"b"))
        tally = drive(Job(port, questions, clients=1, seconds=0.3, count=b'"version":'))
    assert set(tally.counted) == {3, 12}
    assert tally.counted.total() == tally.answers()


def test_the_driver_runs_in_a_process_of_its_own() -> None:
    with server(lambda body: (0.0, good(body))) as port, driver() as drive_there:
        tally = drive_there.run(Job(port, asking(b"question"), clients=2, seconds=0.2))
    assert isinstance(tally, Tally)
    assert tally.answers() > 0


def test_percentiles_and_ratios() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [figures.percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert figures.percentile([7.0], 0.99) == 7
    assert math.isnan(figures.percentile([], 0.5))
    assert figures.ratio(3, 4) == 0.75
    assert math.isnan(figures.ratio(3, 0))
    assert figures.finite({"a": [math.nan, 1.5], "b": 2}) == {"a": [None, 1.5], "b": 2}
    assert growth([(0.0, 10.0), (60.0, 20.0), (120.0, 21.0)], 60.0) == (20.5, 20.5)
    assert growth([(float(second), 100.0 + second) for second in range(100)], 50.0) == (154.5, 194.5)


def test_tables() -> None:
    table = figures.Table(
        "Title", ("", "a"), [("row", figures.number(1234.5)), ("other", figures.milliseconds(0.0015))]
    )
    assert table.text().splitlines() == ["Title", "           a", "row    1,234", "other   1.50"]
    assert table.markdown().splitlines()[2:] == ["|  | a |", "| --- | ---: |", "| row | 1,234 |", "| other | 1.50 |"]
    assert (figures.percent(0.1234), figures.percent(math.nan)) == ("12.3 %", "–")


def test_the_account_of_a_tree_of_processes() -> None:
    inner = "import sys; data = b'1' * 50_000_000; sum(range(3_000_000)); print('ready', flush=True); sys.stdin.read()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with Watch(process.pid, 0.01) as watch:
            found = usage(process.pid)
        assert len(tree(process.pid)) == 2
        process.stdin.close()
    assert found.resident_mb > 50
    assert found.cpu_seconds > 0.01
    assert watch.peak_mb > 50
    assert tree(process.pid) == []
    assert usage(process.pid).resident_mb == 0


def test_a_server_is_started_waited_for_and_ended() -> None:
    port = free_port()
    with started("files", [sys.executable, "-m", "http.server", str(port)], port, "/README.md", {}) as running:
        assert answers(port, "/README.md") == 200
        assert running.ready_seconds > 0
        assert running.usage().resident_mb > 1
    assert answers(port, "/README.md") == 0
    assert tree(running.pid) == []
    with pytest.raises(NotReady, match="ended with status 3"):
        with started("none", [sys.executable, "-c", "raise SystemExit(3)"], port, "/", {}):
            pass
