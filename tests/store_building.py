"""Spans and stores for the tests of everything that reads or writes one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from analyzer.span import Kind, Span

START = 1_760_000_000_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"


def span(number: int = 1, **changed: Any) -> Span:
    """Return the span of that number: ids and start follow from it."""
    start = START + number * 1_000_000
    fields: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": f"{number:016x}",
        "parent_id": None,
        "name": f"work {number}",
        "kind": Kind.INTERNAL,
        "start_ns": start,
        "end_ns": start + 500_000,
        "service": "shop",
    }
    return Span(**{**fields, **changed})


# Everything an OTLP attribute can be. JSON text for a float keeps it exactly; NaN is not equal to
# itself, so a test of its own looks at it.
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
keys = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=20
)
attributes = st.dictionaries(keys, values, max_size=8)


def same(one: Any, other: Any) -> bool:
    """Compare with types: ``1``, ``1.0``, ``True`` and ``"1"`` are four values."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other
