from __future__ import annotations

from findings_building import found
from trace_building import MS, call, server

from tracekit import attributes as a

RULE = "slow-client"


def served(total, parent=None, **facts):
    names = {"held": a.BODY_CONSUMER, "first": a.BODY_FIRST_CHUNK, "waited": a.REQUEST_BODY_WAIT}
    attributes = {names[name]: ms * MS for name, ms in facts.items()}
    if "waited" in facts:
        attributes |= {a.REQUEST_BODY: [0, facts["waited"] * MS], a.REQUEST_BODY_BYTES: 2_000_000}
    return server("in", 0, total, parent, attributes=attributes)


def test_a_client_that_reads_slowly_is_named_with_what_it_held():
    (finding,) = found(RULE, [served(500, first=20, held=400)])

    assert finding.title == "The client of api reads slowly"
    assert (finding.cost_ns, finding.saving_ns) == (400 * MS, None)
    assert "held for 400 ms of the response's 480 ms" in finding.evidence[0]


def test_it_costs_no_more_than_the_response_took():
    (finding,) = found(RULE, [served(500, first=450, held=400)])

    assert finding.cost_ns == 50 * MS


def test_a_client_that_sends_slowly_is_named():
    (finding,) = found(RULE, [served(500, waited=300)])

    assert finding.title == "The client of api sends its request slowly"
    assert finding.cost_ns == 300 * MS
    assert "of 2,000,000 bytes" in finding.evidence[0]


def test_what_a_traced_client_sends_slowly_is_told_on_its_side():
    root = server("in", 0, 600, service="front")
    out = call(0, 550, root, {"send": (0, 300), "wait": (300, 550)}, service="front")

    assert found(RULE, [root, out, served(500, out, waited=300)]) == []


def test_a_client_that_keeps_up_is_innocent():
    assert found(RULE, [served(500, first=20, held=40, waited=30)]) == []
