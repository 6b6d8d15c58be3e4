"""Our uvicorn server: it drains before it ends, and answers malformed HTTP the way the app answers errors."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.errors import MalformedRequest, SettingsError
from service.model.version import Model
from service.problems import respond_to
from service.settings import Settings
from service.state import State
from service.telemetry.logging import request_id
from service.telemetry.requests import LEFT, new_request_id

log = logging.getLogger(__name__)


class Protocol(HttpToolsProtocol):
    """One connection. Ends the work for a caller who has left, which uvicorn would do to its end."""

    _running: tuple[Any, asyncio.Task[None]] | None = None
    _broken = False

    def data_received(self, data: bytes) -> None:
        """Bytes have come; after some that are no HTTP none are looked at."""
        if not self._broken:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Instead of uvicorn's plain text, and only where no other answer is on its way: that one is given first."""
        self._broken = True
        if self.pipeline and self.cycle.more_body:  # the last one's body is what is broken
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._running and self._running[0]
        if last and not last.response_complete and (last.response_started or not last.more_body):
            last.keep_alive = False
            last.more_body = False  # of a body that was not read to its end, no more will come
            last.message_event.set()
            return
        token = request_id.set(new_request_id())
        response = respond_to(MalformedRequest("The request is not valid HTTP."), "")
        headers = [
            *self.server_state.default_headers,
            *response.raw_headers,
            (b"x-request-id", request_id.get().encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in headers), b"", b""]
        self.transport.write(b"\r\n".join(lines) + response.body)
        self.transport.close()
        request_id.reset(token)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has left, or has got the answer."""
        super().connection_lost(exc)
        running = self._running
        if running is not None and not running[0].response_complete:
            running[0].scope["state"][LEFT] = True
            running[1].cancel()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        # As uvicorn's own, which keeps no hold on the task.
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        self._running = (cycle, task)


class Server(uvicorn.Server):
    """Drains on the first SIGTERM: not ready, but serving, for a while; then ends when what is in flight is answered."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state
        self._drained_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: drain. SIGINT, or a second signal while draining: end. One more: leave what is in flight."""
        if self.should_exit:
            self.force_exit = True
        elif sig == signal.SIGTERM and self._drained_at is None and self._state.settings.drain_seconds > 0:
            self._state.draining = True
            self._drained_at = time.monotonic() + self._state.settings.drain_seconds
        else:
            self._state.draining = True
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        if self._drained_at is not None and time.monotonic() >= self._drained_at:
            self.should_exit = True
        return await super().on_tick(counter)


def bind(settings: Settings) -> socket.socket:
    """A listening socket. Raises `SettingsError` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}") from None


def url_of(listening: socket.socket) -> str:
    """Where to point a browser."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{host}:{port}"


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Serves until a signal ends it. Blocks."""
    make_server(app).run([listening])


def end_process(status: int = 0) -> None:
    """Ends the process at once if pictures are still being decoded: the interpreter would wait for their threads."""
    others = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    if any(not thread.daemon for thread in others):
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # nobody reads it any more
                stream.flush()
        os._exit(status)


def make_server(app: FastAPI) -> Server:
    """A server for the app, by the app's settings."""
    state: State = app.state.digits
    settings = state.settings
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        backlog=2048,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    return Server(config, state)


def announce(settings: Settings, listening: socket.socket) -> Callable[[Model], None]:
    """Says in one line where the service is, once it can read pictures: to a person, or in the log where that is JSON."""
    say = log.info if settings.log_format == "json" else functools.partial(print, flush=True)
    return lambda model: say(f"Digits is ready: {url_of(listening)} (model version {model.manifest.version})")
