"""One connection to an HTTP server on loopback that sends bytes as they are, whether they are HTTP or not."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

PATIENCE = 10.0
"""Seconds that are waited for an answer."""


class Silent(Exception):
    """No answer has come in time."""


class Closed(Exception):
    """The connection was closed, or reset, before there was an answer."""


class Garbled(Exception):
    """What has come is no answer, or more than one."""


@dataclass(frozen=True)
class Answer:
    """An answer: names of headers are in lower case; `seconds`: from sending to the answer's end."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Wire:
    """Keeps its connection from one request to the next as long as the server does, and makes a new one where it does not."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None

    def ask(self, request: bytes) -> Answer:
        """Sends and receives. Raises `Silent`, `Closed` and `Garbled`, and `OSError` where nobody listens."""
        if self._connection is None:
            self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep = False
        try:
            answer = self._talk(self._connection, request)
            keep = answer.headers.get("connection", "") != "close"
        except TimeoutError:
            raise Silent(f"nothing, or not all of it, after {PATIENCE:g} s") from None
        except ConnectionError as error:
            raise Closed(str(error)) from None
        except (ValueError, KeyError, IndexError) as error:
            raise Garbled(repr(error)) from None
        finally:
            if not keep:
                self.close()
        return answer

    def close(self) -> None:
        """Ends the connection; the next request gets another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _talk(self, connection: socket.socket, request: bytes) -> Answer:
        started = time.perf_counter()
        lost: ConnectionError | None = None
        try:
            connection.sendall(request)
        except ConnectionError as error:  # an answer may be there all the same
            lost = error
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                received += _more(connection, lost)
            head, _, received = received.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            version, status = first.split(" ", 2)[:2]
            if version != "HTTP/1.1":
                raise ValueError(first)
            if int(status) >= 200:  # others announce an answer
                break
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers["content-length"])
        while len(received) < length:
            received += _more(connection, lost)
        if len(received) > length:
            raise ValueError(f"{len(received) - length} bytes after the answer")
        return Answer(int(status), headers, received, time.perf_counter() - started)


def _more(connection: socket.socket, lost: ConnectionError | None) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise lost or ConnectionResetError("closed")
    return data
