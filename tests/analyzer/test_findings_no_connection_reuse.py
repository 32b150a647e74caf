from __future__ import annotations

import pytest
from findings_building import Memory, found, handled, opened
from trace_building import EPOCH, MS, attempts, call, span

from tracekit import attributes as a

RULE = "no-connection-reuse"
MADE_ON_THE_LINE = {a.CLIENT_LINE: 41, a.CLIENT_FUNCTION: "forward", a.CLIENT_AGE: 100_000}
MADE_IN_THE_FUNCTION = {a.CLIENT_LINE: 40, a.CLIENT_FUNCTION: "forward", a.CLIENT_AGE: 5 * MS}


NAMELESS = {a.HOST_ID: "one-host"}


def calling(start, resource=None, **more):
    """A call of 40 ms of which 20 opened the connection."""
    phases = {"dns": (start, start + 2), "connect": (start + 2, start + 20),
              "wait": (start + 20, start + 40)}  # fmt: skip
    made_by = {} if resource is None else {"resource": resource}
    return lambda root: call(start, start + 40, root, phases, attributes=opened(**more), **made_by)


def reusing(start):
    return lambda root: call(start, start + 20, root, {"wait": (start, start + 20)},
                             attributes={a.CONNECTION_STATE: "reused"})  # fmt: skip


def test_a_client_made_on_the_line_of_the_call_is_proof_from_a_single_call():
    (finding,) = found(RULE, handled(100, calling(20, **MADE_ON_THE_LINE)))

    assert finding.title == "A new connection for every call to back:80"
    assert finding.cost_ns == 20 * MS
    assert finding.saving_ns == 20 * MS
    assert finding.where == "app.py:41 in forward()"
    assert finding.evidence[0] == "Opening 1 connection took 20.0 ms: dns 2.00 ms, connect 18.0 ms."
    assert finding.evidence[1].startswith("Sure: ")
    assert finding.fix[0] == "session = requests.Session()   # once, at module level"


def test_making_a_client_for_the_call_is_part_of_the_cost_and_of_the_saving():
    made = {**MADE_ON_THE_LINE, a.CLIENT_AGE: 1 * MS, a.CLIENT_SETUP: 8 * MS}
    (finding,) = found(RULE, handled(100, calling(20, **made)))

    assert finding.cost_ns == (20 + 8) * MS
    assert finding.saving_ns == (20 + 8) * MS
    assert finding.evidence[1] == "Making 1 client for that took 8.00 ms more."


def test_the_making_of_a_client_is_named_where_the_cost_shows_it():
    made = {**MADE_ON_THE_LINE, a.CLIENT_AGE: 1 * MS, a.CLIENT_SETUP: MS // 2}
    (finding,) = found(RULE, handled(100, calling(20, **made)))

    assert finding.cost_ns == 20.5 * MS
    assert finding.evidence[1] == "Making 1 client for that took 500 µs more."


def test_the_making_of_a_client_is_not_named_where_the_cost_does_not_show_it():
    made = {**MADE_ON_THE_LINE, a.CLIENT_AGE: 1 * MS, a.CLIENT_SETUP: MS // 100}
    (finding,) = found(RULE, handled(100, calling(20, **made)))

    assert finding.evidence[1].startswith("Sure: ")


def test_clients_made_at_the_same_time_by_several_threads_cost_that_time_once():
    made = {**MADE_ON_THE_LINE, a.CLIENT_AGE: 1 * MS, a.CLIENT_SETUP: 8 * MS}
    (finding,) = found(RULE, handled(100, calling(20, **made), calling(20, **made)))

    assert finding.saving_ns == (20 + 8) * MS


def test_a_client_made_in_the_calling_function_during_the_request_is_likely():
    (finding,) = found(RULE, handled(100, calling(20, **MADE_IN_THE_FUNCTION)))

    assert finding.evidence[1].startswith("Likely: the client was made 5.00 ms before the call")
    assert finding.where == "app.py:40 in forward()"


def test_it_is_innocent_once_the_store_has_seen_that_client_reuse():
    memory = Memory(new=2, reused=18)

    assert found(RULE, handled(100, calling(20, **MADE_IN_THE_FUNCTION)), memory) == []


def test_a_store_in_which_no_call_reused_is_proof():
    memory = Memory(new=38)
    (finding,) = found(RULE, handled(100, calling(20)), memory)

    assert finding.evidence[1] == (
        "Sure: in the store, 38 of 38 calls of this process from api to back:80 opened a new "
        "connection; none was reused."
    )


def test_calls_in_a_row_that_each_open_a_connection_are_proof_but_for_the_first():
    (finding,) = found(RULE, handled(200, calling(10), calling(60), calling(110)))

    assert finding.title == "A new connection for 2 of 3 calls to back:80"
    assert finding.cost_ns == 40 * MS
    assert "earlier call of this request had left a connection free" in finding.evidence[1]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({a.CLIENT_REQUESTS: 1}, "The client was kept and its connection was not"),
        ({a.CLIENT_REQUESTS: 0}, "had a client of its own"),
    ],
)
def test_it_says_why_the_connection_was_not_kept(more, words):
    (finding,) = found(RULE, handled(200, calling(10), calling(60, **more)))

    assert words in finding.evidence[1]


def test_a_kept_client_is_not_told_to_be_kept():
    (finding,) = found(RULE, handled(200, calling(10), calling(60, **{a.CLIENT_REQUESTS: 1})))

    assert "Session" not in " ".join(finding.fix)
    assert finding.fix[0].startswith("read every response to its end")


def test_a_connection_that_replaces_a_discarded_one_is_another_cause():
    assert found(RULE, handled(200, calling(10), calling(60, **{a.POOL_DISCARDS: 3}))) == []


def test_a_kept_client_that_was_used_long_ago_is_innocent_whatever_the_store_says():
    memory = Memory(new=38, last_used=EPOCH - 60_000 * MS)
    kept = {a.CLIENT_REQUESTS: 37, a.CLIENT_AGE: 3_600_000 * MS}

    assert found(RULE, handled(100, calling(20, **kept)), memory) == []
    assert len(found(RULE, handled(100, calling(20)), Memory(new=38))) == 1


def test_a_kept_client_that_was_used_just_now_is_not_acquitted_by_its_age():
    memory = Memory(new=38, last_used=EPOCH - 60 * MS)
    kept = {a.CLIENT_REQUESTS: 37, a.CLIENT_AGE: 3_600_000 * MS}

    assert len(found(RULE, handled(100, calling(20, **kept)), memory)) == 1


def test_the_part_that_is_an_address_tried_in_vain_is_stated():
    tried = attempts(("::1", 2, 15, "timeout"), ("127.0.0.1", 15, 20, "ok"))
    (finding,) = found(RULE, handled(100, calling(20, **MADE_ON_THE_LINE, **tried)))

    assert finding.evidence[-1] == (
        "13.0 ms of this is an address tried in vain, a cause of its own."
    )


@pytest.mark.parametrize(
    ("library", "line"),
    [
        ("httpx", "client = httpx.Client()"),
        ("httpx2", "client = httpx2.Client()"),
        ("urllib3", "session = requests.Session()"),
        ("aiohttp", "session = aiohttp.ClientSession()"),
        ("http.client", "urllib.request keeps no connection"),
        ("pycurl", "keep one client object"),
    ],
)
def test_the_fix_speaks_the_clients_language(library, line):
    spans = handled(100, calling(20, **MADE_ON_THE_LINE, **{a.CLIENT_LIBRARY: library}))
    (finding,) = found(RULE, spans)

    assert finding.fix[0].startswith(line)


def test_another_process_that_reuses_does_not_acquit_this_one():
    memory = Memory(new=6, others=[("after:200", 1, 5)])

    assert len(found(RULE, handled(100, calling(20)), memory)) == 1


def test_without_a_process_to_name_the_store_only_makes_it_likely():
    memory = Memory(new=38, process=None)
    (finding,) = found(RULE, handled(100, calling(20, NAMELESS)), memory)

    assert finding.evidence[1] == (
        "Likely: in the store, 38 of 38 calls from api to back:80 opened a new connection and none "
        "was reused; sure unless they came from several processes, which the spans do not tell."
    )


def test_without_a_process_to_name_a_free_connection_only_makes_it_likely():
    (finding,) = found(RULE, handled(200, calling(10, NAMELESS), calling(60, NAMELESS)))

    assert finding.evidence[1].startswith("Likely: an earlier call of this request had left a")


def test_each_process_of_a_service_is_judged_by_itself():
    other = {a.HOST_ID: "one-host", a.PROCESS_PID: 200}
    calls = calling(10), calling(60), calling(110, other), calling(160, other)

    titles = [finding.title for finding in found(RULE, handled(300, *calls))]

    assert titles == ["A new connection for 1 of 2 calls to back:80"] * 2


def test_the_first_calls_of_several_workers_are_innocent():
    workers = [(f"one-host:{pid}", 1, 0) for pid in (200, 300, 400)]

    assert found(RULE, handled(100, calling(20)), Memory(new=1, others=workers)) == []


def test_the_first_call_of_a_mended_process_is_innocent_of_what_came_before():
    before = [("one-host:99", 6, 0)]

    assert found(RULE, handled(100, calling(20)), Memory(new=1, others=before)) == []


@pytest.mark.parametrize(
    "replica",
    [
        {a.HOST_ID: "another-host", a.PROCESS_PID: 100},
        {a.HOST_ID: "one-host", a.PROCESS_PID: 200},
        {a.HOST_ID: "one-host", a.PROCESS_PID: 100, a.SERVICE_INSTANCE_ID: "second"},
    ],
    ids=["host", "pid", "instance"],
)
def test_two_replicas_that_take_part_in_one_request_share_no_connection(replica):
    assert found(RULE, handled(200, calling(10), calling(60, replica))) == []


def test_workers_that_were_given_one_instance_id_are_told_apart_by_their_process_id():
    pod = {a.SERVICE_INSTANCE_ID: "pod", a.HOST_ID: "one-host"}
    first, second = {**pod, a.PROCESS_PID: 100}, {**pod, a.PROCESS_PID: 200}

    assert found(RULE, handled(200, calling(10, first), calling(60, second))) == []


def test_a_script_that_is_run_many_times_and_calls_once_each_time_is_innocent():
    root = span("job", 0, 100)
    runs = [(f"one-host:{pid}", 1, 0) for pid in range(200, 230)]
    memory = Memory(new=1, others=runs)

    assert found(RULE, [root, calling(20, **MADE_ON_THE_LINE)(root)], memory) == []


def test_a_single_first_call_is_innocent():
    assert found(RULE, handled(100, calling(20))) == []


def test_a_single_first_call_is_innocent_while_the_store_knows_too_little():
    assert found(RULE, handled(100, calling(20)), Memory(new=2)) == []


def test_a_client_made_lazily_by_a_helper_is_innocent():
    lazy = {a.CLIENT_AGE: 1 * MS, a.CLIENT_FUNCTION: "get_client", a.CLIENT_LINE: 12}

    assert found(RULE, handled(100, calling(20, **lazy))) == []


def test_a_store_in_which_some_calls_reused_proves_nothing_against_one():
    assert found(RULE, handled(100, calling(20)), Memory(new=30, reused=8)) == []


def test_a_free_connection_taken_by_another_call_is_not_free():
    def taking_it(root):
        return call(55, 150, root, {"wait": (55, 150)}, attributes={a.CONNECTION_STATE: "reused"})

    assert found(RULE, handled(200, calling(10), taking_it, calling(60))) == []


def test_calls_side_by_side_need_a_connection_each():
    assert found(RULE, handled(100, calling(10), calling(12), calling(14))) == []


def test_calls_side_by_side_are_innocent_in_a_young_store_too():
    memory = Memory(new=3)

    assert found(RULE, handled(100, calling(10), calling(12), calling(14)), memory) == []


def test_calls_of_many_requests_side_by_side_are_innocent():
    memory = Memory(new=20, needless=0, first_calls=1)

    assert found(RULE, handled(100, calling(20)), memory) == []


def test_one_call_that_just_missed_a_free_connection_is_no_proof():
    assert found(RULE, handled(100, calling(20)), Memory(new=20, needless=1)) == []


def test_connections_opened_after_others_were_free_are_proof_also_of_calls_side_by_side():
    memory = Memory(new=5, needless=2)
    (finding,) = found(RULE, handled(100, calling(10), calling(12), calling(14)), memory)

    assert finding.evidence[1].startswith("Sure: in the store, 5 of 5 calls")


def test_a_client_for_every_one_of_many_requests_side_by_side_is_proof():
    memory = Memory(new=20, needless=0, first_calls=20)
    (finding,) = found(RULE, handled(100, calling(20, **MADE_IN_THE_FUNCTION)), memory)

    assert finding.evidence[1].startswith("Sure: in the store, 20 of 20 calls")


def test_the_clients_that_threads_side_by_side_are_given_may_be_kept():
    lazy = {a.CLIENT_AGE: 1 * MS, a.CLIENT_FUNCTION: "get_client", a.CLIENT_LINE: 12}
    memory = Memory(new=20, needless=0, first_calls=20)

    assert found(RULE, handled(100, calling(20, **lazy)), memory) == []


def test_reused_connections_are_innocent():
    assert found(RULE, handled(100, calling(10), reusing(60))) == []


def test_a_connection_that_idled_past_keep_alive_had_to_be_replaced():
    assert found(RULE, handled(9000, calling(10), calling(6000))) == []


def test_two_clients_of_one_process_may_open_one_connection_each():
    other = {a.CLIENT_FILE: "billing.py"}

    assert found(RULE, handled(200, calling(10), calling(60, **other))) == []


def test_a_failed_call_leaves_no_connection_behind():
    broken = calling(10, **{a.HTTP_STATUS: None})

    assert found(RULE, handled(200, broken, calling(60))) == []


@pytest.mark.parametrize(
    "tried",
    [attempts(("::1", 2, 20, "timeout")), {a.DNS_ERROR: "EAI_NONAME"}],
    ids=["no address", "no name"],
)
def test_a_connection_that_was_never_made_could_not_be_kept(tried):
    broken = calling(20, **MADE_ON_THE_LINE, **tried, **{a.HTTP_STATUS: None})

    assert found(RULE, handled(100, broken), Memory(new=6)) == []


def test_a_connection_that_could_not_be_made_beside_a_free_one_is_another_fault():
    tried = attempts(("::1", 2, 20, "timeout"))
    broken = calling(60, **tried, **{a.HTTP_STATUS: None})

    assert found(RULE, handled(200, calling(10), broken)) == []


def test_a_call_that_failed_after_it_had_connected_is_judged_as_any_other():
    tried = attempts(("::1", 2, 20, "ok"))
    late = calling(20, **MADE_ON_THE_LINE, **tried, **{a.HTTP_STATUS: None})

    assert len(found(RULE, handled(100, late))) == 1


def test_a_script_that_calls_once_has_nothing_to_reuse():
    root = span("job", 0, 100)

    assert found(RULE, [root, calling(20, **MADE_ON_THE_LINE)(root)]) == []


def test_what_costs_next_to_nothing_is_not_mentioned():
    def cheap(root):
        phases = {"connect": (20, 20.5), "wait": (20.5, 90)}
        return call(20, 90, root, phases, attributes=opened(**MADE_ON_THE_LINE))

    assert found(RULE, handled(100, cheap)) == []


def test_what_the_request_did_not_wait_for_costs_nothing():
    spans = handled(100, calling(20, **MADE_ON_THE_LINE))
    task = span("task", 15, 500, spans[0])
    spans[1] = calling(20, **MADE_ON_THE_LINE)(task)

    assert found(RULE, [*spans, task]) == []
