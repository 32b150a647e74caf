"""Every rule of W3C Trace Context, level 2, for what arrives and for what is sent on."""

from __future__ import annotations

import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import tracekit
from tracekit import guard, propagation
from tracekit.propagation import TracekitPropagator
from tracekit.testing import Capture
from tracekit.tracestate import TraceState
from tracekit.w3c import TraceContextPropagator

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
W3C = TraceContextPropagator()

KEY_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@"
VALUE_SIGNS = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")


def extracted(parents, states=()):
    """Return the span context of a request with these headers; None where it begins a trace."""
    carrier = {"traceparent": [*parents], "tracestate": [*states]}
    found = get_current_span(W3C.extract(carrier)).get_span_context()
    return found if found.is_valid else None


def passed_on(*states):
    """Return the ``tracestate`` that leaves again after these have arrived; None without."""
    return sent(extracted([PARENT], states)).get("tracestate")


def sent(own):
    carrier = {}
    W3C.inject(carrier, set_span_in_context(NonRecordingSpan(own)))
    return carrier


@pytest.mark.parametrize(
    "header",
    [
        PARENT,
        f" {PARENT}",
        f"\t {PARENT} \t",
        f"cc-{TRACE}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-what-comes-later",
        f"cc-{TRACE}-{SPAN}-01-",
    ],
)
def test_a_valid_parent_is_continued(header):
    found = extracted([header])

    assert (f"{found.trace_id:032x}", f"{found.span_id:016x}") == (TRACE, SPAN)
    assert found.is_remote
    assert found.trace_flags.sampled


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01.",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT.upper(),
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN[1:]}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-.0",
        f"000-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f".0-{TRACE}-{SPAN}-01",
        f"00-.{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}.-01",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE}-{SPAN}",
        f"{PARENT},{PARENT}",
        f"{PARENT}\n",
        f"00-{'１' * 32}-{SPAN}-01",
    ],
)
def test_anything_else_begins_a_new_trace(header):
    assert extracted([header], ["a=1"]) is None


def test_of_two_parents_neither_can_be_trusted():
    assert extracted([PARENT, PARENT]) is None


def test_a_state_without_a_parent_counts_for_nothing():
    assert W3C.extract({"tracestate": ["a=1"]}) == Context()


def test_a_context_that_nothing_continues_stays_as_it_is():
    before = Context({"something": "else"})

    assert W3C.extract({}, before) is before
    assert W3C.extract({"traceparent": ["nonsense"]}, before) is before


@pytest.mark.parametrize(
    ("arrived", "goes_on"),
    [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("ff", 3), ("08", 0), ("fd", 1)],
)
def test_only_the_flags_that_level_2_knows_go_on(arrived, goes_on):
    assert extracted([f"00-{TRACE}-{SPAN}-{arrived}"]).trace_flags == goes_on


def test_no_unknown_flag_is_sent():
    own = SpanContext(int(TRACE, 16), int(SPAN, 16), False, TraceFlags(0xFF))

    assert sent(own)["traceparent"] == f"00-{TRACE}-{SPAN}-03"


def test_the_random_flag_of_a_trace_reaches_the_next_service(captured: Capture):
    with tracekit.request("turn", context=tracekit.extract({"traceparent": PARENT[:-1] + "3"})):
        carrier: dict[str, str] = {}
        tracekit.inject(carrier)

    assert carrier["traceparent"].startswith(f"00-{TRACE}-")
    assert carrier["traceparent"].endswith("-03")


@pytest.mark.parametrize(
    ("headers", "goes_on"),
    [
        (["foo=1,bar=2"], "foo=1,bar=2"),
        (["foo=1", "bar=2,baz=3"], "foo=1,bar=2,baz=3"),
        (["", "foo=1", ""], "foo=1"),
        ([" \t,foo=1, ,,bar=2,"], "foo=1,bar=2"),
        (["foo=1 \t , \t bar=2"], "foo=1,bar=2"),
        (["foo=  1"], "foo=  1"),
        (["1vendor=x,0=y"], "1vendor=x,0=y"),
        (["tenant@vendor=1,a@@b=2,a@=3,a@b@c=4"], "tenant@vendor=1,a@@b=2,a@=3,a@b@c=4"),
        ([f"a{KEY_SIGNS}={VALUE_SIGNS}"], f"a{KEY_SIGNS}={VALUE_SIGNS}"),
        (["foo=1,foo=2,bar=3"], "foo=1,bar=3"),
        (["foo=2", "foo=1"], "foo=2"),
        ([f"{'z' * 256}=1"], f"{'z' * 256}=1"),
        ([f"a={'v' * 256}"], f"a={'v' * 256}"),
        ([f"{'t' * 242}@v=1"], f"{'t' * 242}@v=1"),
    ],
)
def test_valid_members_go_on_as_they_came(headers, goes_on):
    assert passed_on(*headers) == goes_on


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ,\t,",
        "foo",
        "foo=",
        "=1",
        "foo=bar=baz",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "@foo=1",
        "_foo=1",
        "foo=1\u00e9",
        "foo=1\x7f",
        "foo=a\tb",
        f"{'z' * 257}=1",
        f"a={'v' * 257}",
    ],
)
def test_one_invalid_member_discards_all_but_not_the_parent(header):
    assert passed_on("good=1", header) == (None if header.strip(" ,\t") else "good=1")


def test_32_members_go_on_and_33_do_not():
    members = [f"bar{number}={number}" for number in range(33)]

    assert passed_on(",".join(members[:20]), ",".join(members[20:32])) == ",".join(members[:32])
    assert passed_on(",".join(members)) is None


def test_more_than_512_characters_go_on():
    state = ",".join(f"vendor{number}={'v' * 60}" for number in range(20))

    assert passed_on(state) == state


def test_an_invalid_state_is_no_news_for_the_log(caplog):
    with caplog.at_level(logging.DEBUG):
        passed_on("FOO=1")
        passed_on("foo=1,foo=2")

    assert caplog.records == []


def test_what_changes_goes_to_the_front_and_the_oldest_leaves():
    full = TraceState([(f"k{number}", "v") for number in range(32)])

    assert [*full.update("k9", "new").items()][:2] == [("k9", "new"), ("k0", "v")]
    assert [*full.add("1st@here", "v")] == ["1st@here", *(f"k{number}" for number in range(31))]
    assert full.add("k9", "new") is full
    assert full.update("BAD", "v") is full
    assert "k9" not in full.delete("k9")
    assert pickle.loads(pickle.dumps(full)) == full


@given(st.lists(st.text() | st.binary() | st.none(), max_size=3), st.lists(st.text()))
def test_nothing_that_arrives_raises(parents, states):
    assert isinstance(W3C.extract({"traceparent": parents, "tracestate": states}), Context)


@given(st.from_regex(r"[0-9a-f.]{2}-[0-9a-fA-F]{32}-[0-9a-f ]{16}-[0-9a-f]{2}(-.*)?"), st.text())
def test_nothing_that_looks_like_a_parent_raises(parent, state):
    assert isinstance(W3C.extract({"traceparent": parent, "tracestate": state}), Context)


def test_a_carrier_that_fails_is_counted_and_begins_a_new_trace():
    before = guard.faults().get("w3c.extract", 0)

    assert W3C.extract(None, Context()) == Context()  # type: ignore[arg-type]

    assert guard.faults()["w3c.extract"] == before + 1


keys = st.builds(str.__add__, st.sampled_from("az09"), st.text(KEY_SIGNS, max_size=12))
values = st.builds(str.__add__, st.text(VALUE_SIGNS, max_size=12), st.sampled_from("!~z0"))
states = st.dictionaries(keys, values, max_size=32).map(lambda pairs: TraceState([*pairs.items()]))
contexts = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.just(True),
    st.integers(0, 3).map(TraceFlags),
    states,
)


@given(contexts)
def test_what_is_sent_arrives(own):
    carrier = sent(own)

    found = extracted([carrier["traceparent"]], [carrier.get("tracestate", "")])

    assert tuple(found)[:4] == tuple(own)[:4]
    assert [*found.trace_state.items()] == [*own.trace_state.items()]


@given(st.dictionaries(keys, values, min_size=1, max_size=32))
def test_members_keep_their_bytes_and_their_order(pairs):
    members = [f"{key}={value}" for key, value in pairs.items()]

    assert passed_on(*members) == passed_on(", ".join(members)) == ",".join(members)


def test_outside_of_any_span_nothing_is_sent():
    carrier: dict[str, str] = {}
    W3C.inject(carrier, Context())
    assert carrier == {}


class Vendors(TraceContextTextMapPropagator):
    """A host's own format."""


@pytest.fixture
def with_global():
    """Install the request ID beside a propagator of the host's."""
    before = propagate.get_global_textmap()

    def install(host):
        propagate.set_global_textmap(host)
        propagation.install()
        return [type(part) for part in propagate.get_global_textmap()._propagators]

    yield install
    propagate.set_global_textmap(before)


def test_init_puts_it_in_the_place_of_opentelemetrys_and_keeps_the_rest_in_order(with_global):
    theirs = TraceContextTextMapPropagator()
    own = propagation.RequestIdPropagator
    host = CompositePropagator([Vendors(), theirs, W3CBaggagePropagator()])

    assert with_global(host) == [Vendors, TraceContextPropagator, W3CBaggagePropagator, own]
    assert with_global(theirs) == [TraceContextPropagator, own]
    assert with_global(Vendors()) == [Vendors, own]
    assert with_global(TracekitPropagator()) == [TraceContextPropagator, own]


def test_the_entry_points_propagator_does_both():
    carrier: dict[str, str] = {}
    with tracekit.request("turn", request_id="turn-1"):
        around = trace.set_span_in_context(NonRecordingSpan(extracted([PARENT])))
        TracekitPropagator().inject(carrier, around)
    assert carrier == {"traceparent": PARENT, "X-Request-ID": "turn-1"}
    assert {"traceparent", "tracestate", "x-request-id"} <= TracekitPropagator().fields


def test_baggage_goes_on_beside_it(with_global):
    with_global(CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]))
    span = NonRecordingSpan(extracted([PARENT]))

    carrier = propagation.carried(span, baggage.set_baggage("key", "value", Context()))

    assert carrier == {"traceparent": PARENT, "baggage": "key=value"}
