from __future__ import annotations

import pytest
from findings_building import found, handled
from trace_building import MS, UNANSWERED, attempts, call

from analyzer.analysis import analyze
from tracekit import attributes as a

RULE = "no-address-answers"
SILENT = attempts(("::1", 0, 2000, "timeout"), ("127.0.0.1", 2000, 2500, "ECONNREFUSED"))


def failing(tried, *, end=2510, start=10, **attributes):
    phases = {"connect": (start, end)}
    site = {a.DNS_HOST: "back.local", a.CODE_FILE: "app.py", a.CODE_LINE: 41}
    fields = {**UNANSWERED["attributes"], **site, **tried, **attributes}
    return lambda root: call(
        start, end, root, phases, status=UNANSWERED["status"], attributes=fields
    )


def test_a_host_of_which_no_address_answered_is_named_with_each_outcome_and_the_time():
    (finding,) = analyze(handled(3000, failing(SILENT))).findings

    assert finding.rule == RULE
    assert finding.title == 'No address of "back.local" answers'
    assert (finding.cost_ns, finding.saving_ns) == (2500 * MS, 2500 * MS)
    assert finding.share == pytest.approx(2.5 / 3)
    assert finding.evidence == (
        "Trying 2 addresses took 2.50 s: ::1 timed out after 2.00 s, "
        "127.0.0.1 was refused after 500 ms.",
        "Sure: every attempt and its outcome were recorded, and the call got no answer.",
    )
    assert finding.where == "app.py:41"


@pytest.mark.parametrize(
    ("tried", "first", "more"),
    [
        (
            attempts(("127.0.0.1", 0, 500, "ECONNREFUSED")),
            "start back:80, or correct the port: nothing listens on port 80 of back.local",
            None,
        ),
        (
            attempts(("192.0.2.1", 0, 2000, "timeout")),
            "see whether back:80 is up, and whether a firewall drops what is sent to port 80",
            "and give up sooner: requests.get(URL, timeout=(0.5, 10)), the connect timeout first",
        ),
        (
            attempts(("192.0.2.1", 0, 900, "EHOSTUNREACH")),
            "see whether this machine has a route to 192.0.2.1",
            None,
        ),
    ],
    ids=["refused", "silent", "no route"],
)
def test_the_fix_follows_from_the_outcome(tried, first, more):
    library = {a.CLIENT_LIBRARY: "urllib3", a.HTTP_METHOD: "GET"}
    (finding,) = found(RULE, handled(3000, failing(tried, **library)))

    assert finding.fix[0] == first
    assert (more in finding.fix) if more else len(finding.fix) == 1


def test_an_httpx_client_is_told_its_own_connect_timeout():
    (finding,) = found(RULE, handled(3000, failing(SILENT, **{a.CLIENT_LIBRARY: "httpx"})))

    assert "and give up sooner: httpx.Client(timeout=httpx.Timeout(10, connect=0.5))" in finding.fix


def test_repeated_calls_are_one_finding_about_the_longest():
    tried = attempts(("::1", 0, 700, "timeout"))
    calls = failing(tried, start=10, end=720), failing(tried, start=800, end=1400)
    (finding,) = found(RULE, handled(1500, *calls))

    assert finding.cost_ns == 1300 * MS
    assert "This happened to 2 calls of this request; that was the longest." in finding.evidence


def test_what_the_client_gave_up_is_only_likely():
    tried = attempts(("192.0.2.1", 0, 300, "cancelled"))
    (finding,) = found(RULE, handled(3000, failing(tried)))

    assert finding.evidence[-1].startswith("Likely: the client gave up")


def test_many_addresses_are_not_all_told():
    tried = attempts(*((f"192.0.2.{n}", n * 100, n * 100 + 100, "timeout") for n in range(9)))
    (finding,) = found(RULE, handled(3000, failing(tried)))

    assert finding.evidence[0].endswith("192.0.2.3 timed out after 100 ms and 5 more.")


@pytest.mark.parametrize(
    "tried",
    [
        {},
        attempts(("::1", 0, 0.2, "ECONNREFUSED"), ("127.0.0.1", 0.2, 0.4, "ECONNREFUSED")),
        attempts(("::1", 0, 2000, "timeout"), ("127.0.0.1", 2000, 2001, "ok")),
        {**SILENT, a.HTTP_STATUS: 200},
    ],
    ids=["unknown", "refused at once", "one answered", "the call was answered"],
)
def test_no_alarm_where_nothing_was_waited_for_or_something_answered(tried):
    assert found(RULE, handled(3000, failing(tried))) == []
