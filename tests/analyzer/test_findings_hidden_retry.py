from __future__ import annotations

import pytest
from findings_building import found, handled, opened
from trace_building import MS, UNANSWERED, call

from analyzer.span import Status
from tracekit import attributes as a

RULE = "hidden-retry"


def dropped(start, end, **more):
    """A call on a kept connection that got no answer."""
    attributes = {
        **UNANSWERED["attributes"],
        a.CONNECTION_STATE: "reused",
        a.CONNECTION_IDLE: 8_000 * MS,
        a.CONNECTION_USE: 4,
        a.ERROR_TYPE: "RemoteDisconnected",
        **more,
    }
    return lambda root: call(start, end, root, {"wait": (start, end)}, attributes=attributes,
                             status=Status.ERROR)  # fmt: skip


def again(start, end, **more):
    """The same call on a new connection that took 10 ms to open."""
    attributes = opened(**{a.HTTP_RESEND_COUNT: 1, a.CLIENT_REQUESTS: 4, **more})
    phases = {"connect": (start, start + 10), "wait": (start + 10, end)}
    return lambda root: call(start, end, root, phases, attributes=attributes)


def test_a_request_sent_again_on_a_new_connection_is_named_with_what_it_cost():
    (finding,) = found(RULE, handled(100, dropped(10, 15), again(18, 60)))

    assert finding.title == "A request to back:80 was sent twice: its connection was dead"
    assert (finding.cost_ns, finding.saving_ns) == ((5 + 3 + 10) * MS, (5 + 3 + 10) * MS)
    assert finding.evidence[0] == (
        "First sent on a kept connection, idle for 8.00 s and used 3 times before, it ended after "
        "5.00 ms with RemoteDisconnected; then it was sent again, on a new connection."
    )
    assert finding.evidence[-1] == "A POST that is sent twice may be done twice."
    assert finding.where == "app.py:41 in forward()"
    assert "keep-alive" in finding.fix[0]


def test_its_new_connection_is_no_other_finding():
    spans = handled(100, dropped(10, 15), again(18, 60))

    assert found("no-connection-reuse", spans) == []
    assert found("idle-too-long", spans) == []


@pytest.mark.parametrize(
    ("library", "line"),
    [("httpx", "keepalive_expiry=4"), ("aiohttp", "keepalive_timeout=4"), ("urllib3", None)],
)
def test_a_client_that_can_drop_idle_connections_sooner_is_told_how(library, line):
    by = {a.CLIENT_LIBRARY: library}
    spans = handled(100, dropped(10, 15, **by), again(18, 60, **by))
    (finding,) = found(RULE, spans)

    assert (line in finding.fix[-1]) if line else len(finding.fix) == 1


@pytest.mark.parametrize(
    "first",
    [
        dropped(10, 15, **{a.CONNECTION_STATE: "new"}),
        dropped(10, 15, **{a.HTTP_STATUS: 503}),
        dropped(10, 15, **{a.URL_PATH: "/other"}),
        dropped(10, 30),
        dropped(10, 15, **{a.ERROR_TYPE: "ReadTimeout"}),
    ],
    ids=["a new connection", "answered", "another path", "at the same time", "timed out"],
)
def test_what_was_not_a_dead_connection_is_no_hidden_retry(first):
    assert found(RULE, handled(100, first, again(18, 60))) == []


def test_calls_side_by_side_are_not_taken_for_each_others_retries():
    """Each of two chains has one failed and one good sending."""
    spans = handled(
        100, dropped(10, 14), dropped(10, 15), again(16, 50), again(17, 60),
    )  # fmt: skip
    (finding,) = found(RULE, spans)

    assert "2 calls" in finding.evidence[1]


def test_a_call_that_failed_so_and_was_not_sent_again_is_named_too():
    (finding,) = found("dead-connection", handled(100, dropped(10, 15)))

    assert finding.title == "The kept connection to back:80 was dead"
    assert finding.cost_ns == 5 * MS
    assert "idle for 8.00 s" in finding.evidence[0]
    assert found(RULE, handled(100, dropped(10, 15))) == []


def test_a_call_that_was_sent_again_is_named_once():
    assert found("dead-connection", handled(100, dropped(10, 15), again(18, 60))) == []


def test_a_server_that_gives_up_after_long_work_has_not_closed_an_idle_connection():
    assert found("dead-connection", handled(5_000, dropped(10, 3_000))) == []
