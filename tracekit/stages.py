"""Named stages: the parts of a service's own work that should show in the breakdown."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import Span, set_span_in_context
from opentelemetry.util.types import AttributeValue

from tracekit import clock, in_loop
from tracekit.scope import SpanScope, tracer
from tracekit.timings import note


class Stage(SpanScope):
    """One stage; made by ``stage()``."""

    def __init__(self, name: str, attributes: Mapping[str, AttributeValue] | None) -> None:
        super().__init__()
        self._name = name
        self._attributes = attributes
        self._mark: in_loop.Mark | None = None

    def fresh(self) -> Stage:
        return Stage(self._name, self._attributes)

    def _start(self) -> tuple[Span, Context]:
        span = tracer().start_span(self._name, start_time=clock.now())
        if self._attributes:
            span.set_attributes(self._attributes)
        self._mark = in_loop.mark()
        return span, set_span_in_context(span)

    def close(self, error: BaseException | None = None) -> None:
        note(self._name, self._span, self.context)
        if self._mark is not None:
            in_loop.tell(self._span, self._mark)
            self._mark = None
        super().close(error)


def stage(name: str, *, attributes: Mapping[str, AttributeValue] | None = None) -> Stage:
    """Time a named part of a request.

    ``with stage("vector_retrieval"):`` or ``@stage("llm")``: use it around work that the breakdown
    should name. It nests, works in sync and async code and as a decorator of functions, coroutines
    and (async) generators; ``with ... as span`` gives the OpenTelemetry span. An exception is
    recorded on the span and goes on unchanged.
    """
    return Stage(name, attributes)
