"""uvicorn's protocol, with a hold on what runs for a connection."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.telemetry.requests import LEFT


class Connection(HttpToolsProtocol):
    """Ends the work for a caller who has left, which uvicorn would do to its end. An idle one has a single timer, where uvicorn
    sets one with every answer and takes it back with every request."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._running: tuple[Any, asyncio.Future[Any]] | None = None  # the last that has been asked, and its answer
        self._begun = False  # a request is here in part
        self._active = 0.0  # the last thing that happened, by the loop's clock

    def on_response_complete(self) -> None:
        """An answer is out: what waits behind it is next."""
        self._active = self.loop.time()
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.timeout_keep_alive_task is None:
            self._keep_for(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Closes the connection if nothing has been said for so long."""
        self.timeout_keep_alive_task = None
        if self._begun or self._busy():
            return  # the answer will set it again
        left = self._active + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._keep_for(left)
        else:
            super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has left, or has got the answer."""
        super()._unset_keepalive_if_required()
        super().connection_lost(exc)
        if self._busy() and self._running is not None:
            self._running[0].scope["state"][LEFT] = True
            self._running[1].cancel()

    def _busy(self) -> bool:
        """Whether something has been asked that is not answered yet."""
        return self._running is not None and not self._running[0].response_complete

    def _keep_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """uvicorn calls it for all that comes. The timer looks at that by itself."""

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        # As uvicorn's own, which keeps no hold on the task.
        self._follow(cycle, self.loop.create_task(cycle.run_asgi(app)))

    def _follow(self, cycle: Any, work: asyncio.Future[Any]) -> None:
        """The server waits for the work at its end, and cancels it when it will not wait any longer."""
        work.add_done_callback(self.tasks.discard)
        self.tasks.add(cast(Any, work))
        self._running = (cycle, work)
