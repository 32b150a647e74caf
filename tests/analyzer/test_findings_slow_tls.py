from __future__ import annotations

from findings_building import found, handled
from trace_building import MS, attempts, call

from tracekit import attributes as a

RULE = "slow-tls"


def shaking_hands(tls, *, connect=1.0, setup=0.0, recorded=True, **more):
    begin = 10 + connect
    phases = {"tls": (begin, begin + tls), "wait": (begin + tls, begin + tls + 10)}
    if recorded:
        phases["connect"] = (10, begin)
    tried = attempts(("192.0.2.1", 0, connect, "ok")) if recorded else {}
    attributes = {a.TLS_SETUP: round(setup * MS), **tried, **more}
    return lambda root: call(10, begin + tls + 10, root, phases, attributes=attributes)


def test_a_slow_handshake_is_told_from_the_set_up_before_it():
    (finding,) = found(RULE, handled(400, shaking_hands(200, setup=2)))

    assert finding.title == "The TLS handshake with back:80 is slow"
    assert (finding.cost_ns, finding.saving_ns) == (198 * MS, 198 * MS)
    assert finding.evidence[0] == (
        "TLS with back:80 took 200 ms: the handshake 198 ms, "
        "loading certificates before it 2.00 ms."
    )


def test_a_set_up_whose_beginning_was_worked_out_is_said_to_be():
    (finding,) = found(RULE, handled(100, shaking_hands(24, setup=21, **{a.DERIVED: ["tls"]})))

    assert any("is worked out" in sentence for sentence in finding.evidence)


def test_loading_certificates_for_each_connection_is_named_as_such():
    (finding,) = found(RULE, handled(100, shaking_hands(24, setup=21)))

    assert finding.title == "Loading certificates for back:80 is slow"
    assert finding.cost_ns == 21 * MS
    assert any("ssl.create_default_context()" in line for line in finding.fix)


def test_when_both_are_slow_both_are_counted():
    (finding,) = found(RULE, handled(400, shaking_hands(200, setup=21)))

    assert finding.cost_ns == 200 * MS


def test_a_handshake_that_was_not_resumed_says_so():
    (finding,) = found(RULE, handled(400, shaking_hands(200, **{a.TLS_RESUMED: False})))

    assert any("not resumed" in sentence for sentence in finding.evidence)


def test_a_far_server_is_not_a_slow_handshake():
    assert found(RULE, handled(600, shaking_hands(200, connect=100))) == []


def test_a_handshake_on_the_same_machine_is_no_finding():
    assert found(RULE, handled(100, shaking_hands(3, connect=0.1))) == []


def test_without_a_recorded_connect_only_a_very_slow_one_is_named():
    assert found(RULE, handled(400, shaking_hands(90, recorded=False))) == []
    assert len(found(RULE, handled(400, shaking_hands(120, recorded=False)))) == 1


def test_where_no_address_was_recorded_the_connect_phase_is_the_round_trip():
    def of(connect, tls):
        phases = {"connect": (10, 10 + connect), "tls": (10 + connect, 10 + connect + tls)}
        return handled(900, lambda root: call(10, 10 + connect + tls, root, phases))

    assert found(RULE, of(150, 301)) == []
    (finding,) = found(RULE, of(10, 60))
    assert "The TCP connect, one round trip, took 10.0 ms; a handshake needs one or two." in (
        finding.evidence
    )


def test_a_set_up_longer_than_the_phase_is_not_believed():
    (finding,) = found(RULE, handled(400, shaking_hands(50, setup=500)))

    assert finding.cost_ns == 50 * MS
