"""What the ASGI middleware adds to a request, in CPU microseconds, beside OpenTelemetry's.

Run: ``python tests/benchmarks/bench_asgi.py``. One process on one core; rounds of the bare
application, ours and OpenTelemetry's alternate, so that a slow moment falls on all of them. CPU
time of the whole process counts, so the exporting threads are included: ours encodes OTLP JSON and
writes it to a spool file, OpenTelemetry's encodes OTLP protobuf and throws it away. "in the
request" is the serving thread alone.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import tracekit
from tracekit import lifecycle

App = Callable[..., Awaitable[None]]
SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/items/42",
    "raw_path": b"/items/42",
    "query_string": b"page=2",
    "root_path": "",
    "headers": [
        (b"host", b"127.0.0.1:8000"),
        (b"user-agent", b"python-httpx/0.28.1"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"connection", b"keep-alive"),
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        (b"x-request-id", b"01980b3e-5a52-7cc1-b4a5-5a1d3b1cf0aa"),
    ],
    "client": ("127.0.0.1", 50000),
    "server": ("127.0.0.1", 8000),
}
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY = {"type": "http.response.body", "body": b"ok"}


class EncodeOnly(SpanExporter):
    """Encodes as OpenTelemetry's OTLP exporter does, and sends nothing."""

    def export(self, spans: Any) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send(BODY)


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    pass


def measure(app: App, requests: int, drain: Callable[[], object]) -> tuple[float, float]:
    """Return CPU µs of a request: of the whole process, and of the serving thread alone."""

    async def serve() -> None:
        for _ in range(requests):
            await app(dict(SCOPE), receive, send)

    gc.collect()
    process, thread = time.process_time_ns(), time.thread_time_ns()
    asyncio.run(serve())
    thread = time.thread_time_ns() - thread
    drain()
    process = time.process_time_ns() - process
    return process / requests / 1000, thread / requests / 1000


def run(rounds: int, requests: int) -> dict[str, list[tuple[float, float]]]:
    """Return, for each of the three, the cost of a request in every round."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(EncodeOnly(), max_queue_size=2 * requests * 3))
    apps: dict[str, tuple[App, Callable[[], object]]] = {
        "bare": (bare, lambda: None),
        "tracekit": (tracekit.ASGIMiddleware(bare), lifecycle.flush),
        "opentelemetry": (
            OpenTelemetryMiddleware(bare, tracer_provider=provider),
            provider.force_flush,
        ),
    }
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in apps}
    for number in range(rounds + 1):
        for name, (app, drain) in apps.items():
            cost = measure(app, requests, drain)
            if number:  # the first round warms up
                results[name].append(cost)
    return results


def added(results: dict[str, list[tuple[float, float]]], name: str, part: int) -> list[float]:
    """Return what *name* adds to the bare application, round by round."""
    pairs = zip(results[name], results["bare"], strict=True)
    return [one[part] - base[part] for one, base in pairs]


def report(results: dict[str, list[tuple[float, float]]]) -> float:
    """Print the table; return our whole cost as a share of OpenTelemetry's."""
    medians: dict[str, tuple[float, float]] = {}
    for name in ("tracekit", "opentelemetry"):
        whole, serving = added(results, name, 0), added(results, name, 1)
        medians[name] = statistics.median(whole), statistics.median(serving)
        print(
            f"{name:14} adds {medians[name][0]:6.1f} µs CPU a request"
            f" (rounds {min(whole):.1f} to {max(whole):.1f}),"
            f" {medians[name][1]:6.1f} µs of it in the request"
            f" ({min(serving):.1f} to {max(serving):.1f})"
        )
    whole, serving = (
        ours / theirs
        for ours, theirs in zip(medians["tracekit"], medians["opentelemetry"], strict=True)
    )
    print(f"tracekit / opentelemetry = {whole:.2f} in all, {serving:.2f} in the request")
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRACEKIT_HOME"] = str(Path(folder))
        tracekit.init("bench", clients=False)
        report(run(options.rounds, options.requests))
        tracekit.shutdown()


if __name__ == "__main__":
    main()
