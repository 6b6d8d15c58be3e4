"""One HTTP connection: limits on what may arrive and how long it may take, and errors that look as the app's do."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.connection import Connection
from service.door import PASSED, refusal
from service.errors import HeadersTooLarge, MalformedRequest, Overloaded, RequestError, RequestTimeout
from service.express import Cycle, Express
from service.headers import ALWAYS, lines
from service.linger import LINGER_SECONDS, REFUSED, WHOLE, Lingering
from service.model.cost import SMALL_BYTES
from service.plain import Plain, plain
from service.problems import respond_to
from service.state import State
from service.telemetry.logging import request_id
from service.telemetry.requests import FOLLOWED, new_request_id, note_busy, note_refused

MAX_HEAD_BYTES = 32_768
"""Bytes that the request line and the headers of a request may have, and those that may follow a body in chunks."""

QUIET_SECONDS = 0.5
"""Whoever has been active since may be about to ask: the connection is not closed under the request when the server ends."""


class Protocol(Connection):
    """A connection that is bounded in bytes and in time."""

    def __init__(self, state: State, express: Express | None, **given: Any) -> None:
        super().__init__(**given)
        self._state = state
        self._express = express
        self._broken = False
        self._passed = False  # the door has been asked for what is being parsed
        self._headed = False  # of what has begun
        self._fields: int | None = 0  # bytes of headers, or of what may become such; None: within a body
        self._size = 0  # of the bytes at hand
        self._since = 0.0  # the first byte of a request
        self._clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has come, and has a request's time to say something."""
        super().connection_made(transport)
        self._active = self.loop.time()
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Bytes have come; after some that cannot be used none are looked at."""
        if self._broken:
            return
        self._active = self.loop.time()
        if self._express is not None and self._at_rest() and self._at_once(self._express, data):
            return
        self._size = len(data)
        if self._fields is not None:
            self._fields += self._size
        super().data_received(data)
        if self._fields is not None and self._fields > MAX_HEAD_BYTES:
            self._refuse(_too_large())
        # What is whole has no clock: most requests come in one piece. Stray line breaks between requests are nothing whole.
        if self._clock is None and not self._broken and (self._begun or not self._busy()):
            self._start_clock()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._begun, self._headed = True, False
        self._since = self._active
        self._stop_clock()

    def on_headers_complete(self) -> None:
        """Headers are complete: the app is called, or the request waits behind others."""
        # What has come with them is not told apart from them yet, so they are measured where they may be too large.
        if (self._fields or 0) + self._size > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            self._refuse(_too_large())
            raise ValueError  # nothing else stops the parser
        before = self.cycle
        if self._passed:
            self._passed = False
            self.scope["state"][PASSED] = True
        super().on_headers_complete()
        if self.pipeline:
            before.scope["state"][FOLLOWED] = True
        self.headers = []  # what follows a body in chunks is no part of the request
        self._headed = True
        self._fields = None

    def on_chunk_header(self) -> None:
        """A chunk begins, or what follows the last."""
        self._fields = 0

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._fields = None
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._begun = False
        self._fields = 0
        self._stop_clock()
        self.cycle.scope["state"][WHOLE] = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has left, or has got the answer."""
        self._stop_clock()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The listener is closed. What has been asked is answered still, and says that it is the last."""
        if not self._busy():
            quiet = self.loop.time() - self._active
            self.loop.call_later(max(0.0, QUIET_SECONDS - quiet), self._end)
        elif self._running is not None and self._running[0].response_started and not self.pipeline:
            self._running[0].keep_alive = False  # too late to say so; the others do, as the service drains

    def send_400_response(self, msg: str) -> None:
        """The parser has found something that is no HTTP, or has been stopped."""
        self._refuse(MalformedRequest("The request is not valid HTTP."))

    def _at_rest(self) -> bool:
        """Whether what comes now is the beginning of a request, and nothing else is being done for the connection."""
        return not (self._fields != 0 or self._begun or self._busy() or self._state.draining or self.flow.write_paused)

    def _at_once(self, express: Express, data: bytes) -> bool:
        """Refuses one plain request, or has it read, without a parser and without the app; False: it needs them."""
        asked = plain(data)
        if asked is None or not express.door.knows(asked):
            return False
        if not asked.whole and asked.length <= SMALL_BYTES:
            return False  # the rest will be here in a moment
        try:
            express.door.check(asked.path, asked.length)
        except Overloaded as error:
            self._turn_away(asked, error)
            return True
        cycle = Cycle(self.transport, self.server_state.default_headers, self.on_response_complete)
        reading = express.begin(asked, cycle)
        if reading is None:
            self._passed = True
            return False
        self.cycle = cast(Any, cycle)
        self._follow(cycle, reading)
        self._stop_clock()
        return True

    def _turn_away(self, asked: Plain, error: Overloaded) -> None:
        identity = new_request_id()
        own = lines(self.server_state.default_headers)
        if not asked.whole:
            own += b"connection: close\r\n"
        self.transport.write(STATUS_LINE[error.status] + own + refusal(error, asked.path, identity))
        note_busy(self._state.metrics, asked.path, identity, self.loop.time() - self._active)
        self._stop_clock()
        if asked.whole:
            self.on_response_complete()
        else:  # what comes is not looked at
            self._broken = True
            self.linger()

    def _refuse(self, error: RequestError) -> None:
        """Takes no more. Answers `error` only where no other answer is on its way: that one is given first."""
        if self._broken or self.transport.is_closing():
            return
        self._broken = True
        self._stop_clock()
        if self.pipeline and self.cycle.more_body:  # the last one's body is what is broken
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._running and self._running[0]
        if not last or last.response_complete:
            self._answer(error)
            return
        if last.more_body and not last.response_started:  # the app waits for the body
            last.scope["state"][REFUSED] = error
        last.transport = Lingering(self.transport, self.linger)
        last.keep_alive = False
        last.more_body = False  # of a body that was not read to its end, no more will come
        last.message_event.set()

    def _answer(self, error: RequestError) -> None:
        """Answers what no app has seen."""
        token = request_id.set(new_request_id())
        response = respond_to(error, "")
        headers = [
            *self.server_state.default_headers,
            *response.raw_headers,
            (b"x-request-id", request_id.get().encode()),
            *ALWAYS,
            (b"connection", b"close"),
        ]
        self.transport.write(STATUS_LINE[error.status] + lines(headers) + b"\r\n" + bytes(response.body))
        since = self._since if self._begun else self._active
        note_refused(self._state.metrics, error.status, self.loop.time() - since)
        request_id.reset(token)
        self.linger()

    def linger(self) -> None:
        """Closes as `Linger` does: after the last answer, but not on unread bytes, which would take it back."""
        if not self.transport.is_closing():
            self.transport.write_eof()
            self._clock = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _late(self) -> None:
        """A request has not arrived in time, or there was none."""
        self._clock = None
        if not self._begun:
            self._end()
        elif not self._headed:
            self._refuse(_too_late())
        elif self.pipeline:  # it is not read on before those ahead of it are answered
            self._start_clock()
        elif not self.cycle.response_started:  # else it was answered early, and `Linger` has a limit of its own
            self.cycle.scope["state"][REFUSED] = _too_late()
            self.cycle.message_event.set()

    def _end(self) -> None:
        """Closes a connection on which nothing waits for an answer."""
        if self._busy():
            return
        if self._begun and not self._broken:
            self._refuse(_too_late())
            self.loop.call_later(QUIET_SECONDS, self.transport.close)
        else:
            self.transport.close()

    def _head_bytes(self) -> int:
        """Those of the headers that have arrived, nearly: blanks around values are not in it."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _start_clock(self) -> None:
        self._clock = self.loop.call_later(self._state.settings.request_seconds, self._late)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


def _too_large() -> HeadersTooLarge:
    return HeadersTooLarge(f"The request line and the headers may have {MAX_HEAD_BYTES} bytes.")


def _too_late() -> RequestTimeout:
    return RequestTimeout("The request did not arrive in time.")
