"""``tracekit analyze --json``: a contract. Keys may be added; none goes or changes its meaning.

All durations are integer nanoseconds, all shares fractions of ``total_ns`` (0.0 to 1.0). Moments
``*_at_ns`` and ``start_ns`` count from the request's start.

::

    request_id              string, null for a trace without one
    trace_id                string, 32 hex digits
    root                    {service, name}
    start                   RFC 3339 in UTC with nanoseconds: "2026-11-21T12:04:31.207000123Z"
    total_ns                the root span's duration
    status                  HTTP status of the root, null where it has none
    ended                   how the root ended: "complete", "client left", "cancelled" or "error";
                            null where its middleware does not say
    queued_before_ns        how long it waited before its first service took it up: not in total_ns
    complete                false while spans are missing; `warnings` says which
    services                [string] in the order in which the request reached them
    milestones              [{service, name, at_ns}]
    stages                  [{service, stage, kind, peer, ns, share}]; ns sum to total_ns exactly
    edges                   [{client, server, calls, new_connections, reused, unknown, handoff_ns,
                              pool_wait_ns, dns_ns, connect_ns, tls_ns, send_ns, wait_ns,
                              network_ns, receive_ns, proxy_ns, queue_ns}]; handoff_ns is null
                              where the server sent no spans: how long it worked is not known;
                              queue_ns is the part of network_ns that waited at the server
    critical_path           [{span_id, service, name, start_ns, ns}]; ns sum to total_ns exactly
    spans_off_path          [{span_id, service, name, start_ns, ns, reason}]
    connection_overhead_ns  pool wait, DNS, connect, proxy and TLS on the critical path
    findings                [{rule, title, cost_ns, share, evidence, where, fix, saving_ns, fatal,
                              at_most}], the most costly first, to three figures, and bounds last;
                            evidence and fix are [string], where is a string or null, saving_ns
                            (what a re-simulation predicts) an integer or null; fatal is whether the
                            request failed by it, all of which is then its cost; at_most is whether
                            cost_ns is only a bound
    smaller_findings        how many more cost less than 1 ms and less than 1 %
    warnings                [string]
    calls                   [{span_id, client, server, start_ns, ns, on_path, method, path, status,
                              error, error_phase, resend, redirect, phases, unexplained_ns, gc_ns,
                              loop_lag_ns, dns_addresses, dns_error, attempts, called_at,
                              connection, client_object, body, quality}], every outgoing call in
                            order of time; what the data does not say is null
      phases                [{name, start_ns, ns}]; these and unexplained_ns sum to ns exactly
      attempts              [{address, start_ns, ns, outcome}]
      connection            {state, use, idle_ns, age_ns, protocol, tls, tls_resumed, tls_setup_ns,
                             local, peer, proxy, rtt_ns, retransmits}
      client_object         {library, made_at, setup_ns, age_ns, calls_before, discards}
      body                  {ended, bytes, chunks, unit, headers_ns, first_chunk_ns, gap_p50_ns,
                             gap_p95_ns, largest_gap_ns, stalls, stalled_ns, stalls_at, held_ns};
                            ended is "complete", "reader left" or "broken off"; headers_ns and
                            first_chunk_ns count from the call's start; stalls_at is
                            [{start_ns, ns}], the longest ones. Null where no body was seen
      quality               {path: "measured" | "derived" | "inferred"} for every field that is
                            known, such as "phases.connect" or "connection.state"
    service_facts           [{span_id, service, name, start_ns, ns, on_path, status, error,
                              exception, failed_stages, ended, queued_ns, queue_source,
                              unbelieved_queue_ns, request_body, response_body, background_ns,
                              background_error, background_exception, loop_lag_ns,
                              largest_lag_ns, gc_ns, peer, websocket, quality}], every
                            service's own side in order of time; null as above
      exception             {type, message, at}: what ended the request, the first line of its
                            message, and the application's innermost line of code, as findings'
                            where. Of quality "inferred" it is only the last one recorded. Or null
      failed_stages         [{span_id, name, exception}], those that an exception ended, of the
                            same one the innermost, whether or not the request failed by it
      background_exception  as exception, of background_error. Or null
      ended                 as the root's; queued_ns went by before start_ns, by the clock of
                            queue_source: "x-request-start" or "tcp_info"; what a proxy's clock
                            says beyond 60 s is in unbelieved_queue_ns instead
      request_body          {first_ns, ns, waited_ns, bytes}: when the application asked for it,
                            from start_ns, how long it read, how much of that it waited. Or null
      response_body         as a call's body, ended null: from start_ns, as the service sent it;
                            held_ns went by until the server took what was sent. Or null
      peer                  {state, use, protocol, address}: who asked, and its n-th request
      websocket             {received, sent, received_bytes, sent_bytes, close_code}, or null

A stage's `kind` is one of those of ``analyzer.report.Stage``; `peer` is null except for calls.
Output is ASCII: whatever a span's name holds comes as JSON escapes.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from analyzer.facts import CallFacts
from analyzer.quality import quality_of
from analyzer.render.moments import rfc3339
from analyzer.report import Report
from analyzer.service import ServiceFacts


def to_json(report: Report) -> str:
    """Return *report* as one indented JSON document."""
    return json.dumps(to_document(report), indent=2)


def to_document(report: Report) -> dict[str, Any]:
    """Return *report* as the contract's dictionary, for programs and notebooks."""
    return {
        "request_id": report.request_id,
        "trace_id": report.trace_id,
        "root": asdict(report.root),
        "start": rfc3339(report.start_unix_ns),
        "total_ns": report.total_ns,
        "status": report.status,
        "ended": report.ended,
        "queued_before_ns": report.queued_before_ns,
        "complete": report.complete,
        "services": list(report.services),
        "milestones": [asdict(milestone) for milestone in report.milestones],
        "stages": [asdict(stage) for stage in report.stages],
        "edges": [asdict(edge) for edge in report.edges],
        "critical_path": [asdict(section) for section in report.critical_path],
        "spans_off_path": [asdict(span) for span in report.spans_off_path],
        "connection_overhead_ns": report.connection_overhead_ns,
        "findings": [asdict(finding) for finding in report.findings],
        "smaller_findings": report.hidden_findings,
        "warnings": list(report.warnings),
        "calls": [_facts(call) for call in report.calls],
        "service_facts": [_facts(service) for service in report.service_facts],
    }


def _facts(facts: CallFacts | ServiceFacts) -> dict[str, Any]:
    document = asdict(facts)
    del document["derived"], document["inferred"]
    return {**document, "quality": quality_of(facts)}
