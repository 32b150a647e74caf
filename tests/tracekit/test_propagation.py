from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

import tracekit
from tracekit import propagation
from tracekit.request import request_in
from tracekit.testing import Capture

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "carrier",
    [
        {"TraceParent": TRACEPARENT, "X-REQUEST-ID": "r-1"},
        {b"traceparent": TRACEPARENT.encode(), b"x-request-id": b"r-1"},
        [("traceparent", TRACEPARENT), ("x-request-id", "r-1")],
        {"traceparent": [TRACEPARENT], "x-request-id": ["r-1"]},
    ],
)
def test_extract_reads_any_case_and_form(carrier: object) -> None:
    context = tracekit.extract(carrier)  # type: ignore[arg-type]
    request = request_in(context)
    assert request is not None
    assert request.request_id == "r-1"
    assert get_current_span(context).get_span_context().is_remote


@pytest.mark.parametrize("carrier", [None, 7, {}, [], {"traceparent": "nonsense"}, ["x"]])
def test_extract_of_something_unusable_is_an_empty_context(carrier: object) -> None:
    assert tracekit.extract(carrier) == Context()  # type: ignore[arg-type]


@given(st.dictionaries(st.sampled_from(["traceparent", "tracestate", "x-request-id"]), st.text()))
def test_extract_survives_any_value(carrier: dict[str, str]) -> None:
    assert isinstance(tracekit.extract(carrier), Context)


def test_inject_outside_a_request_writes_nothing() -> None:
    carrier: dict[str, str] = {}
    tracekit.inject(carrier)
    assert carrier == {}


def test_inject_replaces_what_an_earlier_inject_left() -> None:
    carrier = {"x-request-id": "of-the-message-before"}
    with tracekit.request("job", request_id="of-this-message"):
        tracekit.inject(carrier)

    assert carrier["X-Request-ID"] == "of-this-message"
    assert "x-request-id" not in carrier


def test_inject_into_something_unusable_does_not_raise(captured: Capture) -> None:
    with tracekit.request("turn"):
        tracekit.inject(None)  # type: ignore[arg-type]


def test_the_global_propagator_sends_the_request_id_on(captured: Capture) -> None:
    headers: dict[str, str] = {}
    with tracekit.request("turn", request_id="turn-1"):
        propagate.inject(headers)
    assert headers["X-Request-ID"] == "turn-1"
    assert "traceparent" in headers


def test_installing_twice_is_once() -> None:
    propagation.install()
    first = propagate.get_global_textmap()
    propagation.install()
    assert propagate.get_global_textmap() is first
    assert {"traceparent", "baggage", "x-request-id"} <= first.fields


def test_a_message_read_inside_a_request_is_not_taken_for_the_request(captured: Capture) -> None:
    propagation.install()
    with tracekit.request("turn"):
        assert propagate.extract({}) == Context()
