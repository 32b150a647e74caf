"""Which spans the request waited for, moment by moment (R3, R4). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from analyzer.conventions import answered
from analyzer.process import process_of
from analyzer.span import Kind, Span
from analyzer.trace import Node

Overflow = Literal["async", "truncate"]
"""What a child that outlives its parent means: not awaited, or cut at the parent's end (R4)."""
_RETURN_NS = 5_000_000
"""How long after the last byte an application may take to return: 5 ms."""


class PathSection(NamedTuple):
    """A stretch of the critical path that belongs to *node*; adjusted Unix nanoseconds."""

    node: Node
    start: int
    end: int


class Window(NamedTuple):
    """The part of *node* that its parent waited for."""

    node: Node
    start: int
    end: int


@dataclass
class _Frame:
    """One call of R3's ``walk(span, lo, hi)``."""

    node: Node
    lo: int
    cursor: int
    blocking: Iterator[Window] = field(repr=False)

    def last_before_cursor(self) -> Window | None:
        # The windows come by falling end and the cursor only falls: one passed over stays so.
        return next((window for window in self.blocking if window.end <= self.cursor), None)


def critical_path(
    root: Node, overflow: Overflow = "async", tolerance: int = 0
) -> list[PathSection]:
    """Return the sections of the critical path in order of time; they partition the root (R3).

    *tolerance* is the nanoseconds by which rounded clocks may let an awaited child outlive its
    parent.
    """
    sections: list[PathSection] = []
    stack = [_frame(Window(root, root.start, root.end), overflow, tolerance)]
    while stack:
        frame = stack[-1]
        window = frame.last_before_cursor()
        own_start = frame.lo if window is None else window.end
        if own_start < frame.cursor:
            sections.append(PathSection(frame.node, own_start, frame.cursor))
        if window is None:
            stack.pop()
        else:
            frame.cursor = window.start
            stack.append(_frame(window, overflow, tolerance))
    sections.reverse()
    return sections


def _frame(window: Window, overflow: Overflow, tolerance: int) -> _Frame:
    windows = blocking(window, overflow, tolerance)
    windows.sort(key=lambda w: (-w.end, w.start, w.node.span.span_id))
    return _Frame(window.node, window.start, window.end, iter(windows))


def blocking(parent: Window, overflow: Overflow, tolerance: int) -> list[Window]:
    """Return the children that may block *parent*, clipped to it; empty ones are left out.

    So may the rest of a call that was made further below (:mod:`analyzer.handover`).
    """
    spans = [
        (child, child.start)
        for child in parent.node.children
        if awaited(child, overflow, tolerance)
    ]
    if overflow == "async":
        spans.extend(parent.node.rests)
    windows = [
        Window(node, max(start, parent.start), min(node.end, parent.end)) for node, start in spans
    ]
    return [window for window in windows if window.start < window.end]


def awaited(child: Node, overflow: Overflow, tolerance: int = 0) -> bool:
    """Return whether *child*'s parent waited for it (R4).

    A server whose client got the answer was waited for, even if its span closes later: the last
    byte reaches the client before the server's own bookkeeping (or background work) ends. So was a
    server span inside another of the same service: two instrumentations saw one request, and the
    outer one ends at the last byte. So was a span around the application that ends just after it,
    and a call for as long as its parent lasts, if what is above takes over the rest.
    """
    parent = child.parent
    if listens(child.span):
        return False
    if parent is None or overflow == "truncate" or child.own_end <= parent.end + tolerance:
        return True
    if child.handed_over:
        return True
    return (is_hop(child) and answered(parent.span)) or is_twin(child) or _returns_late(child)


def listens(span: Span) -> bool:
    """Return whether *span* is that of a ``receive`` which ended as the client left, or was done.

    Starlette listens for that beside every streamed response, and OpenTelemetry's ASGI
    instrumentation makes a span of it; nothing waits for it.
    """
    return span.attributes.get("asgi.event.type") == "http.disconnect"


def is_twin(child: Node) -> bool:
    """Return whether *child* is its parent's request as another instrumentation saw it."""
    parent = child.parent
    return (
        parent is not None
        and parent.span.kind is child.span.kind is Kind.SERVER
        and parent.span.service == child.span.service
    )


def _returns_late(child: Node) -> bool:
    """Return whether *child* is work within its server span that ends soon after it.

    A server span ends at the last byte, and what encloses the application when that returns.
    """
    parent = child.parent
    if parent is None or parent.span.kind is not Kind.SERVER:
        return False
    late = child.own_end - parent.end
    is_soon = late <= _RETURN_NS and 2 * late <= child.own_end - child.start
    return is_soon and _is_local(child.span, parent.span)


def _is_local(child: Span, parent: Span) -> bool:
    is_own = child.kind is Kind.INTERNAL and child.service == parent.service
    return is_own and process_of(child) == process_of(parent)


def is_hop(child: Node) -> bool:
    """Return whether *child* is the server span of its parent's call."""
    parent = child.parent
    return parent is not None and parent.span.kind is Kind.CLIENT and child.span.kind is Kind.SERVER
