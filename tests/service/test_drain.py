"""Ending under load: what has been read is answered. Losing a worker: the others serve on."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.service.checks import RAW
from tests.service.fakes import ONE, FakeModel
from tests.service.live import GOOD, Process, connect, read_all, read_one, serving, taken_apart

READY = "version 2 serves by default"
STARTED = r"Started server process \[(\d+)\]"


class Client(threading.Thread):
    """Asks without a pause, on one connection for as long as the server lets it, until nobody listens any more."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._address = httpx.URL(url)
        self.seen: Counter[str] = Counter()
        self.start()

    def run(self) -> None:
        connection, fresh = None, True
        while True:
            if connection is None:
                connection = http.client.HTTPConnection(self._address.host, self._address.port, timeout=20)
                fresh = True
            try:
                connection.request("POST", "/v1/digit", ONE, RAW)
                answer = connection.getresponse()
                answer.read()
            except ConnectionRefusedError:
                self.seen["refused"] += 1
                return
            except (http.client.HTTPException, OSError) as error:
                # The kernel had taken the connection in, and the listener was closed before the server had.
                self.seen["never taken in" if fresh else f"lost: {error!r}"] += 1
                connection = None
                continue
            fresh = False
            self.seen[str(answer.status)] += 1
            if answer.will_close:
                self.seen["closed"] += 1
                connection.close()
                connection = None


@pytest.mark.parametrize(("workers", "drain"), [(1, 0.5), (2, 0.5), (1, 0)])
def test_under_load_all_that_was_read_is_answered(start: Callable[..., Process], workers: int, drain: float) -> None:
    patient = {"max_wait_seconds": 20, "standing_wait_seconds": 20}  # nobody is refused, however slow the machine
    server = start(0.01, workers=workers, drain_seconds=drain, log_format="json", **patient)
    server.until(READY, workers)
    logged: list[str] = []
    assert server.process.stderr is not None
    reader = threading.Thread(target=lambda stream: logged.extend(stream), args=(server.process.stderr,))
    reader.start()
    clients = [Client(server.url) for _ in range(8)]
    time.sleep(1)
    server.process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join(20)
    assert server.process.wait(20) == 0
    reader.join()
    seen = sum((client.seen for client in clients), Counter[str]())
    assert seen["refused"] == 8, seen
    assert seen["closed"] >= 8, seen
    assert set(seen) <= {"200", "closed", "refused", "never taken in"}, seen
    assert seen["never taken in"] <= 1, seen
    lines = [json.loads(line) for line in logged]
    answered = Counter(line["status"] for line in lines if line["logger"] == "service.access")
    assert answered == {200: seen["200"]}
    assert not [line for line in lines if line["level"] in ("error", "critical")]


def test_while_draining_every_answer_is_the_last_and_new_connections_are_served(published: Path) -> None:
    with serving(Settings(artifacts=published, port=0), FakeModel()) as (url, app):
        with connect(url) as old, connect(url) as silent:
            old.sendall(GOOD)
            assert "connection" not in read_one(old)[1]
            app.state.digits.draining = True
            old.sendall(GOOD)
            status, headers, _ = taken_apart(read_all(old))
            assert (status, headers["connection"]) == (200, "close")
            for path in ("/nothing", "/healthz", "/"):
                assert httpx.get(url.join(path)).headers["connection"] == "close"
            silent.sendall(GOOD * 3)  # all of these have been read, so the first must not be the last
            answer = read_all(silent)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200"] * 3
    assert answer.count(b"connection: close") == 1
    assert answer.rfind(b"connection: close") > answer.rfind(b"HTTP/1.1 200")


def test_when_the_listener_closes_those_who_may_be_about_to_ask_are_waited_for(start: Callable[..., Process]) -> None:
    server = start(drain_seconds=0, keep_alive_seconds=300)
    with connect(server.url) as idle, connect(server.url) as used:
        idle.sendall(GOOD)
        assert read_one(idle)[0] == 200
        time.sleep(0.7)
        with connect(server.url) as fresh, connect(server.url) as partial:
            used.sendall(GOOD)
            assert read_one(used)[0] == 200
            partial.sendall(GOOD[:20])
            time.sleep(0.1)
            server.process.send_signal(signal.SIGTERM)
            assert idle.recv(65536) == b""
            with pytest.raises(ConnectionRefusedError):
                connect(server.url)
            assert server.process.poll() is None
            partial.sendall(GOOD[20:])
            for connection in (used, fresh):
                connection.sendall(GOOD)
            for connection in (used, fresh, partial):
                status, headers, _ = taken_apart(read_all(connection))
                assert (status, headers["connection"]) == (200, "close")
    status, _, log = server.end()
    assert status == 0
    assert "Traceback" not in log


def test_nobody_holds_up_the_end_who_asks_nothing(start: Callable[..., Process]) -> None:
    server = start(drain_seconds=0)
    with connect(server.url) as fresh, connect(server.url) as partial, connect(server.url) as broken:
        partial.sendall(GOOD[:20])
        broken.sendall(b"no http\r\n\r\n")
        assert read_one(broken)[0] == 400
        server.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert read_all(fresh) == b""
        assert taken_apart(read_all(partial))[0] == 408
        assert server.end()[0] == 0
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_is_let_in_once_the_listener_is_closed(start: Callable[..., Process], workers: int) -> None:
    server = start(1.5, workers=workers, drain_seconds=0.2, log_format="json")
    server.until(READY, workers)
    with connect(server.url) as asked:
        asked.sendall(GOOD)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.8)
        with pytest.raises(ConnectionRefusedError):
            connect(server.url)
        assert server.process.poll() is None
        assert read_one(asked)[0] == 200
    assert server.end()[0] == 0


def test_a_worker_that_is_killed_takes_only_its_connections_with_it_and_comes_back(
    start: Callable[..., Process],
) -> None:
    server = start(workers=2, drain_seconds=0, log_format="json")
    server.until(READY, 2)
    first, second = map(int, server.until(STARTED, 2))
    held = {pid: [held_by(server, other) for _ in range(4)] for pid, other in ((first, second), (second, first))}
    os.kill(first, signal.SIGKILL)
    for connection in held[first]:
        assert lost(connection)
    for connection in held[second]:
        assert ask(connection) == 200
    for _ in range(20):  # before it is back
        assert httpx.post(server.url + "/v1/digit", content=ONE, headers=RAW).status_code == 200
    assert server.until(r"worker \d ended with status (\S+) and is started again", 1) == ["-9"]
    server.until(READY, 3)
    assert server.until(STARTED, 3)[:2] == [str(first), str(second)]
    with held_by(server, second) as connection:  # the new one is the only one to take it
        assert ask(connection) == 200
    for connection in held[second]:
        assert ask(connection) == 200
        connection.close()


def held_by(server: Process, other: int) -> socket.socket:
    """A connection that has been served, and not by the process `other`: that one sleeps meanwhile."""
    os.kill(other, signal.SIGSTOP)
    try:
        connection = connect(server.url)
        assert ask(connection) == 200
        return connection
    finally:
        os.kill(other, signal.SIGCONT)


def ask(connection: socket.socket) -> int:
    connection.sendall(GOOD)
    return read_one(connection)[0]


def lost(connection: socket.socket) -> bool:
    with connection:
        try:
            return connection.recv(65536) == b""
        except ConnectionResetError:
            return True
