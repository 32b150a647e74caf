from __future__ import annotations

import pytest
from trace_building import MS, UNANSWERED, call, server, span

from analyzer.analysis import analyze
from analyzer.span import Kind
from tracekit import attributes as a

PHASES = {"connect": (10, 30), "wait": (30, 88), "receive": (88, 90)}


def edge(*spans):
    (found,) = analyze(spans).edges
    return found


def traced_call(start=10, end=90, served=(40, 80), *, host="one-host", **more):
    root = server("in", 0, 100, service="front")
    out = call(start, end, root, PHASES, service="front", **more)
    back = server("in", *served, out, service="back", resource={a.HOST_ID: host})
    return [root, out, back]


def test_a_hand_off_is_the_clients_time_minus_the_servers():
    found = edge(*traced_call())

    assert (found.client, found.server, found.calls) == ("front", "back", 1)
    assert found.handoff_ns == 40 * MS
    assert found.connection_ns == 20 * MS


def test_a_tunnel_through_a_proxy_is_part_of_what_the_connection_cost():
    root = server("in", 0, 100, service="front")
    phases = {"connect": (10, 15), "proxy": (15, 40), "tls": (40, 50), "wait": (50, 90)}
    found = edge(root, call(10, 90, root, phases, service="front"))

    assert (found.proxy_ns, found.connection_ns) == (25 * MS, 40 * MS)


def test_without_a_server_span_no_hand_off_is_known():
    root = server("in", 0, 100, service="front")
    found = edge(root, call(10, 90, root, PHASES, service="front"))

    assert found.server == "back:80"
    assert (found.handoff_ns, found.connection_ns, found.network_ns) == (None, 20 * MS, 0)


def test_the_network_is_the_wait_in_which_the_server_was_not_at_work():
    assert edge(*traced_call()).network_ns == 18 * MS


def test_across_clocks_only_lengths_are_trusted():
    spans = traced_call(served=(12, 52), host="other")

    assert edge(*spans).network_ns == 18 * MS


@pytest.mark.parametrize(
    ("state", "new", "reused", "unknown"),
    [("new", 1, 0, 0), ("reused", 0, 1, 0), ("joined", 0, 1, 0), (None, 0, 0, 1), ("odd", 0, 0, 1)],
)
def test_calls_are_counted_by_how_they_got_their_connection(state, new, reused, unknown):
    found = edge(*traced_call(attributes={a.CONNECTION_STATE: state}))

    assert (found.new_connections, found.reused, found.unknown) == (new, reused, unknown)


def test_several_calls_are_summed():
    root = server("in", 0, 200, service="front")
    outs = [call(10 + at, 90 + at, root, {"wait": (20 + at, 80 + at)}, service="front")
            for at in (0, 100)]  # fmt: skip
    backs = [server("in", 30 + at, 70 + at, out, service="back")
             for at, out in zip((0, 100), outs, strict=True)]  # fmt: skip
    found = edge(root, *outs, *backs)

    assert (found.calls, found.wait_ns, found.handoff_ns) == (2, 120 * MS, 80 * MS)


def test_a_server_that_outlived_its_client_makes_no_negative_hand_off():
    root = server("in", 0, 100, service="front")
    out = call(10, 20, root, {"wait": (10, 20)}, service="front", **UNANSWERED)

    assert edge(root, out, server("in", 12, 90, out, service="back")).handoff_ns == 0


def test_a_call_recorded_by_two_layers_counts_once():
    root = server("in", 0, 100, service="front")
    outer = call(10, 90, root, service="front")
    inner = call(12, 88, outer, {"wait": (12, 88)}, service="front")

    assert edge(root, outer, inner).calls == 1


def test_a_database_is_named_by_its_system_where_it_has_no_address():
    root = server("in", 0, 100)
    query = span("SELECT", 10, 20, root, Kind.CLIENT, attributes={"db.system": "postgresql"})

    assert edge(root, query).server == "postgresql"


def test_the_most_expensive_hand_off_comes_first():
    root = server("in", 0, 100)
    cheap = call(10, 12, root, {"wait": (10, 12)})
    served = server("in", 11, 12, cheap, service="cheap")
    dear = call(30, 90, root, {"connect": (30, 80)}, attributes={a.SERVER_ADDRESS: "dear"})

    assert [e.server for e in analyze([root, cheap, served, dear]).edges] == ["dear:80", "cheap"]
