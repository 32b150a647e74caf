"""What OpenTelemetry's entry points name: tracekit under ``opentelemetry-instrument``.

::

    distro         TracekitDistro         leaves out what would trace the same a second time
    configurator   TracekitConfigurator   starts tracing, as ``init`` does
    instrumentor   TracekitInstrumentor   puts the middleware around applications
    traces_exporter TracekitSpanExporter  for a TracerProvider that OpenTelemetry has configured
    propagator     tracekit.propagation.TracekitPropagator

Only for processes that have ``opentelemetry-instrumentation``, which starts them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Sequence
from typing import Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]
from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]
    BaseInstrumentor,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tracekit import guard, lifecycle, otlp, resource
from tracekit.auto import bootstrap
from tracekit.doubles import DOUBLES
from tracekit.exporters import make_exporter
from tracekit.frameworks import cover_hooks
from tracekit.settings import resolve


class TracekitDistro(BaseDistro):  # type: ignore[misc]  # the package has no types
    """Chooses tracekit's configurator, and passes over instrumentations that would double it."""

    def _configure(self, **_kwargs: Any) -> None:
        os.environ.setdefault("OTEL_PYTHON_CONFIGURATOR", "tracekit")

    def load_instrumentor(self, entry_point: Any, **kwargs: Any) -> None:
        """Load one of OpenTelemetry's instrumentations."""
        if entry_point.name not in DOUBLES:
            super().load_instrumentor(entry_point, **kwargs)


class TracekitConfigurator:
    """Makes the TracerProvider, with tracekit at its end."""

    def configure(self, **_kwargs: Any) -> None:
        """Start tracing, until the application's own ``init`` takes over."""
        bootstrap.start()


class TracekitInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Traces what applications serve and call, on whichever TracerProvider there is."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what has to be installed: nothing, each library is hooked if it is there."""
        return ()

    def _instrument(self, **_kwargs: Any) -> None:
        bootstrap.start()

    def _uninstrument(self, **_kwargs: Any) -> None:
        cover_hooks().uninstall()
        lifecycle.shutdown()


class TracekitSpanExporter(SpanExporter):
    """Brings spans where tracekit's settings say, for ``OTEL_TRACES_EXPORTER=tracekit``.

    Where ``init`` has been called it takes the spans itself, with their requests' IDs, and this
    does nothing, so that no span is sent twice.
    """

    def __init__(self) -> None:
        self._settings = resolve(os.environ)
        self._exporter = make_exporter(self._settings)
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._exporter.after_fork)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Bring *spans* to safety."""
        if lifecycle.has_started():
            return SpanExportResult.SUCCESS
        try:
            body, _ = otlp.encode(spans, self._describe)
            with self._lock:
                done = self._exporter.export(body)
                self._exporter.tick()
        except Exception as error:
            guard.fault("otel.export", error)
            done = False
        return SpanExportResult.SUCCESS if done else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Let go of files and connections."""
        self._exporter.close()

    def _describe(self, theirs: Any) -> dict[str, Any]:
        return resource.describe(theirs, self._settings)
