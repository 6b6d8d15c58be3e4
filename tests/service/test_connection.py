"""How long an idle connection is kept."""

from __future__ import annotations

import time
from pathlib import Path

from service.settings import Settings
from tests.service.fakes import FakeModel
from tests.service.live import GOOD, connect, read_one, serving


def test_a_connection_is_kept_for_so_long_after_the_last_answer(published: Path, model: FakeModel) -> None:
    settings = Settings(artifacts=published, port=0, threads=1, keep_alive_seconds=1)
    with serving(settings, model) as (url, _), connect(url) as connection:
        began = time.monotonic()
        for request in (GOOD, b"GET /healthz HTTP/1.1\r\n\r\n", GOOD):
            connection.sendall(request)
            assert read_one(connection)[0] == 200
            time.sleep(0.6)
        model.gate.clear()
        connection.sendall(GOOD)
        time.sleep(1.5)  # busy
        model.gate.set()
        assert read_one(connection)[0] == 200
        answered = time.monotonic()
        assert connection.recv(65536) == b""
        assert 0.9 < time.monotonic() - answered < 2
        assert answered - began > 3
