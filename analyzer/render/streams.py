"""What is said of a streamed body, a call's or a service's: its chunks, their gaps, its stalls."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.facts import BodyFacts, CallFacts
from analyzer.render.amounts import amount, counted
from analyzer.render.items import mark
from analyzer.service import ServiceFacts
from analyzer.units import duration

_STALLS_SHOWN = 2


def stream(facts: CallFacts | ServiceFacts, path: str, body: BodyFacts) -> Iterator[str]:
    """Yield what there is to say of *body*, which is at *path* in *facts*."""
    unit = (body.unit or "chunks").replace("_", " ").removesuffix("s")
    size = f", {amount(body.bytes)}" if body.bytes is not None else ""
    yield f"{counted(body.chunks or 0, unit)}{size}"
    if body.headers_ns is not None:
        yield f"headers after {duration(body.headers_ns)}"
    if body.first_chunk_ns is not None:
        yield f"first {unit} after {duration(body.first_chunk_ns)}"
    if body.largest_gap_ns is not None:
        yield _gaps(facts, path, body, body.largest_gap_ns)
    if body.stalls:
        yield _stalls(facts.start_ns, body, body.stalls)


def _gaps(facts: CallFacts | ServiceFacts, path: str, body: BodyFacts, largest: int) -> str:
    percentiles = {"p50": body.gap_p50_ns, "p95": body.gap_p95_ns}
    known = [
        f"{name} {mark(facts, f'{path}.gap_{name}_ns')}{duration(ns)}"
        for name, ns in percentiles.items()
        if ns is not None
    ]
    return f"gaps {', '.join([*known, f'largest {duration(largest)}'])}"


def _stalls(start: int, body: BodyFacts, number: int) -> str:
    longest = sorted(body.stalls_at, key=lambda stall: -stall.ns)[:_STALLS_SHOWN]
    where = ", ".join(
        f"{duration(stall.ns)} at {duration(stall.start_ns - start)}"
        for stall in sorted(longest, key=lambda stall: stall.start_ns)
    )
    if number == len(longest) == 1:
        return f"1 stall, {where}"
    total = f" of {duration(body.stalled_ns)}" if body.stalled_ns is not None else ""
    more = ", …" if number > len(longest) else ""
    return f"{counted(number, 'stall')}{total}" + (f": {where}{more}" if where else "")
