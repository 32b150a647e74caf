"""Write what is known of a stream's gaps as attributes, of a call's body and of a response's."""

from __future__ import annotations

from opentelemetry.util.types import AttributeValue

from tracekit import attributes as names
from tracekit.chunks import Chunks, Gaps


def add_gaps(result: dict[str, AttributeValue], body: Chunks, origin: int) -> None:
    """Add the gaps of *body* to *result*, for a span that started at *origin*."""
    gaps = body.gaps()
    if gaps is None:
        return
    result[names.BODY_GAP_P50] = gaps.p50
    result[names.BODY_GAP_P95] = gaps.p95
    result[names.BODY_LARGEST_GAP] = gaps.largest
    if body.consumer:
        result[names.BODY_CONSUMER] = body.consumer
    if gaps.stalled:
        _add_stalls(result, gaps, origin)


def _add_stalls(result: dict[str, AttributeValue], gaps: Gaps, origin: int) -> None:
    result[names.BODY_STALLS] = gaps.stalled
    result[names.BODY_STALL_TIME] = gaps.stall_time
    result[names.BODY_STALL_STARTS] = tuple(max(0, start - origin) for start, _ in gaps.stalls)
    result[names.BODY_STALL_LENGTHS] = tuple(length for _, length in gaps.stalls)
