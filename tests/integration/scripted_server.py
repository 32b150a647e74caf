"""A server in this process that answers as a test tells it and keeps the time of what it sends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Exchange:
    """One request, with the means to answer it. Times are ``perf_counter_ns`` readings."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self.came = time.perf_counter_ns()
        self.method, self.path, self.headers = handler.command, handler.path, handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        self.began = 0
        self.sent: list[int] = []

    def answer(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        """Send a whole response at once."""
        self.begin(status, content_length=str(len(body)), **headers)
        if self.method != "HEAD":
            self._handler.wfile.write(body)

    def begin(self, status: int = 200, **headers: str) -> None:
        """Send the headers."""
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()
        self.began = time.perf_counter_ns()

    def write(self, data: bytes) -> None:
        """Send a piece of the body as it is."""
        self._handler.wfile.write(data)
        self.sent.append(time.perf_counter_ns())

    def chunk(self, data: bytes) -> None:
        """Send a piece of a chunked body, in one segment."""
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """Send the last, empty chunk."""
        self._handler.wfile.write(b"0\r\n\r\n")

    def break_off(self) -> None:
        """Close the connection here and now."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    @property
    def gaps(self) -> list[int]:
        return [b - a for a, b in zip(self.sent, self.sent[1:], strict=False)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class ScriptedServer:
    """Serves *answer*, in a thread per connection; use it as a context manager."""

    def __init__(self, answer: Callable[[Exchange], None]) -> None:
        self.exchanges: list[Exchange] = []
        self.connections = 0
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                scripted.connections += 1
                super().setup()

            def do_GET(self) -> None:
                exchange = Exchange(self)
                scripted.exchanges.append(exchange)
                try:
                    answer(exchange)
                except OSError:  # the client has left
                    self.close_connection = True

            do_POST = do_PUT = do_HEAD = do_GET

            def log_message(self, *_: Any) -> None: ...

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ScriptedServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def stream(exchange: Exchange, pieces: Iterable[tuple[float, bytes]]) -> None:
    """Send chunks, each after its pause in seconds. The pauses are what is under test."""
    for pause, piece in pieces:
        time.sleep(pause)
        exchange.chunk(piece)
