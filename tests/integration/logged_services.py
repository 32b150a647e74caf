"""Run the services of ``apps/logged.py``, and read what they log."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from processes import clean_environment, free_port, service

UVICORN = ("uvicorn", "--port", "{port}")
GUNICORN = (
    "gunicorn",
    *("-b", "127.0.0.1:{port}", "--threads", "2", "--access-logfile", "{access}"),
    *("--access-logformat", "%({{x-request-id}}o)s %(U)s"),
)


class Host:
    """A running service, and its log."""

    def __init__(self, port, folder):
        self.port = port
        self.log = folder / "log.jsonl"
        self.log.touch()
        self.access = folder / "access.log"

    def ask(self, path, request_id):
        """Request *path*; give the response and the time just before."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, headers={"X-Request-ID": request_id})
        began = time.time()
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response, began
        except urllib.error.HTTPError as error:
            error.close()
            return error, began

    def logged(self, since, until):
        """Give the records since a time, once one of them is of the logger *until*."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            lines = [json.loads(line) for line in self.log.read_text().splitlines()]
            found = [line for line in lines if line["created"] >= since]
            if any(line["name"] == until for line in found):
                return found
            time.sleep(0.02)  # the interval of a poll
        raise AssertionError(f"nothing of {until} in {found}")


@contextmanager
def running(command, app, folder, **env):
    port = free_port()
    host = Host(port, folder)
    words = [word.format(port=port, access=host.access) for word in (*command, f"logged:{app}")]
    told = {"LOGGED_TO": str(host.log), "TRACEKIT_EXECUTORS": "true", **env}
    with service(words, port, clean_environment(folder / "home", **told)):
        host.ask("/none", "first")  # so that what the server says of its start is behind us
        yield host


@contextmanager
def answering():
    """Answer every request, and give the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args): ...

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # callers that come at once are not to wait for a second try

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
