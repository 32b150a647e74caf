from __future__ import annotations

import dataclasses

import pytest
from findings_building import found, handled
from trace_building import MS, UNANSWERED, attempts, call, server, span

from analyzer.span import Kind, Status
from tracekit import attributes as a

RULE = "failed-call"
AT = {a.CODE_FILE: "app.py", a.CODE_LINE: 41, a.CODE_FUNCTION: "forward"}


def failing(start, end, error="ConnectError", phase="connect", **more):
    """A call that ended with an error and no answer."""
    attributes = {**UNANSWERED["attributes"], a.ERROR_TYPE: error, a.ERROR_PHASE: phase, **AT}
    return lambda root: call(
        start, end, root, {"connect": (start, end)},
        status=Status.ERROR, attributes={**attributes, **more},
    )  # fmt: skip


def failed(*calls, status=500):
    """A request that was answered with *status*."""
    root, *rest = handled(20, *calls)
    answered = {a.HTTP_STATUS: status}
    return [dataclasses.replace(root, status=Status.ERROR, attributes=answered), *rest]


def test_a_refused_call_of_a_failed_request_is_named_with_its_phase_error_and_line():
    refused = attempts(("127.0.0.1", 0, 0.4, "ECONNREFUSED"))
    (finding,) = found(RULE, failed(failing(5, 5.5, **refused)))

    assert finding.title == "The call to back:80 failed"
    assert finding.evidence == (
        "POST /process ended in connect after 500 µs with ConnectError.",
        "Likely: the request failed because of it, with status 500.",
    )
    assert finding.where == "app.py:41 in forward()"
    assert finding.fix[0] == "start back:80, or correct the port: nothing listens there"
    assert (finding.fatal, finding.cost_ns, finding.share) == (True, 20 * MS, 1.0)


def test_of_several_the_last_is_named():
    first = failing(2, 3, "ReadTimeout", "wait")
    (finding,) = found(RULE, failed(first, failing(5, 6, "ConnectTimeout")))

    assert "ConnectTimeout" in finding.evidence[0]
    assert finding.evidence[1] == "2 calls of this request failed; that was the last."


def test_a_call_that_was_sent_again_with_success_is_innocent():
    again = {a.HTTP_RESEND_COUNT: 1}
    spans = failed(failing(2, 3), lambda root: call(4, 6, root, attributes=again))

    assert found(RULE, spans) == []


@pytest.mark.parametrize("error", ["CancelledError", "asyncio.exceptions.CancelledError"])
def test_a_call_that_its_own_side_gave_up_is_innocent(error):
    assert found(RULE, failed(failing(2, 3, error, "receive"), status=200)) == []


def test_where_the_request_succeeded_nothing_failed_it():
    assert found(RULE, handled(20, failing(5, 6))) == []


def test_a_request_that_is_but_the_call_has_no_other_cause():
    spans = [dataclasses.replace(failing(5, 6)(None), parent_id=None)]

    assert found(RULE, spans) == []


def test_calls_of_other_services_count_too():
    root, out = failed(lambda root: call(2, 18, root, attributes={a.HTTP_STATUS: 500}))
    back = server("POST /process", 3, 17, out, service="back", attributes={a.HTTP_STATUS: 500})
    inner = dataclasses.replace(failing(5, 6)(back), service="back")
    (finding,) = found(RULE, [root, out, back, inner, span("x", 7, 8, back, Kind.INTERNAL)])

    assert finding.evidence[0].startswith("POST /process ended in connect")
