"""Spans of a small story: ``web`` calls ``api``, before and after connections are reused."""

from __future__ import annotations

from analyzer.span import Attributes, Event, Kind, Span, Status

MS = 1_000_000
CONNECT = 300 * MS


def request_spans(
    number: int, start_ns: int, *, label: str | None = None, slow: bool = True, error: bool = False
) -> list[Span]:
    """Return a whole request: 500 ms with a connection of its own, 200 ms without; 1 ms apart."""
    trace = f"{number:032x}"
    connect = CONNECT if slow else 0
    total = 200 * MS + connect + number * MS
    key = f"request-{number:04d}-{'slow' if slow else 'fast'}"
    resource = {"tracekit.label": label, "service.version": f"v-{label}"} if label else {}

    def span(place: int, name: str, kind: Kind, service: str, window: tuple[int, int],
             attributes: Attributes, **more) -> Span:  # fmt: skip
        return Span(
            trace_id=trace,
            span_id=f"{number:08x}{place:08x}",
            parent_id=f"{number:08x}{place - 1:08x}" if place > 1 else None,
            name=name,
            kind=kind,
            start_ns=start_ns + window[0],
            end_ns=start_ns + window[1],
            service=service,
            request_id=key,
            attributes={"tracekit.request_id": key, **attributes},
            resource={"service.name": service, "host.name": "one", **resource},
            **more,
        )

    status = 500 if error else 200
    server = {"http.request.method": "GET", "http.route": "/", "http.response.status_code": status}
    phases = {"tracekit.phase.wait": [connect, total - 20 * MS]}
    if slow:
        phases["tracekit.phase.connect"] = [0, connect]
    client = {
        "http.request.method": "GET",
        "http.response.status_code": status,
        "server.address": "api.local",
        "server.port": 8001,
        "tracekit.connection.state": "new" if slow else "reused",
        "tracekit.client.library": "urllib3",
        "tracekit.client.requests": 0 if slow else 7,
        **phases,
    }
    return [
        span(1, "GET /", Kind.SERVER, "web", (0, total), server,
             status=Status.ERROR if error else Status.UNSET,
             events=(Event("first_byte", start_ns + total // 2, {"tracekit.milestone": True}),)),
        span(2, "GET", Kind.CLIENT, "web", (10 * MS, total - 10 * MS), client),
        span(3, "GET /data", Kind.SERVER, "api", (10 * MS + connect, total - 11 * MS), server),
        span(4, "query", Kind.INTERNAL, "api", (11 * MS + connect, total - 12 * MS), {}),
    ]  # fmt: skip
