"""What is said about a response's body, whether it is on its call's span or on a late child. Pure.

A late child completes a client span that another instrumentation ended at the headers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analyzer import conventions
from analyzer.calls import Call
from analyzer.facts import BodyFacts, Ended, StallFacts
from analyzer.phases import Interval, array, nanoseconds
from analyzer.span import Span
from analyzer.trace import Node
from tracekit import attributes as a


def body_facts(call: Call, start: int) -> BodyFacts | None:
    """Return what is known of *call*'s body in a request that began at *start*; None if nothing."""
    span = _source(call)
    found = span.attributes
    late = span.start_ns - call.node.span.start_ns
    headers = call.intervals("receive")
    first = conventions.number(found, a.BODY_FIRST_CHUNK)
    facts = replace(
        passed(span, stalls_of(call), start),
        ended=_ended(span),
        headers_ns=headers[0].start - call.node.start if headers else None,
        first_chunk_ns=None if first is None else first + late,
    )
    return None if facts == BodyFacts(headers_ns=facts.headers_ns) else facts


def passed(span: Span, stalls: Iterable[Interval], start: int) -> BodyFacts:
    """Return what *span* counted of a body; the request began at *start*."""
    found = span.attributes
    return BodyFacts(
        bytes=conventions.number(found, a.BODY_BYTES),
        chunks=conventions.number(found, a.BODY_CHUNKS),
        unit=conventions.text(found, a.BODY_UNIT),
        gap_p50_ns=conventions.number(found, a.BODY_GAP_P50),
        gap_p95_ns=conventions.number(found, a.BODY_GAP_P95),
        largest_gap_ns=conventions.number(found, a.BODY_LARGEST_GAP),
        stalls=conventions.number(found, a.BODY_STALLS),
        stalled_ns=conventions.number(found, a.BODY_STALL_TIME),
        stalls_at=tuple(StallFacts(at - start, end - at) for at, end in stalls),
        held_ns=conventions.number(found, a.BODY_CONSUMER),
    )


def stalls_of(call: Call) -> tuple[Interval, ...]:
    """Return when the stream stalled, in adjusted Unix nanoseconds, within the call."""
    return stalls_in(call.node, _source(call))


def stalls_in(node: Node, span: Span) -> tuple[Interval, ...]:
    """Return when the body that *span* saw stalled, in adjusted Unix nanoseconds, within *node*."""
    origin = span.start_ns + node.shift
    starts = array(span.attributes.get(a.BODY_STALL_STARTS))
    lengths = array(span.attributes.get(a.BODY_STALL_LENGTHS))
    stalls = []
    for first, length in zip(map(nanoseconds, starts), map(nanoseconds, lengths), strict=False):
        if first is not None and length is not None and length > 0:
            at = min(max(origin + first, node.start), node.end)
            stalls.append(Interval(at, min(at + length, node.end)))
    return tuple(stalls)


def has_sampled_gaps(body: BodyFacts | None) -> bool:
    """Return whether the percentiles of *body*'s gaps are those of a sample."""
    return body is not None and (body.chunks or 0) > _ALL_GAPS


def error_of(span: Span) -> str | None:
    """Return the error that *span* ended with; the number of an error status is none."""
    error = conventions.text(span.attributes, a.ERROR_TYPE)
    return None if error is None or error.isdecimal() else error


def _source(call: Call) -> Span:
    return call.node.bodies[-1] if call.node.bodies else call.node.span


def _ended(span: Span) -> Ended | None:
    complete = span.attributes.get(a.BODY_COMPLETE)
    if not isinstance(complete, bool):
        return None
    if complete:
        return "complete"
    return "reader left" if error_of(span) is None else "broken off"


_ALL_GAPS = 4097
"""Chunks of which every gap is remembered (:mod:`tracekit.chunks`)."""
