"""What a request waited before a service took it up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from trace_building import MS, call, server

from analyzer.analysis import analyze
from tracekit import attributes as a

ELSEWHERE = {a.HOST_ID: "other-host", a.PROCESS_PID: 7}


def queued(ms, **more):
    return {"attributes": {a.QUEUE: round(ms * MS), a.QUEUE_SOURCE: "tcp_info"}, **more}


def request(*served, wait=(10, 90)):
    """A call that waits; *served* are (start, end, fields) of the servers that it reached."""
    root = server("in", 0, 100, service="front")
    out = call(5, 95, root, {"send": (5, 10), "wait": wait}, service="front")
    return [root, out, *(server("in", s, e, out, service="back", **more) for s, e, more in served)]


def stages(spans):
    report = analyze(spans)
    assert sum(stage.ns for stage in report.stages) == report.total_ns
    return {(s.service, s.kind): s.ns / MS for s in report.stages}


def test_the_queue_is_cut_from_the_network():
    spans = request((60, 85, queued(40)))
    found = stages(spans)

    assert (found["front", "queue"], found["front", "network"]) == (40, 15)
    (edge,) = analyze(spans).edges
    assert (edge.queue_ns, edge.network_ns) == (40 * MS, 55 * MS)


def test_a_queue_is_never_longer_than_the_wait_leaves():
    found = stages(request((60, 85, queued(10_000))))

    assert (found["front", "queue"], found["front", "network"]) == (50, 5)


def test_on_two_clocks_it_takes_what_is_left_after_the_servers_span_as_well():
    spans = request((40, 60, queued(50, resource=ELSEWHERE)))
    found = stages(spans)

    assert (found["front", "queue"], found["front", "network"]) == (50, 10)


def test_while_another_server_of_the_call_was_at_work_it_was_in_no_queue():
    (edge,) = analyze(request((20, 50, {}), (60, 85, queued(40)))).edges

    assert (edge.queue_ns, edge.network_ns) == (10 * MS, 25 * MS)


def test_without_a_queue_nothing_is_said_of_one():
    assert ("front", "queue") not in stages(request((60, 85, {})))


def test_a_roots_queue_is_beside_the_total():
    report = analyze([server("in", 0, 100, **queued(208))])

    assert (report.total_ns, report.queued_before_ns) == (100 * MS, 208 * MS)
    assert [(s.stage, s.ns) for s in report.stages] == [("own time", 100 * MS)]


def test_the_queue_of_a_service_that_was_called_is_not_before_the_request():
    assert analyze(request((60, 85, queued(40)))).queued_before_ns == 0


times = st.tuples(st.integers(0, 110), st.integers(0, 110)).map(sorted)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(times, st.integers(-5, 200), st.booleans()), max_size=3),
    times,
)
def test_whatever_the_servers_say_the_stages_sum_and_the_queue_fits_the_wait(served, wait):
    made = [
        (start, end, queued(queue, **({"resource": ELSEWHERE} if far else {})))
        for (start, end), queue, far in served
    ]
    spans = request(*made, wait=tuple(wait))
    found = stages(spans)
    (edge,) = analyze(spans).edges

    assert 0 <= found.get(("front", "queue"), 0) <= edge.wait_ns / MS
    assert 0 <= edge.queue_ns <= edge.network_ns <= edge.wait_ns
