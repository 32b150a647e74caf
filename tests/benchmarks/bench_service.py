"""What the service side adds, in CPU microseconds, beside OpenTelemetry in the same run.

Run: ``python tests/benchmarks/bench_service.py``. One process on one core; rounds of the bare
application, ours and OpenTelemetry's alternate, so that a slow moment falls on all of them. CPU
time of the whole process counts, so the exporting threads are included: ours encodes OTLP JSON and
writes it to a spool file, OpenTelemetry's encodes OTLP protobuf and throws it away. "in the
request" is the serving thread alone.

An ASGI and a WSGI request, a stage inside a request, and a chunk of a streamed response (the cost
of a stream of 1,000 less that of one).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as OtelAsgi
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as OtelWsgi
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import tracekit
from tracekit import lifecycle

CHUNKS = 1000
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REQUEST_ID = "01980b3e-5a52-7cc1-b4a5-5a1d3b1cf0aa"
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
        (b"traceparent", TRACEPARENT.encode()),
        (b"x-request-id", REQUEST_ID.encode()),
    ],
    "client": ("127.0.0.1", 50000),
    "server": ("127.0.0.1", 8000),
}
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/items/42",
    "QUERY_STRING": "page=2",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "50000",
    "HTTP_HOST": "127.0.0.1:8000",
    "HTTP_USER_AGENT": "python-httpx/0.28.1",
    "HTTP_ACCEPT": "*/*",
    "HTTP_TRACEPARENT": TRACEPARENT,
    "HTTP_X_REQUEST_ID": REQUEST_ID,
    "wsgi.url_scheme": "http",
}
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
STREAM = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"ok"}
PIECE = {"type": "http.response.body", "body": b"ok", "more_body": True}


class EncodeOnly(SpanExporter):
    """Encodes as OpenTelemetry's OTLP exporter does, and sends nothing."""

    def export(self, spans: Any) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send(BODY)


async def streaming_app(scope: Any, receive: Any, send: Any) -> None:
    await send(STREAM)
    for _ in range(CHUNKS):
        await send(PIECE)
    await send(BODY)


def wsgi_app(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def wsgi_stream(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return (b"ok" for _ in range(CHUNKS + 1))


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    pass


def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
    pass


def by_asgi(app: Any) -> Callable[[int], None]:
    async def serve(times: int) -> None:
        for _ in range(times):
            await app(dict(SCOPE), receive, send)

    return lambda times: asyncio.run(serve(times))


def by_wsgi(app: Any) -> Callable[[int], None]:
    def serve(times: int) -> None:
        for _ in range(times):
            body = app(dict(ENVIRON), start_response)
            for _piece in body:
                pass
            if hasattr(body, "close"):
                body.close()

    return serve


def in_request(stage: Callable[[], Any]) -> Callable[[int], None]:
    def work(times: int) -> None:
        with tracekit.request("turn"):
            for _ in range(times):
                with stage():
                    pass

    return work


class Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


class Case(NamedTuple):
    """One thing to pay for: how it is done bare, with us, and with OpenTelemetry."""

    name: str
    times: int
    parts: int
    limit: float
    ways: dict[str, Callable[[int], None]]


def cases(provider: TracerProvider) -> list[Case]:
    tracer = provider.get_tracer("bench")

    def otel_asgi(app: Any) -> Any:
        return OtelAsgi(app, tracer_provider=provider)

    def otel_wsgi(app: Any) -> Any:
        return OtelWsgi(app, tracer_provider=provider)

    def ways(by: Any, app: Any, ours: Any, theirs: Any) -> dict[str, Callable[[int], None]]:
        return {"bare": by(app), "tracekit": by(ours(app)), "otel": by(theirs(app))}

    asgi, wsgi = tracekit.ASGIMiddleware, tracekit.WSGIMiddleware
    stages = {
        "bare": in_request(Nothing),
        "tracekit": in_request(lambda: tracekit.stage("llm")),
        "otel": in_request(lambda: tracer.start_as_current_span("llm")),
    }
    return [
        Case("ASGI request", 2000, 1, 60, ways(by_asgi, asgi_app, asgi, otel_asgi)),
        Case("WSGI request", 2000, 1, 45, ways(by_wsgi, wsgi_app, wsgi, otel_wsgi)),
        Case("stage", 4000, 1, 20, stages),
        Case("ASGI chunk", 10, CHUNKS, 2, ways(by_asgi, streaming_app, asgi, otel_asgi)),
        Case("WSGI chunk", 10, CHUNKS, 2, ways(by_wsgi, wsgi_stream, wsgi, otel_wsgi)),
    ]


def measure(way: Callable[[int], None], case: Case, drain: Callable[[], object]) -> list[float]:
    """Return CPU µs of one part: of the whole process, and of the serving thread alone."""
    gc.collect()
    process, thread = time.process_time_ns(), time.thread_time_ns()
    way(case.times)
    thread = time.thread_time_ns() - thread
    drain()
    process = time.process_time_ns() - process
    parts = case.times * case.parts * 1000
    return [process / parts, thread / parts]


def run(case: Case, rounds: int, drains: dict[str, Callable[[], object]]) -> None:
    added: dict[str, list[list[float]]] = {"tracekit": [], "otel": []}
    for number in range(rounds + 1):
        bare = measure(case.ways["bare"], case, drains["bare"])
        for name, costs in added.items():
            cost = measure(case.ways[name], case, drains[name])
            if number:  # the first round warms up
                costs.append([one - base for one, base in zip(cost, bare, strict=True)])
    report(case, added)


def report(case: Case, added: dict[str, list[list[float]]]) -> None:
    for name, costs in added.items():
        whole, serving = zip(*costs, strict=True)
        limit = f"  (asked: {case.limit:g})" if name == "tracekit" else ""
        print(
            f"{case.name:13} {name:9} {statistics.median(whole):7.2f} µs"
            f" ({min(whole):.2f} to {max(whole):.2f}), in the request"
            f" {statistics.median(serving):7.2f} ({min(serving):.2f} to {max(serving):.2f}){limit}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    theirs = TracerProvider()
    theirs.add_span_processor(BatchSpanProcessor(EncodeOnly(), max_queue_size=100_000))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRACEKIT_HOME"] = folder
        tracekit.init("bench", clients=False)
        assert trace.get_tracer_provider() is not theirs
        drains = {"bare": lambda: None, "tracekit": lifecycle.flush, "otel": theirs.force_flush}
        for case in cases(theirs):
            if options.only in case.name:
                run(case, options.rounds, drains)
        tracekit.shutdown()


if __name__ == "__main__":
    main()
