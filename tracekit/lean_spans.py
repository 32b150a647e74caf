"""Spans that cost a third of the SDK's, for calls that are too short to pay for one.

The SDK makes four locks and two bounded lists for each span and checks every attribute value. A
client span gets its attributes in a few pieces, from one task, and ours are clean by construction:
none of that can matter. What they say of a call is put together when somebody reads it, which is
the exporter's thread and not the host's request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.trace import Span, SpanContext, Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

Values = dict[str, AttributeValue]
_UNSET = Status(StatusCode.UNSET)
_PLAIN = (str, bool, int, float)


class LeanSpan(ReadableSpan, Span):
    """A span of one task, which is its own read-only view once it has ended."""

    _processor: SpanProcessor
    _values: Values
    _later: Callable[[], Mapping[str, AttributeValue]] | None = None

    @property
    def _attributes(self) -> Values:
        # The place where every exporter of the SDK looks, public property and ``to_json`` alike.
        later = self._later
        if later is not None:
            self._values.update(later())
            self._later = None
        return self._values

    @_attributes.setter
    def _attributes(self, values: Values) -> None:
        self._values = values

    def get_span_context(self) -> SpanContext:
        return self._context  # type: ignore[return-value]  # None only in spans read from a file

    def is_recording(self) -> bool:
        return self._end_time is None

    def put(self, values: Mapping[str, AttributeValue]) -> None:
        """Set attributes that are clean: strings, numbers, booleans, and tuples of those."""
        if self._end_time is None:
            self._values.update(values)

    def put_later(self, values: Callable[[], Mapping[str, AttributeValue]]) -> None:
        """Set clean attributes when somebody reads them; *values* must not raise."""
        if self._end_time is None:
            self._later = values

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        if all(type(value) in _PLAIN for value in attributes.values()):
            self.put(attributes)
        else:
            self.put(dict(BoundedAttributes(attributes=attributes)))

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self.set_attributes({key: value})

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        if self._end_time is None:
            clean = BoundedAttributes(attributes=attributes)
            self._events = (*self._events, Event(name, clean, timestamp))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Do nothing: a call links to nothing."""

    def update_name(self, name: str) -> None:
        if self._end_time is None:
            self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        new = status if isinstance(status, Status) else Status(status, description)
        is_final = self._end_time is not None or self._status.status_code is StatusCode.OK
        if not is_final and new.status_code is not StatusCode.UNSET:
            self._status = new

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        told: dict[str, Any] = {
            "exception.type": type(exception).__qualname__,
            "exception.message": str(exception),
        }
        self.add_event("exception", {**told, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self._end_time is None:
            self._end_time = time_ns() if end_time is None else end_time
            self._processor.on_end(self)


def put(span: Span, values: Mapping[str, AttributeValue]) -> None:
    """Set clean *values* on *span*, whoever made it.

    The SDK's own spans would check every value and element, some 10 µs for a call's attributes:
    they go straight into its mapping, unless a limit could touch them.
    """
    if type(span) is LeanSpan:
        span.put(values)
        return
    held = getattr(span, "_attributes", None)
    if not _IS_BOUNDED_KNOWN or type(held) is not BoundedAttributes or not _has_room(held, values):
        span.set_attributes(values)
        return
    with held._lock:
        if not held._immutable:  # the span has not ended
            held._dict.update(values)


def _has_room(held: BoundedAttributes, values: Mapping[str, AttributeValue]) -> bool:
    if held.max_value_len is not None:
        return False
    return held.maxlen is None or len(held._dict) + len(values) <= held.maxlen


_IS_BOUNDED_KNOWN = all(
    hasattr(BoundedAttributes(), name)
    for name in ("_dict", "_lock", "_immutable", "max_value_len", "maxlen")
)
"""False under an SDK that keeps attributes in another way: then its own way is taken."""
