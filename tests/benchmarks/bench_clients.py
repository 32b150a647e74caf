"""Print the CPU µs that the hooks add to a call on a reused connection, beside OpenTelemetry's own.

Run it pinned to one core: ``taskset -c 0 python tests/benchmarks/bench_clients.py``. Every round
takes each client bare, with OpenTelemetry's hooks and with ours, in turn; the figures are medians
of the rounds' differences, with the quartiles. Only the calling thread's CPU time counts.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import http.client
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import thread_time_ns

import aiohttp
import httpx
import requests
import urllib3
from opentelemetry import propagate
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from tracekit import clients, propagation

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.server import FaultServer

CALLS = 200
Run = Callable[[int], None]


@contextmanager
def with_requests(url: str) -> Iterator[Run]:
    with requests.Session() as session:
        yield lambda times: _repeat(lambda: session.get(url).content, times)


@contextmanager
def with_urllib3(url: str) -> Iterator[Run]:
    with urllib3.PoolManager() as pool:
        yield lambda times: _repeat(lambda: pool.request("GET", url).data, times)


@contextmanager
def with_httpx(url: str) -> Iterator[Run]:
    with httpx.Client() as client:
        yield lambda times: _repeat(lambda: client.get(url).content, times)


@contextmanager
def with_async_httpx(url: str) -> Iterator[Run]:
    with closing(asyncio.new_event_loop()) as loop:
        client = httpx.AsyncClient()

        async def calls(times: int) -> None:
            for _ in range(times):
                _ = (await client.get(url)).content

        yield lambda times: loop.run_until_complete(calls(times))
        loop.run_until_complete(client.aclose())


@contextmanager
def with_aiohttp(url: str) -> Iterator[Run]:
    async def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with closing(asyncio.new_event_loop()) as loop:
        client = loop.run_until_complete(session())

        async def calls(times: int) -> None:
            for _ in range(times):
                async with client.get(url) as response:
                    await response.read()

        yield lambda times: loop.run_until_complete(calls(times))
        loop.run_until_complete(client.close())


@contextmanager
def with_http_client(url: str) -> Iterator[Run]:
    host, _, port = url.split("/")[2].partition(":")
    connection = http.client.HTTPConnection(host, int(port))

    def call() -> None:
        connection.request("GET", "/")
        connection.getresponse().read()

    yield lambda times: _repeat(call, times)
    connection.close()


def _repeat(call: Callable[[], object], times: int) -> None:
    for _ in range(times):
        call()


CLIENTS = {
    "urllib3": with_urllib3,
    "requests": with_requests,
    "httpx": with_httpx,
    "httpx async": with_async_httpx,
    "aiohttp": with_aiohttp,
    "http.client": with_http_client,
}
OPENTELEMETRY = {
    "requests": RequestsInstrumentor,
    "httpx": HTTPXClientInstrumentor,
    "httpx async": HTTPXClientInstrumentor,
}


def cost(name: str, url: str) -> float:
    """Return this thread's CPU µs per call."""
    with CLIENTS[name](url) as run:
        run(5)
        gc.collect()
        start = thread_time_ns()
        run(CALLS)
        return (thread_time_ns() - start) / CALLS / 1000


@contextmanager
def hooks(kind: str, name: str, provider: TracerProvider) -> Iterator[None]:
    if kind == "otel":
        instrumentor = OPENTELEMETRY[name]()
        instrumentor.instrument(tracer_provider=provider)
        yield
        instrumentor.uninstrument()
    elif kind == "tracekit":
        before = propagate.get_global_textmap()
        propagation.install()
        clients.install(provider)
        yield
        clients.uninstall()
        propagate.set_global_textmap(before)
    else:
        yield


def measure(name: str, url: str, provider: TracerProvider, rounds: int) -> dict[str, list[float]]:
    """Return each kind's costs, round by round."""
    kinds = ["bare", *(["otel"] if name in OPENTELEMETRY else []), "tracekit"]
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            with hooks(kind, name, provider):
                found[kind].append(cost(name, url))
    return found


def _added(found: dict[str, list[float]], kind: str, base: str) -> str:
    differences = [a - b for a, b in zip(found[kind], found[base], strict=True)]
    low, middle, high = statistics.quantiles(differences, n=4)
    return f"{middle:5.0f} µs ({low:.0f} … {high:.0f})"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--only", choices=CLIENTS)
    options = arguments.parse_args()
    provider = TracerProvider(shutdown_on_exit=False)
    with FaultServer() as server:
        for name in [options.only] if options.only else CLIENTS:
            found = measure(name, server.url(), provider, options.rounds)
            line = f"{name:12} {statistics.median(found['bare']):5.0f} µs bare"
            line += f"   tracekit adds {_added(found, 'tracekit', 'bare')}"
            if "otel" in found:
                line += f"   OpenTelemetry adds {_added(found, 'otel', 'bare')}"
                line += f"   difference {_added(found, 'tracekit', 'otel')}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
