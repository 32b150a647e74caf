from __future__ import annotations

import pytest
from findings_building import found, handled, opened
from trace_building import MS, call, server

from tracekit import attributes as a

RULE = "redirect"


def moved(start, end, *, opening=0, status=307, **more):
    phases = {"wait": (start + opening, end)}
    if opening:
        phases["connect"] = (start, start + opening)
    attributes = {
        **(opened() if opening else {a.CONNECTION_STATE: "reused"}),
        a.HTTP_STATUS: status,
        a.URL_FULL: "http://back/process",
        **more,
    }
    return lambda root: call(start, end, root, phases, attributes=attributes)


def there(start, end, state="reused", **more):
    attributes = {
        a.CONNECTION_STATE: state,
        a.HTTP_RESEND_COUNT: 1,
        a.REDIRECT: 1,
        a.URL_PATH: "/process/",
        a.URL_FULL: "http://back/process/",
        **more,
    }
    return lambda root: call(start, end, root, {"wait": (start, end)}, attributes=attributes)


def test_the_call_that_was_sent_on_is_the_cost_and_the_new_url_the_fix():
    (finding,) = found(RULE, handled(100, moved(10, 30), there(32, 80)))

    assert finding.title == "POST /process is redirected"
    assert (finding.cost_ns, finding.saving_ns) == (22 * MS, 22 * MS)
    assert finding.evidence[0] == (
        "back:80 answered 307 after 20.0 ms; the call then went to http://back/process/: "
        "only the slash at the end differs."
    )
    assert finding.fix == ("call http://back/process/ at once",)


def test_a_connection_that_the_second_call_went_on_would_have_been_opened_anyway():
    (finding,) = found(RULE, handled(100, moved(10, 30, opening=8), there(32, 80)))
    assert finding.cost_ns == 14 * MS

    (finding,) = found(RULE, handled(100, moved(10, 30, opening=8), there(32, 80, "new")))
    assert finding.cost_ns == 22 * MS


def test_the_time_inside_the_redirecting_server_counts_too():
    def with_server(root):
        return moved(10, 30)(root)

    spans = handled(100, with_server, there(32, 80))
    spans.append(server("POST /process", 12, 28, spans[1], service="back"))
    (finding,) = found(RULE, spans)

    assert (finding.cost_ns, finding.saving_ns) == (22 * MS, 22 * MS)


def test_another_server_is_said():
    (finding,) = found(RULE, handled(100, moved(10, 30), there(32, 80, **{a.SERVER_PORT: 443})))

    assert finding.evidence[0].endswith(", another server or port.")


def test_a_query_is_not_repeated():
    (finding,) = found(
        RULE, handled(100, moved(10, 30), there(32, 80, **{a.URL_FULL: "http://back/p?token=1"}))
    )

    assert "token" not in str(finding)


@pytest.mark.parametrize(
    "calls",
    [
        (moved(10, 30, status=200), there(32, 80)),
        (moved(10, 30), there(32, 80, **{a.REDIRECT: None})),
        (moved(10, 50), there(32, 80)),
    ],
    ids=["answered", "a retry", "at the same time"],
)
def test_what_was_not_redirected_is_innocent(calls):
    assert found(RULE, handled(100, *calls)) == []
