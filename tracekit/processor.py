"""The span processor: it names the request on every span and hands finished ones to the worker."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from tracekit import attributes, guard
from tracekit.lean_spans import LeanSpan, put
from tracekit.request import request_in
from tracekit.worker import Worker

SHUTDOWN_SECONDS = 5.0


def name_request(span: Span, parent_context: Context | None) -> None:
    """Put the ID of the request in *parent_context* on *span*. Never raises."""
    try:
        if isinstance(span, LeanSpan) and attributes.REQUEST_ID in span.plain():
            return  # a server's has it from the start
        request = request_in(parent_context)
        if request is not None:
            put(span, {attributes.REQUEST_ID: request.request_id})
    except Exception as error:
        guard.fault("processor.start", error)


class RequestProcessor(SpanProcessor):
    """Hands every finished, sampled span to ``worker``; None, before and after it, drops them.

    A provider cannot forget a processor, so it gets one, whose worker comes and goes.
    """

    def __init__(self) -> None:
        self.worker: Worker | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        name_request(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        try:
            worker, context = self.worker, span.context
            if worker is not None and context is not None and context.trace_flags.sampled:
                worker.put(span)
        except Exception as error:
            guard.fault("processor.end", error)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        worker = self.worker
        return worker is None or worker.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        if (worker := self.worker) is not None:
            worker.shutdown(SHUTDOWN_SECONDS)
