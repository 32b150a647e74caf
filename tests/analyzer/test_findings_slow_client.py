from __future__ import annotations

from findings_building import found
from trace_building import MS, call, server

from tracekit import attributes as a

RULE = "slow-client"


def served(total, parent=None, size=2_000_000, **facts):
    names = {"held": a.BODY_CONSUMER, "first": a.BODY_FIRST_CHUNK, "waited": a.REQUEST_BODY_WAIT}
    attributes = {names[name]: ms * MS for name, ms in facts.items()}
    if "waited" in facts:
        attributes |= {a.REQUEST_BODY: [0, facts["waited"] * MS], a.REQUEST_BODY_BYTES: size}
    if "held" in facts:
        attributes[a.BODY_BYTES] = size
    return server("in", 0, total, parent, attributes=attributes)


def test_a_client_that_reads_slowly_is_named_with_what_it_held():
    (finding,) = found(RULE, [served(500, first=20, held=400)])

    assert finding.title == "The client of api reads slowly"
    assert (finding.cost_ns, finding.saving_ns) == (400 * MS, None)
    assert finding.evidence[0] == (
        "Measured: api was held for 400 ms of the response's 480 ms until its 2,000,000 bytes "
        "were taken."
    )


def test_it_costs_no_more_than_the_response_took():
    (finding,) = found(RULE, [served(500, size=1000, first=450, held=400)])

    assert finding.cost_ns == 50 * MS
    assert "was held for 50.0 ms of the response's 50.0 ms" in finding.evidence[0]


def test_a_client_that_sends_slowly_is_named():
    (finding,) = found(RULE, [served(500, waited=300)])

    assert finding.title == "The client of api sends its request slowly"
    assert finding.cost_ns == 300 * MS
    assert finding.evidence[0] == "Measured: api waited 300 ms for the request's 2,000,000 bytes."


def test_what_a_traced_client_sends_slowly_is_told_on_its_side():
    root = server("in", 0, 600, service="front")
    out = call(0, 550, root, {"send": (0, 300), "wait": (300, 550)}, service="front")

    assert found(RULE, [root, out, served(500, out, waited=300)]) == []


def test_a_client_that_keeps_up_is_innocent():
    assert found(RULE, [served(500, first=20, held=40, waited=30)]) == []


def test_a_large_body_takes_its_time_with_any_client():
    assert found(RULE, [served(500, size=8_000_001, first=20, held=400)]) == []
    assert found(RULE, [served(500, size=6_000_001, waited=300)]) == []
    assert len(found(RULE, [served(500, size=7_999_999, first=20, held=400)])) == 1
    assert len(found(RULE, [served(500, size=5_999_999, waited=300)])) == 1


def test_a_body_of_unknown_size_tells_nothing_of_its_client():
    assert found(RULE, [served(500, size=0, first=20, held=400)]) == []


def test_a_short_hold_is_not_worth_a_word_however_short_the_request():
    assert found(RULE, [served(60, size=1000, first=1, held=49)]) == []
    assert len(found(RULE, [served(60, size=1000, first=1, held=50)])) == 1
