"""Spans that cost a third of the SDK's, for requests that are too short to pay for one.

The SDK makes four locks and two bounded lists for each span and checks every attribute value. Ours
are clean by construction, and what they say is put together when somebody reads it, which is the
exporter's thread and not the host's request. What a host adds is checked and bounded as the SDK
does it by default.
"""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Mapping
from itertools import islice
from time import time_ns
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

from tracekit import guard
from tracekit.attributes import Values
from tracekit.fork_lock import ForkLock

_UNSET = Status(StatusCode.UNSET)
_PLAIN = (str, bool, int, float)
MOST_ATTRIBUTES = 128
MOST_EVENTS = 128
"""What the SDK's default limits let a host add, links counted like events; the last ones stay."""
# Threads of one request may add to its span at once. Re-entrant: a finaliser may add one too.
_adding = ForkLock()


class LeanSpan(SdkSpan):
    """A span that is its own read-only view once it has ended.

    It is one of the SDK's to whoever asks what it is, and so to processors that look inside: after
    the end they find the SDK's kind of mapping.
    """

    __init__ = ReadableSpan.__init__
    _processor: SpanProcessor
    _values: Values | BoundedAttributes
    _later: Callable[[], Mapping[str, AttributeValue]] | None = None

    @property
    def _attributes(self) -> Values | BoundedAttributes:
        # The place where every exporter of the SDK looks, public property and ``to_json`` alike.
        values = self._values
        if not isinstance(values, dict):
            return values
        self.plain()
        if self._end_time is not None and _IS_BOUNDED_KNOWN:
            held = BoundedAttributes()
            held._dict, held._immutable = values, True
            values = self._values = held
        return values

    @_attributes.setter
    def _attributes(self, values: Values | BoundedAttributes) -> None:
        self._values = values
        self._later = None

    def plain(self) -> Mapping[str, AttributeValue]:
        """Return the attributes without the SDK's mapping around them; only to be read."""
        values, later = self._values, self._later
        if not isinstance(values, dict):
            held: Mapping[str, AttributeValue] = values._dict
            return held
        if later is not None:
            values.update(later())
            self._later = None
        return values

    def __copy__(self) -> ReadableSpan:
        return self._with(self._attributes)

    def __deepcopy__(self, memo: dict[int, Any]) -> ReadableSpan:
        return self._with(copy.deepcopy(self._attributes, memo))

    def _with(self, attributes: Any) -> ReadableSpan:
        return ReadableSpan(
            self._name,
            self._context,
            self._parent,
            self._resource,
            attributes,
            self._events,
            self._links,
            self._kind,
            None,
            self._status,
            self._start_time,
            self._end_time,
            self._instrumentation_scope,
        )

    def get_span_context(self) -> SpanContext:
        return self._context  # type: ignore[return-value]  # None only in spans read from a file

    def is_recording(self) -> bool:
        return self._end_time is None

    def put(self, values: Mapping[str, AttributeValue]) -> None:
        """Set attributes that are clean: strings, numbers, booleans, and tuples of those."""
        if self._end_time is None and isinstance(self._values, dict):
            self._values.update(values)

    def put_later(self, values: Callable[[], Mapping[str, AttributeValue]]) -> None:
        """Set clean attributes when somebody reads them; *values* must not raise."""
        if self._end_time is None:
            self._later = values

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        if not all(_is_plain(key, value) for key, value in attributes.items()):
            attributes = dict(BoundedAttributes(attributes=attributes))
        if len(self._values) + len(attributes) > MOST_ATTRIBUTES:
            attributes = self._fitting(attributes)
        self.put(attributes)

    def _fitting(self, attributes: Mapping[str, AttributeValue]) -> Values:
        # New ones beyond the limit are dropped; ours, which name the request, were here before.
        held, room = self._values, MOST_ATTRIBUTES - len(self._values)
        new = [key for key in attributes if key not in held][: max(0, room)]
        return {key: attributes[key] for key in attributes if key in held or key in new}

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self.set_attributes({key: value})

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        if self._end_time is None:
            event = Event(name, BoundedAttributes(attributes=attributes), timestamp)
            with _adding:
                self._events = (*self._events[1 - MOST_EVENTS :], event)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self._end_time is None and context is not None:
            link = Link(context, BoundedAttributes(attributes=attributes))
            with _adding:
                self._links = (*self._links[1 - MOST_EVENTS :], link)

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
            "exception.type": _full_name(type(exception)),
            "exception.message": guard.said(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**told, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self._end_time is None:
            self._end_time = time_ns() if end_time is None else end_time
            ending = getattr(self._processor, "_on_ending", None)
            if ending is not None:  # the SDK's newest, and not public yet
                ending(self)
            self._processor.on_end(self)


def _is_plain(key: object, value: object) -> bool:
    return type(key) is str and bool(key) and type(value) in _PLAIN


def _full_name(kind: type) -> str:
    module = kind.__module__
    return kind.__qualname__ if module in (None, "builtins") else f"{module}.{kind.__qualname__}"


def put(span: Span, values: Mapping[str, AttributeValue]) -> None:
    """Set clean *values* on *span*, whoever made it.

    The SDK's own spans would check every value and element, some 10 µs for a call's attributes:
    they go straight into its mapping, unless its limit of lengths could touch them. Those over its
    limit of attributes are dropped: it would drop what is there already, and log each one.
    """
    if isinstance(span, LeanSpan):
        span.put(values)
        return
    held = getattr(span, "_attributes", None)
    if not _IS_BOUNDED_KNOWN or type(held) is not BoundedAttributes:
        span.set_attributes(values)
        return
    if held.maxlen is not None and held.maxlen - len(held._dict) < len(values):
        values = dict(islice(values.items(), max(0, held.maxlen - len(held._dict))))
    if held.max_value_len is not None:
        span.set_attributes(values)
        return
    with held._lock:
        if not held._immutable:  # the span has not ended
            held._dict.update(values)


_IS_BOUNDED_KNOWN = all(
    hasattr(BoundedAttributes(), name)
    for name in ("_dict", "_lock", "_immutable", "max_value_len", "maxlen")
)
"""False under an SDK that keeps attributes in another way: then its own way is taken."""
