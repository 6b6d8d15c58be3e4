"""The shortest way for what is asked most: a small picture that is here whole is read without the app.

What an app takes by itself, a task, a scope and a dozen calls around the route, was half of the event loop's time. The server
goes this way only where nothing but `POST /v1/digit` with one picture has been said; all else is for the app, whose answers are
the same.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.door import Door
from service.errors import DigitsError, Draining, PictureError
from service.headers import complete, lines
from service.model.cost import SMALL_BYTES, is_small
from service.model.entries import Answer
from service.model.table import Loaded
from service.plain import Plain
from service.problems import respond_to
from service.routes.readings import server_timing, stages_of
from service.routes.uploads import FORM, plain_file
from service.schemas import digit_reading
from service.state import State
from service.telemetry import access, traces
from service.telemetry.logging import request_id
from service.telemetry.requests import CLIENT_LEFT, FOLLOWED, LEFT, new_request_id

log = logging.getLogger(__name__)

PATH = "/v1/digit"

_FIXED = lines(complete([(b"content-type", b"application/json")]))


class Cycle:
    """The server's record of a request that the app does not see: as much of uvicorn's as `Protocol` and its parent look at."""

    more_body = False
    message_event = SimpleNamespace(set=lambda: None)
    """Nobody waits for its body."""

    def __init__(
        self, transport: asyncio.Transport, default_headers: list[tuple[bytes, bytes]], on_response: Callable[[], None]
    ) -> None:
        self.transport = transport
        self.default_headers = default_headers
        self.on_response = on_response
        self.scope: dict[str, dict[str, Any]] = {"state": {}}
        self.keep_alive = True
        self.disconnected = self.response_started = self.response_complete = False


class Express:
    """Reads the pictures and writes the answers. `door`: whom the server asks before."""

    def __init__(self, state: State, door: Door) -> None:
        self.door = door
        self._state = state

    def begin(self, asked: Plain, cycle: Cycle) -> asyncio.Future[Answer] | None:
        """Has the picture of a request read; when the future is done the answer is written. None: it is for the app."""
        picture = _picture(asked)
        if picture is None or not is_small(picture) or traces.provided():
            return None
        loaded = self._state.registry.take()
        if loaded is None:
            return None
        self._state.metrics.in_flight.inc()
        since, held = time.perf_counter(), 0
        try:
            self.door.gate.hold(asked.length)
            held = asked.length
            future = loaded.model.batcher.submit(picture)
        except DigitsError as error:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        future.add_done_callback(functools.partial(self._end, cycle, loaded, held, since))
        return future

    def _end(self, cycle: Cycle, loaded: Loaded, held: int, since: float, future: asyncio.Future[Answer]) -> None:
        state = self._state
        identity, status = new_request_id(), CLIENT_LEFT
        token = request_id.set(identity)
        try:
            if cycle.scope["state"].get(LEFT, False):
                _ = future.cancelled() or future.exception()  # asyncio complains of what nobody has looked at
            else:
                status, head, body = self._answer(future, loaded)
                self._write(cycle, b"%s%sx-request-id: %s\r\n" % (STATUS_LINE[status], head, identity.encode()), body)
        finally:
            self.door.gate.let_go(held)
            state.registry.give_back(loaded)
            state.metrics.in_flight.dec()
            seconds = time.perf_counter() - since
            state.metrics.request(PATH, "POST", status, seconds)
            access.note("POST", PATH, status, seconds)
            request_id.reset(token)

    def _answer(self, future: asyncio.Future[Answer], loaded: Loaded) -> tuple[int, bytes, bytes]:
        """The status, the headers and the body."""
        error = DigitsError("")
        manifest = loaded.model.manifest
        try:
            answer = future.result()
            body = to_json(digit_reading(answer.reading, manifest))
            timing = server_timing(stages_of([answer]))
            self._state.metrics.reading(answer.reading, answer.queue_seconds, manifest.version)
            return 200, _FIXED + f"content-length: {len(body)}\r\nserver-timing: {timing}\r\n".encode("ascii"), body
        except asyncio.CancelledError:  # the server will wait no longer
            error = Draining("The service is shutting down.")
        except PictureError as problem:
            self._state.metrics.picture_problem(problem.status)
            error = problem
        except DigitsError as problem:
            error = problem
        except Exception:
            log.exception("POST %s failed", PATH)
        response = respond_to(error, PATH)
        return error.status, lines(complete(response.raw_headers)), bytes(response.body)

    def _write(self, cycle: Cycle, head: bytes, body: bytes) -> None:
        """As the server's own, in one piece."""
        followed = cycle.scope["state"].get(FOLLOWED, False)
        if not cycle.keep_alive or (self._state.draining and not followed):
            cycle.keep_alive = False
            head += b"connection: close\r\n"
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(head + lines(cycle.default_headers) + b"\r\n" + body)
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


def _picture(asked: Plain) -> bytes | None:
    """The picture that was sent; None where only the route can find it, or say what is wrong."""
    if asked.path != PATH or asked.length > SMALL_BYTES or not asked.whole:
        return None
    return plain_file(asked.body, asked.content_type, "image") if asked.kind == FORM else asked.body
