from __future__ import annotations

import pytest
from findings_building import found, handled, opened
from trace_building import MS, call

from tracekit import attributes as a

RULE = "pool-too-small"


def opening(start, end=None, *, discards=None, **more):
    attributes = opened(**{a.POOL_DISCARDS: discards, a.CLIENT_REQUESTS: 3, **more})
    phases = {"connect": (start, start + 20), "wait": (start + 20, start + 40)}
    return lambda root: call(start, end or start + 40, root, phases, attributes=attributes)


def waiting(start, wait, end, **more):
    attributes = {a.CONNECTION_STATE: "reused", a.CLIENT_LIBRARY: "httpx", **more}
    phases = {"pool": (start, start + wait), "wait": (start + wait, end)}
    return lambda root: call(start, end, root, phases, attributes=attributes)


def test_a_connection_opened_after_one_was_discarded_is_the_cost_and_the_pool_the_place():
    spans = handled(200, opening(10, discards=1), opening(60, discards=2))
    (finding,) = found(RULE, spans)

    assert finding.title == "The pool of connections to back:80 is too small"
    assert (finding.cost_ns, finding.saving_ns) == (20 * MS, 20 * MS)
    assert finding.evidence[1] == (
        "Sure: the pool had thrown 2 connections away because it was full."
    )
    assert finding.where == "app.py:7"
    assert "pool_maxsize=10" in finding.fix[0]


def test_what_a_call_or_its_neighbours_threw_away_themselves_is_no_loss_yet():
    side_by_side = opening(10), opening(10, discards=1), opening(10, discards=2)

    assert found(RULE, handled(100, *side_by_side)) == []


def test_discards_that_this_requests_calls_cannot_have_made_came_before():
    (finding,) = found(RULE, handled(100, opening(10, discards=7)))

    assert finding.cost_ns == 20 * MS


def test_the_size_to_choose_follows_how_many_calls_ran_at_once():
    burst = [opening(60 + n, discards=9) for n in range(12)]
    (finding,) = found(RULE, handled(200, opening(10, discards=1), *burst))

    assert "pool_maxsize=24" in finding.fix[0]
    assert finding.evidence[1].endswith("12 calls of this request ran at once.")


def test_a_wait_that_ends_when_another_call_ends_is_sure():
    spans = handled(100, waiting(10, 0.1, 50), waiting(10, 41, 90))
    (finding,) = found(RULE, spans)

    assert finding.cost_ns == 40 * MS or finding.cost_ns == 41 * MS
    assert finding.evidence[0].startswith("1 call waited for a free connection, 41.0 ms")
    assert (
        finding.evidence[1] == "Sure: each wait ended when another call of this request was done."
    )
    assert finding.fix[0] == (
        "httpx.Client(limits=httpx.Limits(max_connections=10))   # or AsyncClient"
    )


def test_a_wait_whose_end_nothing_here_explains_is_likely():
    (finding,) = found(RULE, handled(100, waiting(10, 41, 90)))

    assert finding.evidence[1].startswith("Likely: the connections were held by other requests'")


@pytest.mark.parametrize(
    "one",
    [
        waiting(10, 5, 90),
        waiting(10, 41, 90, **{a.CONNECTION_STATE: "joined"}),
        waiting(10, 41, 90, **{a.CONNECTION_STATE: "new", a.CLIENT_REQUESTS: 0}),
        opening(10),
    ],
    ids=["short", "HTTP/2 being opened", "a client's first call", "no discards"],
)
def test_what_only_looks_like_a_full_pool_is_innocent(one):
    assert found(RULE, handled(100, one)) == []
