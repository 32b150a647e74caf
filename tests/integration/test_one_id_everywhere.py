"""One ID, given by the client, is all that it takes to find a request anywhere."""

from __future__ import annotations

import json

from logged_services import UVICORN, answering, running
from processes import analyze, clean_environment, tracekit

ID = "client.chose:this~1"


def test_the_id_of_a_client_is_in_its_response_the_logs_the_spans_and_the_analysis(tmp_path):
    env = clean_environment(tmp_path / "home")
    with answering() as url, running(UVICORN, "app", tmp_path, NEXT=url) as host:
        reply, began = host.ask("/work", ID)
        logged = host.logged(began, "uvicorn.access")

    spans = [
        span
        for file in (tmp_path / "home" / "spool").glob("*.jsonl")
        for line in file.read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    traces = {line["trace_id"] for line in logged}
    of_it = [span for span in spans if span["traceId"] in traces]
    report = analyze(ID, env=env)

    assert reply.headers["X-Request-ID"] == ID
    assert {line["request_id"] for line in logged} == {ID}
    assert {"GET /work", "think", "GET"} <= {span["name"] for span in of_it}
    assert {request_id(span) for span in of_it} == {ID}
    assert report["request_id"] == ID
    assert ID in tracekit("list", env=env).stdout


def request_id(span):
    (found,) = [one for one in span["attributes"] if one["key"] == "tracekit.request_id"]
    return found["value"]["stringValue"]
