"""``tracekit list --json``: one JSON object a line, newest request first.

::

    request_id     string; what `analyze` takes (the trace ID where there is no request ID)
    trace_id       string
    start          RFC 3339 in UTC with nanoseconds
    service, name  of the root span; without one, of the first span seen, whose name is null where
                   it is no server's
    total_ns       integer
    connection_ns  pool wait, DNS, connect and TLS on the critical path, integer
    status         HTTP status, null where there is none
    complete       false while its root span is missing: the rest is what has been seen so far
    error          whether the request failed
    services       [string]
    spans          how many spans it has
    label, version string or null
    ended          "complete", "client left", "cancelled" or "error"; null where nothing says so
    finding        the rule of the most costly finding, null without one
"""

from __future__ import annotations

import json

from analyzer.render.list_text import Listed
from analyzer.render.moments import rfc3339


def to_line(listed: Listed) -> str:
    """Return the request as one line of JSON, ASCII only."""
    row, report = listed.row, listed.report
    document = {
        "request_id": row.request_id,
        "trace_id": row.trace_id,
        "start": rfc3339(row.start_ns),
        "service": row.service,
        "name": row.name if report.route_known else None,
        "total_ns": report.total_ns,
        "connection_ns": report.connection_overhead_ns,
        "status": row.status if report.route_known else None,
        "complete": report.rooted,
        "error": row.error,
        "services": list(row.services),
        "spans": row.spans,
        "label": row.label,
        "version": row.version,
        "ended": report.ended,
        "finding": report.findings[0].rule if report.findings else None,
    }
    return json.dumps(document)
