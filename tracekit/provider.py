"""The SDK side of ``init``: join the host's TracerProvider, or make one."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator

from tracekit import attributes, ids, otlp, resource
from tracekit.clients.body import reap
from tracekit.errors import ConfigurationError
from tracekit.exporters import make_exporter
from tracekit.processor import RequestProcessor
from tracekit.settings import DEFAULT_SERVICE, Settings
from tracekit.worker import Worker


class TimeOrderedIds(IdGenerator):
    """Trace ids that begin with the time, for providers that tracekit makes."""

    def generate_trace_id(self) -> int:
        return ids.new_trace_id()

    def generate_span_id(self) -> int:
        return ids.new_span_id()

    def is_trace_id_random(self) -> bool:
        return True


_processors: WeakKeyDictionary[TracerProvider, RequestProcessor] = WeakKeyDictionary()


def start(settings: Settings) -> tuple[TracerProvider, Worker]:
    """Begin to take the spans of the global provider; return it and who takes them.

    Where the host has set a provider, it keeps its resource, sampler, ids and processors. Raises
    ConfigurationError before anything has been set.
    """
    existing = _existing()
    encode = functools.partial(_encode, settings)
    worker = Worker(make_exporter(settings), encode, gather=reap)
    provider = existing or _new(settings)
    _processor_of(provider).worker = worker
    return provider, worker


def stop(provider: TracerProvider, worker: Worker) -> None:
    """Hand no more of the spans of *provider* to *worker*."""
    processor = _processor_of(provider)
    if processor.worker is worker:  # and not that of an `init` meanwhile
        processor.worker = None


def _processor_of(provider: TracerProvider) -> RequestProcessor:
    processor = _processors.get(provider)
    if processor is None:
        processor = _processors[provider] = RequestProcessor()
        provider.add_span_processor(processor)
    return processor


def _existing() -> TracerProvider | None:
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        return provider
    if isinstance(provider, trace.ProxyTracerProvider):
        return None
    raise ConfigurationError(
        f"the global TracerProvider, a {type(provider).__name__}, takes no span processors",
        "set one of opentelemetry-sdk, or call tracekit.init() before anything sets one",
    )


def _new(settings: Settings) -> TracerProvider:
    # The sampler and the span limits come from OTEL_* by the SDK's own rules. Label and version are
    # left to each batch: the provider outlives a shutdown, and they do not.
    name = {attributes.SERVICE_NAME: settings.service} if settings.service else {}
    described = Resource.create(name)
    if str(described.attributes[attributes.SERVICE_NAME]).startswith(f"{DEFAULT_SERVICE}:"):
        described = described.merge(Resource({attributes.SERVICE_NAME: DEFAULT_SERVICE}))
    provider = TracerProvider(resource=described, id_generator=TimeOrderedIds())
    trace.set_tracer_provider(provider)
    return provider


def _encode(settings: Settings, spans: Sequence[ReadableSpan], dropped: int) -> tuple[bytes, int]:
    extra = {attributes.DROPPED_SPANS: dropped} if dropped else {}
    return otlp.encode(spans, lambda theirs: {**resource.describe(theirs, settings), **extra})
