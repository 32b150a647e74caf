from __future__ import annotations

import pytest
from findings_building import Memory, found, handled
from trace_building import MS, attempts, call

from tracekit import attributes as a

RULE = "address-in-vain"
SILENT = attempts(("::1", 0, 2000, "timeout"), ("127.0.0.1", 2000, 2000.3, "ok"))
PHASES = {"connect": (10, 2010.3), "wait": (2011, 2090)}


def handing_off(tried, **more):
    host = {a.DNS_HOST: "preprocessor.local", a.CLIENT_LIBRARY: "urllib3"}
    extra = more.pop("attributes", {})
    return handled(
        2100, lambda root: call(10, 2090, root, PHASES, attributes=host | tried | extra, **more)
    )


def test_a_silent_first_address_is_named_with_its_cost_and_what_answered():
    (finding,) = found(RULE, handing_off(SILENT))

    assert finding.title == 'The first address of "preprocessor.local" never answers'
    assert finding.cost_ns == 2000 * MS
    assert finding.share == pytest.approx(2000 / 2100)
    assert finding.evidence[0] == (
        "::1 was tried first and timed out after 2.00 s; 127.0.0.1 then answered in 300 µs."
    )
    assert finding.saving_ns == 2000 * MS


def test_a_loopback_address_is_mended_in_the_url_or_by_listening():
    (finding,) = found(RULE, handing_off(SILENT))

    assert finding.fix == (
        'use 127.0.0.1 in the URL instead of "preprocessor.local": http://127.0.0.1:80',
        "or let back:80 listen on ::1 as well",
    )


def test_over_tls_no_address_is_proposed_in_the_url():
    def secure(root):
        phases = {**PHASES, "tls": (2010.3, 2011)}
        return call(10, 2090, root, phases, attributes=SILENT)

    (finding,) = found(RULE, handled(2100, secure))

    assert finding.fix == ("let back:80 listen on ::1 as well",)


def test_a_broken_ipv6_route_is_told_from_a_server_that_does_not_listen():
    route = attempts(("2001:db8::1", 0, 2000, "timeout"), ("192.0.2.1", 2000, 2001, "ok"))
    (finding,) = found(RULE, handing_off(route))

    assert "repair the IPv6 route to 2001:db8::1" in finding.fix[0]
    assert "HAS_IPV6 = False" in finding.fix[1]


def test_an_httpx_client_is_told_how_to_stay_on_ipv4():
    route = attempts(("2001:db8::1", 0, 2000, "timeout"), ("192.0.2.1", 2000, 2001, "ok"))
    (finding,) = found(RULE, handing_off(route, attributes={a.CLIENT_LIBRARY: "httpx"}))

    assert 'httpx.HTTPTransport(local_address="0.0.0.0")' in finding.fix[1]


@pytest.mark.parametrize(
    ("outcome", "title", "words"),
    [
        ("ECONNREFUSED", "refuses connections", "was refused after"),
        ("EHOSTUNREACH", "cannot be reached", "failed (EHOSTUNREACH) after"),
        ("cancelled", "never answers", "was given up after"),
    ],
)
def test_each_outcome_has_its_own_words(outcome, title, words):
    tried = attempts(("192.0.2.7", 0, 250, outcome), ("192.0.2.1", 250, 251, "ok"))
    (finding,) = found(RULE, handing_off(tried))

    assert finding.title.endswith(title)
    assert words in finding.evidence[0]


def test_what_was_given_up_is_only_likely():
    tried = attempts(("::1", 0, 251, "cancelled"), ("127.0.0.1", 250, 250.5, "ok"))
    (finding,) = found(RULE, handing_off(tried))

    assert finding.cost_ns == 250 * MS
    assert finding.evidence[-1].startswith("Likely")


def test_the_store_says_how_often_it_was_seen():
    memory = Memory(new=38, reused=2, failed_attempts={"::1": 38})
    (finding,) = found(RULE, handing_off(SILENT), memory)

    assert "Sure: seen in 38 of 38 new connections in the store." in finding.evidence


def test_several_addresses_tried_in_vain_are_findings_of_their_own():
    tried = attempts(
        ("::1", 0, 900, "timeout"),
        ("10.0.0.1", 900, 2000, "timeout"),
        ("127.0.0.1", 2000, 2001, "ok"),
    )
    first, second = sorted(found(RULE, handing_off(tried)), key=lambda finding: finding.cost_ns)

    assert (first.cost_ns, second.cost_ns) == (900 * MS, 1100 * MS)
    assert first.title.startswith("The first address")
    assert second.title.startswith("An address")


@pytest.mark.parametrize(
    "tried",
    [
        {},
        attempts(("127.0.0.1", 0, 1, "ok")),
        attempts(("::1", 0, 2000, "timeout"), ("127.0.0.1", 2000, 2050, "ECONNREFUSED")),
        attempts(("::1", 0, 300, "ok"), ("127.0.0.1", 250, 300, "cancelled")),
        attempts(("::1", 0, 0.1, "ECONNREFUSED"), ("127.0.0.1", 0.1, 0.3, "ok")),
    ],
    ids=["unknown", "one address", "all failed", "the first won", "refused at once"],
)
def test_no_alarm_where_no_address_cost_anything(tried):
    assert found(RULE, handing_off(tried)) == []
