"""A caller's baggage: what OpenTelemetry's reader would take, and nothing that it would log."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from tracekit.baggage_header import well_formed
from tracekit.propagation import remote_context

LOGGER = "opentelemetry.baggage.propagation"
pieces = st.text('ab=,; \t%41"\\é\x00', max_size=30)


def read(values: list[str]) -> dict[str, object]:
    carrier = {"baggage": values}
    return dict(baggage.get_all(W3CBaggagePropagator().extract(carrier, Context())))


@given(st.lists(pieces | st.sampled_from(["a=1", "b = 2;c", "k=v;p=1;q"]), max_size=6))
def test_the_same_is_read_and_nothing_is_said(parts: list[str]) -> None:
    header = ",".join(parts)
    said = logging.getLogger(LOGGER)
    said.disabled = True
    expected = read([header])
    said.disabled = False
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    said.addHandler(handler)
    try:
        assert read(well_formed([header])) == expected
    finally:
        said.removeHandler(handler)
    assert records == []


@pytest.mark.parametrize("header", ["", "x" * 9000, "a=" + "v" * 8300, ",".join(["a=1"] * 4000)])
def test_what_is_too_long_is_none(header: str) -> None:
    assert read(well_formed([header])) == {}


def test_of_too_many_members_the_first_ones_stay() -> None:
    header = ",".join(f"k{number}=1" for number in range(200))
    assert len(read(well_formed([header]))) == 180


@pytest.mark.parametrize("header", ["a=1" + ";k= " * 1000 + '"', "a=" + " " * 4000 + '"'])
def test_a_hostile_header_takes_no_time_to_speak_of(header: str) -> None:
    # Read in more than one way, it would take longer than any test may.
    assert well_formed([header]) == []


def test_a_request_with_broken_baggage_is_continued_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = remote_context({"baggage": ['user=1, no baggage at all, x="quoted"']})
    assert baggage.get_all(context) == {"user": "1"}
    assert caplog.records == []
