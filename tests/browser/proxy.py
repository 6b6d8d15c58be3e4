"""A reverse proxy on loopback: it strips a prefix, can be stopped and started again, and keeps what was sent."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""The content security policy that the page has to get along with, wherever it is served."""


class Proxy:
    """Serves `upstream` under `prefix`, every answer with the strict policy. `bodies`: what was posted, oldest first."""

    def __init__(self, upstream: str, prefix: str = "") -> None:
        self.bodies: list[bytes] = []
        self._upstream = urlsplit(upstream).netloc
        self._prefix = prefix
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self._prefix}/"

    def start(self) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                proxy._forward(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """From here on, connections are refused."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _forward(self, request: BaseHTTPRequestHandler) -> None:
        if not request.path.startswith(self._prefix + "/"):
            request.send_error(404)
            return
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        if request.command == "POST":
            self.bodies.append(body)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        upstream = http.client.HTTPConnection(self._upstream, timeout=60)
        try:
            upstream.request(request.command, request.path.removeprefix(self._prefix), body or None, headers)
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        request.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "content-security-policy"}:
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Content-Security-Policy", STRICT)
        request.end_headers()
        request.wfile.write(content)
