from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import get_args

from sample_reports import QUIET, STORY, TOTAL

from analyzer.facts import Quality
from analyzer.render import analyze_json
from analyzer.render.analyze_json import to_json

CONTRACT = {
    "request_id": str,
    "trace_id": str,
    "root": dict,
    "start": str,
    "total_ns": int,
    "complete": bool,
    "milestones": list,
    "stages": list,
    "edges": list,
    "critical_path": list,
    "spans_off_path": list,
    "connection_overhead_ns": int,
    "findings": list,
    "warnings": list,
    "calls": list,
    "service_facts": list,
    "queued_before_ns": int,
}
OF_EACH = {
    "milestones": {"service", "name", "at_ns"},
    "stages": {"service", "stage", "kind", "ns", "share"},
    "edges": {
        "client", "server", "calls", "new_connections", "reused", "unknown", "handoff_ns",
        "pool_wait_ns", "dns_ns", "connect_ns", "tls_ns", "send_ns", "wait_ns", "network_ns",
        "receive_ns", "proxy_ns", "queue_ns",
    },
    "critical_path": {"span_id", "service", "name", "start_ns", "ns"},
    "findings": {"rule", "title", "cost_ns", "share", "evidence", "where", "fix", "fatal"},
    "calls": {
        "span_id", "client", "server", "start_ns", "ns", "on_path", "method", "path", "status",
        "error", "error_phase", "resend", "redirect", "phases", "unexplained_ns", "gc_ns",
        "dns_addresses", "dns_error", "attempts", "called_at", "connection", "client_object",
        "body", "quality",
    },
    "service_facts": {
        "span_id", "service", "name", "start_ns", "ns", "on_path", "status", "error", "ended",
        "queued_ns", "queue_source", "request_body", "response_body", "background_ns",
        "background_error", "loop_lag_ns", "largest_lag_ns", "gc_ns", "peer", "websocket",
        "exception", "failed_stages", "background_exception", "quality",
    },
}  # fmt: skip


def test_every_key_of_the_contract_is_there_with_its_type():
    document = json.loads(to_json(STORY))
    for key, kind in CONTRACT.items():
        assert isinstance(document[key], kind), key
    for key, fields in OF_EACH.items():
        assert document[key], key
        assert all(fields <= entry.keys() for entry in document[key]), key
    assert document["root"] == {"service": "stt", "name": "POST /hear"}


def test_a_hand_off_that_is_not_known_is_null():
    report = replace(STORY, edges=(replace(STORY.edges[0], handoff_ns=None),))
    assert json.loads(to_json(report))["edges"][0]["handoff_ns"] is None


def test_findings_too_small_to_name_are_counted():
    assert json.loads(to_json(replace(STORY, hidden_findings=2)))["smaller_findings"] == 2


def test_stages_sum_to_the_total_exactly():
    document = json.loads(to_json(STORY))
    assert sum(stage["ns"] for stage in document["stages"]) == document["total_ns"] == TOTAL


def test_every_duration_is_an_integer():
    def check(value, name=""):
        if isinstance(value, dict):
            for key, inner in value.items():
                check(inner, key)
        elif isinstance(value, list):
            for inner in value:
                check(inner, name)
        elif name.endswith("ns") and value not in get_args(Quality):
            assert value is None or type(value) is int, name

    check(json.loads(to_json(STORY)))


def test_every_field_of_a_call_is_in_the_contracts_text():
    for call in json.loads(to_json(STORY))["calls"]:
        parts = (call, call["connection"], call["client_object"], call["body"] or {})
        for name in (name for part in parts for name in part):
            assert re.search(rf"\b{name}\b", analyze_json.__doc__), name


def test_every_field_of_a_service_is_in_the_contracts_text_and_says_how_it_is_known():
    for service in json.loads(to_json(STORY))["service_facts"]:
        inner = ("request_body", "response_body", "peer", "websocket", "background_exception")
        parts = (service, *service["failed_stages"], *map(service.get, inner))
        for name in (name for part in parts for name in part or {}):
            assert re.search(rf"\b{name}\b", analyze_json.__doc__), name
        assert set(service["quality"].values()) <= set(get_args(Quality))
    first = json.loads(to_json(STORY))["service_facts"][0]["quality"]
    assert (first["queued_ns"], first["peer.state"]) == ("derived", "inferred")
    assert first["response_body.held_ns"] == "measured"
    assert "service" not in first


def test_an_exception_is_told_with_its_message_and_its_line():
    (stage,) = json.loads(to_json(STORY))["service_facts"][0]["failed_stages"]
    at = "/srv/stt/stt/model.py:33 in load()"
    assert stage["exception"] == {"type": "TimeoutError", "message": "no model", "at": at}


def test_a_calls_phases_and_the_unexplained_rest_sum_to_it_exactly():
    for call in json.loads(to_json(STORY))["calls"]:
        assert sum(phase["ns"] for phase in call["phases"]) + call["unexplained_ns"] == call["ns"]


def test_every_call_says_how_its_fields_are_known():
    for call in json.loads(to_json(STORY))["calls"]:
        assert set(call["quality"].values()) <= set(get_args(Quality))


def test_the_start_is_rfc_3339_in_utc_to_the_nanosecond():
    assert json.loads(to_json(STORY))["start"] == "2026-11-21T12:04:31.207000123Z"


def test_evidence_and_fix_are_lists_of_lines():
    (first, second) = json.loads(to_json(STORY))["findings"]
    assert first["evidence"][1] == "Seen in 38 of 38 calls."
    assert second["fix"][1].startswith("session.post")
    assert second["where"] is None


def test_what_is_not_known_is_null_and_empty_lists_stay():
    document = json.loads(to_json(QUIET))
    assert document["status"] is None
    assert document["stages"] == document["findings"] == []
    assert document["complete"] is False


def test_the_output_is_ascii_whatever_a_name_holds():
    assert to_json(STORY).isascii()
    assert "\\u2192" not in to_json(STORY)
