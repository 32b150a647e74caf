"""The span as the analyzer sees it: one row of the store, one node of a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

AttributeValue: TypeAlias = (
    "str | bool | int | float | Sequence[AttributeValue] | Mapping[str, AttributeValue] | None"
)
"""What an OTLP AnyValue becomes; bytes arrive as base64 text."""
Attributes = Mapping[str, AttributeValue]


class Kind(str, Enum):
    """OpenTelemetry's span kinds, spelled as the store spells them."""

    UNSPECIFIED = "unspecified"
    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Status(str, Enum):
    """OpenTelemetry's span status."""

    UNSET = "unset"
    OK = "ok"
    ERROR = "error"


@dataclass(frozen=True)
class Event:
    """A named moment inside a span; *time_ns* is Unix time."""

    name: str
    time_ns: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A pointer to a span of this or another trace. Links never block (R0)."""

    trace_id: str
    span_id: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """One finished span. Ids are lower-case hex, times are integer Unix nanoseconds."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    service: str
    request_id: str | None = None
    status: Status = Status.UNSET
    status_message: str = ""
    scope: str = ""
    attributes: Attributes = field(default_factory=dict)
    resource: Attributes = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def duration_ns(self) -> int:
        """Length of the span; never negative, whatever the clocks said."""
        return max(0, self.end_ns - self.start_ns)
