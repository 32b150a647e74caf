"""Print the CPU µs that the hooks add to a call on a reused connection, beside OpenTelemetry's own.

Run it pinned to one core: ``taskset -c 0 python tests/benchmarks/bench_clients.py``.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import thread_time_ns

import httpx
import requests
import urllib3
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from tracekit import clients

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.server import FaultServer

ROUNDS, CALLS = 15, 100
Call = Callable[[], object]


def with_requests(url: str) -> Call:
    session = requests.Session()
    return lambda: session.get(url).content


def with_urllib3(url: str) -> Call:
    pool = urllib3.PoolManager()
    return lambda: pool.request("GET", url).data


def with_httpx(url: str) -> Call:
    client = httpx.Client()
    return lambda: client.get(url).content


MAKERS = {"requests": with_requests, "urllib3": with_urllib3, "httpx": with_httpx}


def cost(call: Call) -> float:
    """Return the median over rounds of this thread's CPU µs per call."""
    call()
    rounds = []
    for _ in range(ROUNDS):
        gc.collect()
        start = thread_time_ns()
        for _ in range(CALLS):
            call()
        rounds.append((thread_time_ns() - start) / CALLS / 1000)
    return statistics.median(rounds)


def main() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    with FaultServer() as server:
        url = server.url()
        bare = {name: cost(make(url)) for name, make in MAKERS.items()}
        HTTPXClientInstrumentor().instrument(tracer_provider=provider)
        otel = cost(with_httpx(url))
        HTTPXClientInstrumentor().uninstrument()
        clients.install(provider)
        traced = {name: cost(make(url)) for name, make in MAKERS.items()}
        clients.uninstall()
    for name in MAKERS:
        added = traced[name] - bare[name]
        beside = f" (OpenTelemetry alone {otel - bare[name]:.0f} µs)" if name == "httpx" else ""
        print(f"{name:10} {bare[name]:5.0f} µs bare, tracekit adds {added:4.0f} µs{beside}")


if __name__ == "__main__":
    main()
