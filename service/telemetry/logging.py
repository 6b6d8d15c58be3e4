"""One log, on standard error: for people or as JSON, each line with the id of the request that it belongs to."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Literal, TextIO

from service.telemetry.traces import Trace

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that this code runs for; empty outside one."""
key_name: ContextVar[str] = ContextVar("key_name", default="")
"""The name of the API key that this request was sent with; empty without one."""
trace: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace that this request belongs to; None without one."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "color_message", "taskName"}


class JSONFormatter(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `message`, and what `extra` gave.

    Where there is one also `request_id`, `key_name`, `trace_id` and `span_id`, `exception`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identity := request_id.get():
            line["request_id"] = identity
        if key := key_name.get():
            line["key_name"] = key
        if traced := trace.get():
            line["trace_id"], line["span_id"] = traced.trace_id, traced.span_id
        line.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class ConsoleFormatter(logging.Formatter):
    """`time LEVEL logger: message [request id, key's name, trace's id]`, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback's."""
        traced = trace.get()
        origin = ", ".join(filter(None, (request_id.get(), key_name.get(), traced.trace_id if traced else "")))
        # What callers send can be in a message; a line break in it must not look like another line of the log.
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {message}" + (f" [{origin}]" if origin else "")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Log(logging.StreamHandler[TextIO]):
    """Writes to standard error, a record at a time or several `together`."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._held: list[str] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record, or keeps it for the end of `together`."""
        if self._held is None:
            super().emit(record)
            return
        try:
            self._held.append(self.format(record) + self.terminator)
        except Exception:  # as in the standard library: a fault in one record is no fault of who logs it
            self.handleError(record)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is logged within goes out in one piece. Other threads wait for it."""
        with self.lock or contextlib.nullcontext():
            self._held = []
            try:
                yield
            finally:
                text, self._held = "".join(self._held), None
                with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                    self.stream.write(text)
                    self.flush()


def together() -> contextlib.AbstractContextManager[None]:
    """What is logged within is written at the end, at once."""
    ours = (handler for handler in logging.getLogger().handlers if isinstance(handler, _Log))
    return next((handler.together() for handler in ours), contextlib.nullcontext())


def configure(style: Literal["console", "json"], level: str) -> None:
    """Sends every logger of the process, uvicorn's too, through one handler."""
    handler = _Log()
    handler.setFormatter(JSONFormatter() if style == "json" else ConsoleFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)
    # Which thread and which process it was is in no line of ours, and takes a third of the time of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # It warns of odd files, with numbers out of them; of what is not said again Python keeps every text there was, for good.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # Ours has the request's id and its time; the parser would complain of each malformed body, which is answered 400.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # It would write down what pictures say of themselves: names, places, descriptions.
    logging.getLogger("PIL").setLevel(max(logging.INFO, logging.getLevelName(level.upper())))


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
