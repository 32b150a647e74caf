"""Which process made a call: what keeps connections is a process, not a service (R7)."""

from __future__ import annotations

from typing import NamedTuple

from analyzer.span import Span
from tracekit import attributes as a

_HOST = (a.HOST_ID, a.HOST_IP, a.HOST_NAME)


class Process(NamedTuple):
    """What a resource says of its process.

    Processes that differ here are two; equal ones are one only where they have a *name*.
    """

    instance: str | None
    host: str | None
    pid: str | None

    @property
    def name(self) -> str | None:
        """The name under which the store remembers the process (``analyzer.requests``).

        An instance is named beside its host and process id, because some deployments give all
        workers of a pod one instance id.
        """
        if self.instance is None and (self.host is None or self.pid is None):
            return None
        return " ".join(part for part in self if part is not None)


def process_of(span: Span) -> Process:
    """Return the process that made *span*."""
    host = next((found for name in _HOST if (found := _text(span, name)) is not None), None)
    return Process(_text(span, a.SERVICE_INSTANCE_ID), host, _text(span, a.PROCESS_PID))


def _text(span: Span, name: str) -> str | None:
    value = span.resource.get(name)
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    return str(value) if isinstance(value, (str, int, float)) and value != "" else None
