"""A test double for applications that use tracekit: see the spans that they make."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from tracekit import propagation
from tracekit.processor import name_request
from tracekit.provider import TimeOrderedIds


class Capture(SpanProcessor):
    """The spans that have ended since it was made, in the order of their ends."""

    def __init__(self) -> None:
        self._ended = threading.Condition()
        self._spans: list[ReadableSpan] = []
        self._open = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if self._open:
            name_request(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        with self._ended:
            if self._open:
                self._spans.append(span)
                self._ended.notify_all()

    def close(self) -> None:
        """Take no further spans; a provider cannot forget a processor."""
        self._open = False

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans so far."""
        with self._ended:
            return list(self._spans)

    def wait(self, count: int = 1, *, timeout: float = 5.0) -> list[ReadableSpan]:
        """Return the spans once there are *count*; AssertionError after *timeout* seconds.

        A span of a streamed response ends after its last byte has left, so a client may be done
        before.
        """
        with self._ended:
            if not self._ended.wait_for(lambda: len(self._spans) >= count, timeout):
                raise AssertionError(f"{len(self._spans)} of {count} spans: {self._spans}")
            return list(self._spans)

    def named(self, name: str) -> ReadableSpan:
        """Return the one span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found


@contextmanager
def capture() -> Iterator[Capture]:
    """Collect the spans that end inside the block, without exporting any.

    ``with capture() as captured:`` needs no ``init``; a TracerProvider is joined, or made where
    there is none yet.
    """
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider(id_generator=TimeOrderedIds(), shutdown_on_exit=False)
        trace.set_tracer_provider(provider)
    propagation.install()
    captured = Capture()
    provider.add_span_processor(captured)
    try:
        yield captured
    finally:
        captured.close()
