"""Short ways to write spans down; times are milliseconds from the request's start."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

from analyzer.span import Kind, Span, Status
from tracekit import attributes as a

MS = 1_000_000
EPOCH = 1_800_000_000_000_000_000
TRACE = "a" * 32
WORKED = Path(__file__).parent.parent / "data" / "worked_examples.json"
_numbers = count(1)


def span(
    name: str,
    start: float,
    end: float,
    parent: Span | str | None = None,
    kind: Kind = Kind.INTERNAL,
    service: str = "api",
    **more: Any,
) -> Span:
    """Return a span of one host; *more* are fields of Span."""
    parent_id = parent.span_id if isinstance(parent, Span) else parent
    fields: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": f"{next(_numbers):016x}",
        "resource": {a.HOST_ID: "one-host", a.PROCESS_PID: 100},
        "request_id": "req-1",
        **more,
    }
    start_ns, end_ns = EPOCH + round(start * MS), EPOCH + round(end * MS)
    return Span(
        parent_id=parent_id, name=name, kind=kind, start_ns=start_ns, end_ns=end_ns,
        service=service, **fields,
    )  # fmt: skip


def server(name: str, start: float, end: float, parent: Span | None = None, **more: Any) -> Span:
    """Return a server span that answered 200."""
    attributes = {a.HTTP_STATUS: 200, **more.pop("attributes", {})}
    return span(name, start, end, parent, Kind.SERVER, attributes=attributes, **more)


def call(
    start: float,
    end: float,
    parent: Span | None,
    phases: dict[str, tuple[float, float]] | None = None,
    **more: Any,
) -> Span:
    """Return an answered client span to ``back:80``; phases are ms from the request's start."""
    attributes: dict[str, Any] = {
        a.HTTP_METHOD: "POST",
        a.HTTP_STATUS: 200,
        a.URL_PATH: "/process",
        a.SERVER_ADDRESS: "back",
        a.SERVER_PORT: 80,
    }
    for name, (begin, finish) in (phases or {}).items():
        attributes[a.phase(name)] = [round((begin - start) * MS), round((finish - start) * MS)]
    attributes |= more.pop("attributes", {})
    attributes = {name: value for name, value in attributes.items() if value is not None}
    more.setdefault("name", "POST")
    return span(
        start=start, end=end, parent=parent, kind=Kind.CLIENT, attributes=attributes, **more
    )


def attempts(*tried: tuple[str, float, float, str]) -> dict[str, Any]:
    """Return the attributes of addresses tried: (address, start, end, outcome) in ms from it."""
    addresses, starts, ends, outcomes = zip(*tried, strict=True)
    return {
        a.ATTEMPT_ADDRESSES: list(addresses),
        a.ATTEMPT_STARTS: [round(at * MS) for at in starts],
        a.ATTEMPT_ENDS: [round(at * MS) for at in ends],
        a.ATTEMPT_OUTCOMES: list(outcomes),
    }


UNANSWERED: dict[str, Any] = {"status": Status.ERROR, "attributes": {a.HTTP_STATUS: None}}
"""Fields of a client span that got no answer."""


def worked_examples() -> list[dict[str, Any]]:
    """Return the examples worked by hand."""
    return json.loads(WORKED.read_text())


def spans_of(example: dict[str, Any]) -> list[Span]:
    """Return a worked example's spans; its ids and milliseconds stay readable in the results."""
    return [
        span(s["id"], s["start"], s["end"], s["parent"], Kind[s["kind"]], "svc", span_id=s["id"])
        for s in example["spans"]
    ]
