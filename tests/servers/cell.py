"""One cell of the table: a framework on a server that runs, its client, and the spans it writes."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from processes import clean_environment, free_port, stop, wait_until_open
from servers.hosts import Host
from servers.spans import SERVER, Span, Spool

SERVICES = Path(__file__).parent / "services"
DEADLINE = 10.0
_POLL = 0.01
_NO_TLS = ssl.create_default_context()
"""For all clients: to make one takes longer than most scenarios."""


class Running:
    """A server's process, and what it has written."""

    def __init__(self, host: Host, port: int, spool: Spool) -> None:
        self.host = host
        self.port = port
        self.spool = spool
        self._base = f"http://127.0.0.1:{port}"

    def client(self) -> httpx.Client:
        """Return a client that has no connection yet."""
        return httpx.Client(
            base_url=self._base,
            http1=not self.host.is_http2,
            http2=self.host.is_http2,
            timeout=DEADLINE,
            verify=_NO_TLS,
        )

    def async_client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=1 if self.host.is_http2 else self.host.at_once)
        return httpx.AsyncClient(
            base_url=self._base,
            http1=not self.host.is_http2,
            http2=self.host.is_http2,
            timeout=DEADLINE,
            verify=_NO_TLS,
            limits=limits,
        )

    def flush(self) -> None:
        with self.client() as client:
            client.get("/")


@contextmanager
def running(host: Host, home: Path) -> Iterator[Running]:
    """Start *host* with every framework that it serves; stop it as an operator would."""
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port) for part in host.command)]
    env = clean_environment(home, PYTHONPATH=str(SERVICES))
    with (home / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, env=env, cwd=SERVICES, stdout=output, stderr=output)
        try:
            wait_until_open(process, port)
            yield Running(host, port, Spool(home / "spool"))
        except BaseException:
            sys.stderr.write((home / "output.txt").read_text(errors="replace")[-3000:])
            raise
        finally:
            stop(process)


class Cell(NamedTuple):
    """*framework* on the server *running*."""

    running: Running
    framework: str

    @property
    def host(self) -> Host:
        return self.running.host

    def headers(self, request_id: str) -> dict[str, str]:
        return {"X-Framework": self.framework, "X-Request-ID": request_id}

    def get(self, path: str, **more: str) -> tuple[httpx.Response, Span]:
        """Make one request, with *more* headers; give its answer and its span."""
        request_id = new_id()
        with self.running.client() as client:
            response = client.get(path, headers={**self.headers(request_id), **more})
        return response, self.span(request_id)

    def span(self, request_id: str) -> Span:
        """Return the one server span of the request, once it has been written."""
        return self.spans(request_id, lambda spans: bool(server_spans(spans)))[0]

    def spans(self, request_id: str, enough: object) -> list[Span]:
        """Return the request's spans as soon as they are *enough*, its server span first."""
        assert callable(enough)
        deadline = time.monotonic() + DEADLINE
        while not enough(found := self.running.spool.of(request_id)):
            assert time.monotonic() < deadline, f"only {found}"
            self.running.flush()
            time.sleep(_POLL)
        ours = server_spans(found)
        assert len(ours) <= 1, ours
        return [*ours, *(span for span in found if span not in ours)]


def server_spans(spans: list[Span]) -> list[Span]:
    return [span for span in spans if span.kind == SERVER and span.scope == "tracekit"]


def new_id() -> str:
    return f"test-{uuid.uuid4().hex}"
