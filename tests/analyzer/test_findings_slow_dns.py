from __future__ import annotations

import pytest
from findings_building import found, handled
from trace_building import MS, call

from tracekit import attributes as a

RULE = "slow-dns"


def looking_up(ns, start=10, **more):
    phases = {"dns": (start, start + ns), "wait": (start + ns, start + ns + 10)}
    attributes = {a.DNS_HOST: "db.internal", **more}
    return lambda root: call(start, start + ns + 10, root, phases, attributes=attributes)


def test_a_slow_look_up_is_named_with_its_cost_and_what_it_is_part_of():
    (finding,) = found(RULE, handled(400, looking_up(200)))

    assert finding.title == 'Looking up "db.internal" is slow'
    assert (finding.cost_ns, finding.saving_ns, finding.share) == (200 * MS, 200 * MS, 0.5)
    assert finding.evidence[0] == 'The look-up of "db.internal" took 200 ms.'
    assert "contained in what missing connection reuse costs" in finding.evidence[-1]


def test_five_seconds_are_the_resolvers_time_out():
    (finding,) = found(RULE, handled(6000, looking_up(5010)))

    assert any("time-out" in sentence for sentence in finding.evidence)


def test_a_failed_look_up_says_so():
    (finding,) = found(RULE, handled(400, looking_up(200, **{a.DNS_ERROR: "EAI_AGAIN"})))

    assert "It failed: EAI_AGAIN." in finding.evidence


def test_several_slow_look_ups_of_one_name_are_one_finding():
    (finding,) = found(RULE, handled(900, looking_up(200), looking_up(300, start=300)))

    assert finding.cost_ns == 500 * MS
    assert "the longest of 2 slow look-ups" in finding.evidence[0]


def test_the_call_site_is_shown():
    site = {a.CODE_FILE: "app.py", a.CODE_LINE: 9, a.CODE_FUNCTION: "load"}
    (finding,) = found(RULE, handled(400, looking_up(200, **site)))

    assert finding.where == "app.py:9 in load()"


@pytest.mark.parametrize("ms", [0.1, 5, 19.9])
def test_an_ordinary_look_up_is_no_finding(ms):
    assert found(RULE, handled(100, looking_up(ms))) == []


def test_it_says_how_many_look_ups_of_how_many_were_slow():
    quick, slow = looking_up(1, start=250), looking_up(200)
    (one_of_two,) = found(RULE, handled(900, slow, quick))
    (only,) = found(RULE, handled(400, slow))

    said = "look-ups of it in this request took 20.0 ms or more."
    assert one_of_two.evidence[1] == f"1 of 2 {said}"
    assert only.evidence[1] == "1 of 1 look-up of it in this request took 20.0 ms or more."


def test_another_names_look_ups_do_not_count():
    other = looking_up(1, start=250, **{a.DNS_HOST: "mail.internal"})
    (finding,) = found(RULE, handled(900, looking_up(200), other))

    assert finding.evidence[1].startswith("1 of 1 look-up of it")


def test_a_resolver_is_to_blame_for_a_name_of_the_network():
    (finding,) = found(RULE, handled(400, looking_up(200)))

    assert "caching resolver" in finding.fix[0]
    assert '"db.internal."' in finding.fix[1]


@pytest.mark.parametrize("host", ["localhost", "Localhost.", "app.localhost", "127.0.0.1", "::1"])
def test_no_resolver_is_to_blame_for_the_machine_itself_or_an_address(host):
    (finding,) = found(RULE, handled(400, looking_up(21, **{a.DNS_HOST: host})))

    advice = " ".join(finding.fix)
    assert "resolver" not in advice
    assert "ndots" not in advice
    assert finding.fix[0] == "keep connections: a kept one needs no look-up"
