"""A span that is current inside a ``with`` block or a function: what stage and request share."""

from __future__ import annotations

import functools
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import INVALID_SPAN, Span, StatusCode, Tracer, TracerProvider

from tracekit import attributes, clock, guard
from tracekit.decorate import decorate

if TYPE_CHECKING:
    from tracekit.lean_tracer import LeanTracer

Function = TypeVar("Function", bound=Callable[..., Any])


@functools.lru_cache(maxsize=1)
def _tracer_of(provider: TracerProvider, is_real: bool) -> Tracer | LeanTracer:
    if not is_real:
        return provider.get_tracer("tracekit")
    from tracekit.lean_tracer import LeanTracer

    return LeanTracer(provider, "tracekit")


def tracer() -> Tracer | LeanTracer:
    """Return the tracer of the spans of requests and stages, of the provider that is set now.

    Its ``attributes`` must be clean, and become the span's own.
    """
    # Without the SDK no provider can be one of its, and nobody waits for its import.
    return _tracer_of(trace.get_tracer_provider(), "opentelemetry.sdk.trace" in sys.modules)


def leave(token: Token[Context]) -> None:
    """Restore the context that was current before ``attach`` returned *token*.

    OpenTelemetry's own ``detach`` logs a traceback when a block is left in another context than it
    was entered in, which async generators closed by the garbage collector do. We only count it.
    """
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):
        guard.count("context.left_elsewhere")


def record(span: Span, error: BaseException) -> None:
    """Write *error* on *span*; a cancellation or an exit is named but is no failure."""
    span.set_attribute(attributes.ERROR_TYPE, type(error).__qualname__)
    if isinstance(error, Exception):
        span.record_exception(error)
        span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {guard.said(error)}")


def finish(span: Span, error: BaseException | None, at: int | None = None) -> None:
    """End *span* at *at*, now for None, with *error* on it if there is one. Never raises."""
    try:
        if error is not None and span.is_recording():
            record(span, error)
    except Exception as fault:
        guard.fault("span.record", fault)
    try:
        span.end(clock.now() if at is None else at)
    except Exception as fault:
        guard.fault("span.end", fault)


class SpanScope(ABC):
    """A context manager that is a decorator too; subclasses say which span it opens.

    Make one for every ``with`` block. One that is entered again while it is open, by another thread
    say, serves that block with a fresh instance, which is counted. As a decorator it opens a fresh
    instance for every call, so a decorated function may run concurrently and recursively.
    """

    def __init__(self) -> None:
        self._span: Span = INVALID_SPAN
        self.context: Context | None = None
        self._token: Token[Context] | None = None
        self._entered = threading.Lock()
        self._others: list[SpanScope] = []
        """Instances that serve further blocks while this one is entered."""

    @abstractmethod
    def fresh(self) -> SpanScope:
        """Return an unopened scope with the same settings."""

    @abstractmethod
    def _start(self) -> tuple[Span, Context]:
        """Start the span; return it and the context in which it is current."""

    def open(self) -> None:
        """Start the span without making it current. Never raises."""
        try:
            self._span, self.context = self._start()
        except Exception as error:
            guard.fault("span.start", error)

    def enter(self) -> None:
        """Make the span current."""
        if self.context is not None:
            self._token = attach(self.context)

    def leave(self) -> None:
        """Make the span no longer current; it stays open."""
        if self._token is not None:
            token, self._token = self._token, None
            leave(token)

    def close(self, error: BaseException | None = None) -> None:
        """End the span. Never raises; closing again changes nothing."""
        span, self._span, self.context = self._span, INVALID_SPAN, None
        finish(span, error)

    def __enter__(self) -> Any:
        if self._entered.acquire(blocking=False):
            return self._begin()
        guard.count("scope.entered_twice")
        other = self.fresh()
        self._others.append(other)
        return other._begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        here = get_current()
        for other in tuple(self._others):
            if other.context is here:
                self._others.remove(other)
                other._finish(error)
                return
        self._finish(error)
        if self._entered.locked():
            self._entered.release()

    def _begin(self) -> Any:
        self.open()
        self.enter()
        return self._span

    def _finish(self, error: BaseException | None) -> None:
        self.leave()
        self.close(error)

    def __call__(self, function: Function) -> Function:
        return decorate(function, self.fresh)
