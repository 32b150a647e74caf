from __future__ import annotations

from dataclasses import replace

import pytest
from store_building import START, TRACE, span

from analyzer.analysis import analyze
from analyzer.errors import AmbiguousRequest, NoSuchRequest
from analyzer.requests import ProcessReuse, load, recent, resolve, reuse_history, short_id
from analyzer.span import Kind, Span, Status
from analyzer.store import open_store

# Two UUIDv7 of one minute: the first eight characters are the same.
FIRST = "0198c0de-1111-7000-8000-00005961b2a5"
SECOND = "0198c0de-2222-7000-8000-00004b7cf7eb"
TRACES = [f"{number:x}" * 32 for number in range(10, 16)]


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "t.duckdb", create=True) as opened:
        yield opened


@pytest.fixture
def filled(store):
    store.insert(
        [
            span(1, request_id=FIRST, trace_id=TRACES[0], end_ns=START + 9_000_000),
            span(2, request_id=SECOND, trace_id=TRACES[1]),
            span(3, trace_id=TRACES[2]),
        ]
    )
    return store


def ids(spans) -> list[str]:
    return [found.span_id[-1] for found in spans]


def test_a_request_is_all_spans_with_its_id_and_all_spans_of_their_traces(store):
    store.insert(
        [
            span(1, request_id="r-1", trace_id=TRACES[0]),
            span(2, trace_id=TRACES[0]),  # a service that passed on only traceparent
            span(3, request_id="r-1", trace_id=TRACES[1]),  # one that passed on only the request ID
            span(4, trace_id=TRACES[1]),
            span(5, request_id="r-2", trace_id=TRACES[2]),
        ]
    )

    assert ids(load(store, "r-1")) == ["1", "2", "3", "4"]


def test_a_trace_without_a_request_id_is_a_request_under_its_trace_id(filled):
    assert resolve(filled, TRACES[2].upper()) == TRACES[2]
    assert ids(load(filled, TRACES[2])) == ["3"]


def test_a_span_sent_twice_in_different_bodies_is_loaded_twice_and_counted_once(store):
    store.insert([span(1)], "one")
    store.insert([span(1)], "other")

    assert ids(load(store, span(1).trace_id)) == ["1", "1"]
    assert recent(store)[0].spans == 1


@pytest.mark.parametrize(
    "text", [FIRST, FIRST.upper(), TRACES[0], "0198c0de-11", "5961b2a5", "61B2A5", "aaaa"]
)
def test_a_request_is_known_by_its_id_its_trace_and_what_begins_or_ends_them(filled, text):
    assert resolve(filled, text) == FIRST


def test_what_list_shows_is_accepted(filled):
    assert [resolve(filled, short_id(key)) for key in (FIRST, SECOND, TRACES[2])] == [
        FIRST,
        SECOND,
        TRACES[2],
    ]
    assert short_id(FIRST) == "5961b2a5"
    assert short_id("order-17") == "order-17"


@pytest.mark.parametrize("text", ["5961", "5961B", "4b7cf7e"])
def test_what_begins_the_short_form_is_accepted(filled, text):
    assert resolve(filled, text) == (FIRST if text.startswith("5961") else SECOND)


def test_the_beginning_of_an_id_counts_before_that_of_a_short_form_and_that_before_an_end(store):
    begins, shown, ends = "c341-1", "0198c0de-1111-7000-8000-0000c341f09b", "1-2-c341"
    store.insert([span(1, request_id=shown, trace_id=TRACES[1])])
    store.insert([span(2, request_id=ends, trace_id=TRACES[2])])
    assert resolve(store, "c341") == shown

    store.insert([span(3, request_id=begins, trace_id=TRACES[3])])
    assert resolve(store, "c341") == begins


@pytest.mark.parametrize("length", [8, 20, 21, 36, 128])
def test_the_short_form_of_an_id_of_any_length_is_accepted(store, length):
    one, other = ("0123456789" * 13)[:length], "x" * (length - 1) + "y"
    store.insert(
        [span(1, request_id=one, trace_id=TRACES[0]), span(2, request_id=other, trace_id=TRACES[1])]
    )

    for key in (one, other):
        assert len(short_id(key)) <= 20
        assert resolve(store, short_id(key)) == resolve(store, short_id(key)[:5]) == key


def test_a_beginning_counts_before_an_end(store):
    store.insert(
        [
            span(1, request_id="abcd-1", trace_id=TRACES[0]),
            span(2, request_id="1-abcd", trace_id=TRACES[1]),
        ]
    )

    assert resolve(store, "abcd") == "abcd-1"


def test_a_trace_with_two_request_ids_means_the_outer_one(store):
    store.insert([span(2, request_id="inner"), span(1, request_id="outer")])

    assert resolve(store, span(1).trace_id) == "outer"


def test_the_part_of_a_service_that_got_a_trace_but_no_id_is_not_listed_as_a_request(store):
    outer = span(1, request_id="outer")
    store.insert([outer, span(2, request_id="inner", parent_id=outer.span_id)])

    assert [row.request_id for row in recent(store)] == ["outer"]
    assert ids(load(store, resolve(store, "inner"))) == ["1", "2"]


def test_latest_began_last_and_slowest_took_longest(filled):
    assert resolve(filled, "latest") == TRACES[2]
    assert resolve(filled, "slowest") == FIRST


@pytest.mark.parametrize(("older", "latest"), [(59, FIRST), (61, TRACES[1])])
def test_a_request_without_a_root_is_latest_only_where_no_other_of_a_minute_has_one(
    store, older, latest
):
    start = START + older * 1_000_000_000
    rootless = span(9, trace_id=TRACES[1], parent_id="f" * 16, start_ns=start, end_ns=start + 9)
    store.insert([rootless])
    assert resolve(store, "latest") == TRACES[1]

    whole = span(1, request_id=FIRST, trace_id=TRACES[0], start_ns=START, end_ns=START + 1)
    store.insert([whole, span(2, trace_id=TRACES[0], parent_id=whole.span_id, start_ns=START)])
    assert resolve(store, "latest") == latest


def test_a_request_without_a_root_is_slowest_if_what_is_seen_of_it_is_longest(filled):
    filled.insert([span(9, trace_id=TRACES[3], parent_id="f" * 16, end_ns=START + 90_000_000)])

    assert resolve(filled, "slowest") == TRACES[3]


@pytest.fixture
def shared(store):
    """Two requests in the trace of a caller whose own spans go elsewhere."""
    one = span(1, request_id="r-1", parent_id="f" * 16)
    other = span(5, request_id="r-2", parent_id="f" * 16)
    store.insert(
        [
            one,
            span(2, parent_id=one.span_id),  # a service that gave no ID
            span(3, request_id="given", parent_id=one.span_id),  # one that got no ID and gave one
            other,
            span(6, request_id="r-2", parent_id=other.span_id),
        ]
    )
    return store


def test_requests_of_a_caller_that_is_traced_elsewhere_share_a_trace_and_no_span(shared):
    assert ids(load(shared, "r-1")) == ["1", "2", "3"]
    assert ids(load(shared, "r-2")) == ["5", "6"]


@pytest.mark.parametrize("text", [TRACE.upper(), TRACE[:8], TRACE[-8:]])
def test_their_trace_as_a_whole_is_found_by_its_own_id(shared, text):
    assert resolve(shared, text) == TRACE
    assert ids(load(shared, TRACE)) == ["1", "2", "3", "5", "6"]


def test_an_id_that_a_service_gave_to_its_part_finds_the_request(shared):
    assert resolve(shared, "given") == "r-1"
    assert [row.request_id for row in recent(shared)] == ["r-2", "r-1"]


def test_an_id_means_its_own_request_before_one_that_has_it_inside(store):
    job = span(5, trace_id=TRACES[1], request_id="job")
    called_back = span(6, trace_id=TRACES[1], request_id="r-1", parent_id=job.span_id)
    store.insert([span(1, trace_id=TRACES[0], request_id="r-1"), job, called_back])

    assert resolve(store, "r-1") == "r-1"
    assert ids(load(store, "r-1")) == ["1"]
    assert ids(load(store, "job")) == ["5", "6"]


def test_what_has_no_request_id_in_a_shared_trace_is_in_no_row(shared):
    shared.insert([span(9, parent_id="e" * 16)])

    assert ids(load(shared, "r-2")) == ["5", "6"]
    assert [(row.request_id, row.spans) for row in recent(shared)] == [("r-2", 2), ("r-1", 3)]


def test_work_that_outlives_a_request_without_a_root_is_not_in_its_length(store):
    top = span(1, request_id=FIRST, parent_id="f" * 16)
    store.insert([top, span(2, parent_id=top.span_id, end_ns=START + 10_000_000_000)])

    assert [row.duration_ns for row in recent(store)] == [500_000]


def test_a_root_without_an_id_has_the_first_id_that_was_given(store):
    root = span(1, service="gateway")
    parts = (span(3, request_id="r-2"), span(2, request_id="r-1"))
    store.insert([root, *(replace(part, parent_id=root.span_id) for part in parts)])

    assert [(row.request_id, row.service) for row in recent(store)] == [("r-1", "gateway")]
    assert resolve(store, "r-2") == "r-1"


def test_each_of_them_is_listed_with_its_own_extent(store):
    numbers = {"r-1": (1, 2), "r-2": (5, 6)}
    store.insert(
        span(number, request_id=request, parent_id="f" * 16)
        for request, pair in numbers.items()
        for number in pair
    )

    extents = {row.request_id: (row.start_ns, row.duration_ns, row.spans) for row in recent(store)}
    assert extents["r-1"] == (START + 1_000_000, 1_500_000, 2)
    assert extents["r-2"] == (START + 5_000_000, 1_500_000, 2)


def test_a_root_in_the_store_makes_a_shared_trace_one_request(shared):
    shared.insert([span(15, request_id="outer", span_id="f" * 16)])

    assert ids(load(shared, "r-2")) == ["1", "2", "3", "5", "6", "f"]
    assert [row.request_id for row in recent(shared)] == ["outer"]


def test_an_unknown_request_names_the_store_its_time_and_the_nearest(filled):
    with pytest.raises(NoSuchRequest) as caught:
        resolve(filled, "5961b2xx")

    message = str(caught.value)
    assert 'no request "5961b2xx" in' in message
    assert "t.duckdb (3 requests, 2025-10-" in message
    assert "Nearest: 5961b2a5" in message


def test_an_id_of_the_same_minute_is_not_near(filled):
    with pytest.raises(NoSuchRequest) as caught:
        resolve(filled, "0198c0de-1111-7000-8000-0000ffffffff")

    assert "Nearest" not in str(caught.value)


def test_the_nearest_are_named_by_their_short_form(filled):
    with pytest.raises(NoSuchRequest, match=r"Nearest: 5961b2a5\.$"):
        resolve(filled, FIRST.replace("1111", "3333"))


@pytest.mark.parametrize("text", ["caf\udce9", "\udcff\udcff\udcff\udcff", "caf\x00e"])
def test_a_text_that_no_encoding_carries_is_an_unknown_request(filled, text):
    with pytest.raises(NoSuchRequest, match="no request"):
        resolve(filled, text)
    assert recent(filled, service=text) == []


def test_an_ambiguous_beginning_lists_the_candidates(filled):
    with pytest.raises(AmbiguousRequest, match=r'"0198c0de" fits 2 requests: 4b7cf7eb, 5961b2a5\.'):
        resolve(filled, "0198c0de")


def test_many_candidates_are_counted_but_not_all_listed(store):
    store.insert([span(n, request_id=f"same-{n:03}", trace_id=f"{n:032x}") for n in range(1, 31)])

    with pytest.raises(AmbiguousRequest, match=r"fits 30 requests: same-030, .*, …\. Give more"):
        resolve(store, "same")


def test_candidates_with_one_short_form_are_listed_whole(store):
    one, other = "a" * 20 + "-12345678", "b" * 20 + "-12345678"
    store.insert(
        [span(1, request_id=one, trace_id=TRACES[0]), span(2, request_id=other, trace_id=TRACES[1])]
    )

    with pytest.raises(AmbiguousRequest, match=f"{other}, {one}"):
        resolve(store, "12345678")


@pytest.mark.parametrize("text", ["", "0", "019"])
def test_less_than_four_characters_are_too_few(filled, text):
    with pytest.raises(NoSuchRequest, match="at least 4"):
        resolve(filled, text)


def test_a_short_id_given_whole_is_found(store):
    store.insert([span(1, request_id="7")])

    assert resolve(store, "7") == "7"


@pytest.mark.parametrize("text", ["latest", "slowest", "abcd"])
def test_an_empty_store_has_no_request(store, text):
    with pytest.raises(NoSuchRequest):
        resolve(store, text)


def test_a_row_says_what_the_root_is_and_what_connections_cost(store):
    store.insert(
        [
            span(
                1,
                request_id="r-1",
                service="stt",
                name="POST",
                kind=Kind.SERVER,
                end_ns=START + 8_000_000,
                attributes={
                    "http.request.method": "POST",
                    "http.route": "/hear",
                    "http.response.status_code": 502,
                },
                resource={"tracekit.label": "before", "service.version": "1.2"},
            ),
            span(
                2,
                parent_id=f"{1:016x}",
                service="tts",
                attributes={"tracekit.phase.dns": [0, 30], "tracekit.phase.tls": [50, 90]},
            ),
        ]
    )

    (row,) = recent(store)

    assert (row.request_id, row.service, row.name, row.status) == ("r-1", "stt", "POST /hear", 502)
    assert (row.duration_ns, row.connection_ns, row.spans) == (7_000_000, 70, 2)
    assert (row.services, row.label, row.version) == (("stt", "tts"), "before", "1.2")
    assert row.error


EARLY = START - 3_600_000_000_000
ROOT = f"{1:016x}"


def behind_clock(request_id: str, trace_id: str, parent: str = ROOT) -> Span:
    """Return a called service's span, with a clock an hour behind."""
    times = {"start_ns": EARLY, "end_ns": EARLY + 100}
    return span(8, **times, request_id=request_id, trace_id=trace_id, parent_id=parent)


def test_a_request_begins_when_its_root_does_whatever_the_other_clocks_say(store):
    store.insert(
        [
            span(1, request_id="older", trace_id=TRACES[0]),
            span(2, request_id="newer", trace_id=TRACES[1]),
            behind_clock("newer", TRACES[1], parent=f"{2:016x}"),
        ]
    )

    assert [row.request_id for row in recent(store, since_ns=START)] == ["newer", "older"]
    assert recent(store)[0].start_ns == span(2).start_ns
    assert resolve(store, "latest") == "newer"


def test_a_request_with_a_root_does_not_begin_with_an_orphan(store):
    store.insert([span(1), behind_clock(None, span(1).trace_id, parent="f" * 16)])

    (row,) = recent(store)

    assert (row.start_ns, row.duration_ns) == (span(1).start_ns, 500_000)


def test_a_request_without_a_root_is_as_long_as_what_was_seen_of_it(store):
    store.insert([span(number, parent_id="f" * 16) for number in (4, 1)])

    (row,) = recent(store)

    assert (row.start_ns, row.duration_ns) == (span(1).start_ns, 3_500_000)


def test_a_trace_with_two_request_ids_means_the_outer_one_also_when_clocks_differ(store):
    store.insert([span(1, request_id="outer"), behind_clock("inner", span(1).trace_id)])

    assert resolve(store, span(1).trace_id) == "outer"


def test_several_roots_last_from_the_first_start_to_the_last_end(store):
    store.insert([span(1, request_id="r-1"), span(4, request_id="r-1", trace_id=TRACES[0])])

    assert recent(store)[0].duration_ns == 3_500_000


def test_several_roots_are_not_longer_for_work_that_nobody_waits_for(store):
    later = {"request_id": "r-1", "end_ns": START + 60_000_000_000}
    store.insert(
        [
            span(1, request_id="r-1"),
            span(4, request_id="r-1", trace_id=TRACES[0]),
            span(5, trace_id=TRACES[0], parent_id=f"{4:016x}", **later),
        ]
    )

    (row,) = recent(store)

    assert row.duration_ns == 3_500_000 == analyze(load(store, "r-1")).total_ns


def test_a_part_joined_by_its_request_id_leaves_the_total_that_the_analysis_finds(store):
    whole = {"request_id": "r-1", "end_ns": START + 90_000_000}
    part = {"request_id": "r-1", "trace_id": TRACES[0], "service": "tts"}
    store.insert(
        [
            span(1, kind=Kind.SERVER, **whole),
            span(2, kind=Kind.CLIENT, parent_id=ROOT, **whole),
            span(3, kind=Kind.SERVER, end_ns=START + 80_000_000, **part),
            span(4, parent_id=f"{3:016x}", end_ns=START + 60_000_000_000, **part),
        ]
    )

    (row,) = recent(store)
    report = analyze(load(store, "r-1"))

    assert row.duration_ns == 89_000_000 == report.total_ns
    assert row.start_ns == report.start_unix_ns


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["r-3", "r-2", "r-1"]),
        ({"limit": 2}, ["r-3", "r-2"]),
        ({"limit": None}, ["r-3", "r-2", "r-1"]),
        ({"since_ns": START + 2_000_000}, ["r-3", "r-2"]),
        ({"until_ns": START + 2_000_000}, ["r-1"]),
        ({"service": "tts"}, ["r-2"]),
        ({"min_duration_ns": 500_001}, ["r-3"]),
        ({"errors": True}, ["r-1"]),
        ({"label": "before"}, ["r-1"]),
        ({"version": "2"}, ["r-3"]),
        ({"service": "tts", "errors": True}, []),
    ],
)
def test_requests_are_listed_newest_first_and_filtered(store, filters, expected):
    store.insert(
        [
            span(
                1,
                request_id="r-1",
                trace_id=TRACES[0],
                status=Status.ERROR,
                resource={"tracekit.label": "before"},
            ),
            span(2, request_id="r-2", trace_id=TRACES[1], service="tts"),
            span(
                3,
                request_id="r-3",
                trace_id=TRACES[2],
                end_ns=START + 9_000_000,
                resource={"service.version": "2"},
            ),
        ]
    )

    assert [row.request_id for row in recent(store, **filters)] == expected


def call(number: int, state: str | None, **attributes) -> object:
    known = {} if state is None else {"tracekit.connection.state": state}
    target = {"server.address": "tts.local", "server.port": 80}
    return span(number, kind=Kind.CLIENT, attributes={**target, **known, **attributes})


def test_reuse_is_counted_over_all_calls_to_one_target(store):
    tried = {
        "tracekit.connect.addresses": ["::1", "127.0.0.1"],
        "tracekit.connect.outcomes": ["timeout", "ok"],
    }
    nonsense = {"tracekit.connect.addresses": 5, "tracekit.connect.outcomes": "x"}
    store.insert(
        [
            call(1, "new", **tried),
            call(2, "new", **tried),
            call(3, "reused"),
            call(4, "joined"),
            call(5, None, **nonsense),
            call(6, "new", **{"server.port": 81}),
        ]
    )

    reuse = reuse_history(store, "shop", "tts.local:80")

    assert (reuse.calls, reuse.new, reuse.reused, reuse.unknown) == (5, 2, 2, 1)
    assert reuse.failed_attempts == {"::1": 2}


def process_call(number: int, state: str, resource: dict[str, object]) -> object:
    return replace(call(number, state), resource=resource)


def test_reuse_is_counted_for_each_process_by_itself_the_busiest_first(store):
    named = {"service.instance.id": "one", "host.name": "box", "process.pid": 7}
    nameless = {"service.instance.id": "", "host.name": "box", "process.pid": 7}
    store.insert(
        [
            process_call(1, "new", {}),
            process_call(2, "new", nameless),
            process_call(3, "joined", nameless),
            process_call(4, "new", named),
            process_call(5, "reused", named),
            process_call(6, "reused", named),
        ]
    )

    reuse = reuse_history(store, "shop", "tts.local:80")

    assert (reuse.calls, reuse.new, reuse.reused, reuse.unknown) == (6, 3, 3, 0)
    assert reuse.processes == (
        ProcessReuse("one box 7", calls=3, new=1, reused=2, needless=0, first_calls=0),
        ProcessReuse("box 7", calls=2, new=1, reused=1, needless=0, first_calls=0),
        ProcessReuse(None, calls=1, new=1, reused=0, needless=0, first_calls=0),
    )


def test_a_connection_that_was_never_made_counts_as_none(store):
    refused = {"tracekit.connection.state": "new", "tracekit.connect.outcomes": ["ECONNREFUSED"]}
    timed_out = {"tracekit.connection.state": "new", "tracekit.connect.outcomes": ["timeout", "ok"]}
    template = call(1, "new")
    known = {k: v for k, v in template.attributes.items() if k != "http.response.status_code"}
    store.insert(
        [
            replace(call(number, "new"), attributes={**known, **outcome})
            for number, outcome in enumerate([refused, refused, refused, timed_out])
        ]
    )

    reuse = reuse_history(store, "shop", "tts.local:80")

    assert (reuse.calls, reuse.new, reuse.unknown) == (4, 1, 3)


def test_a_target_never_called_has_an_empty_history(store):
    reuse = reuse_history(store, "shop", "nowhere:1")

    assert (reuse.calls, reuse.failed_attempts, reuse.processes) == (0, {}, ())
