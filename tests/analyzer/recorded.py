"""Real calls by real clients, recorded and read back as the analysis gets them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from analyzer.analysis import analyze
from analyzer.decode.files import decode_line
from analyzer.report import Finding, Report
from analyzer.span import Span
from tracekit import attributes as a
from tracekit import clients, otlp, propagation
from tracekit.testing import Capture


class Recording:
    """What the clients of this process do while it is open."""

    def __init__(self) -> None:
        resource = {a.SERVICE_NAME: "api", a.HOST_ID: "one-host", a.PROCESS_PID: os.getpid()}
        self.provider = TracerProvider(resource=Resource(resource), shutdown_on_exit=False)
        self.captured = Capture()
        self.provider.add_span_processor(self.captured)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Handle a request; the calls made inside are its calls."""
        tracer = self.provider.get_tracer("test")
        with tracer.start_as_current_span("POST /hear", kind=SpanKind.SERVER):
            yield

    @property
    def spans(self) -> list[Span]:
        """Every span so far, as read from the wire."""
        line, lost = otlp.encode(self.captured.spans, dict)
        assert not lost
        return list(decode_line(line).spans)

    @property
    def report(self) -> Report:
        """The analysis of the last request."""
        spans = self.spans
        last = max((s for s in spans if s.parent_id is None), key=lambda span: span.start_ns)
        return analyze([span for span in spans if span.trace_id == last.trace_id])

    def finding(self, rule: str) -> Finding:
        """Return the one finding of that rule."""
        (finding,) = [found for found in self.report.findings if found.rule == rule]
        return finding


@contextmanager
def recording() -> Iterator[Recording]:
    """Hook the client libraries for as long as the block lasts."""
    made = Recording()
    propagation.install()
    clients.install(made.provider)
    try:
        yield made
    finally:
        clients.uninstall()


def line(before: int = 0) -> int:
    """Return the number of the line that calls this, or of one so many lines *before* it."""
    return sys._getframe(1).f_lineno - before
