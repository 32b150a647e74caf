"""Which of the exceptions that spans carry ended the request, its stages, and what came after."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from trace_building import EPOCH, MS, call, server, span

from analyzer.analysis import analyze
from analyzer.service import ExceptionFacts, FailedStage
from analyzer.span import Event, Kind, Status
from tracekit import attributes as a

FAILED = {a.HTTP_STATUS: 500}
PLACE = "/srv/shop/app.py:33 in handler()"


def recorded(kind, message="no", file="/srv/shop/app.py"):
    trace = (
        f'Traceback (most recent call last):\n  File "{file}", line 33, in handler\n'
        f"{kind}{f': {message}' if message else ''}\n"
    )
    told = {"type": kind, "message": message, "stacktrace": trace}
    return Event("exception", EPOCH, {f"exception.{key}": text for key, text in told.items()})


def failed(kind, **more):
    """Return the fields of a span that ended with an exception, as tracekit writes them."""
    return {
        "status": Status.ERROR,
        "attributes": {a.ERROR_TYPE: kind.rpartition(".")[2], **more},
        "events": (recorded(kind),),
    }


def only(*spans):
    (facts,) = analyze(spans).service_facts
    return facts


def test_an_exception_is_told_with_its_message_and_its_line():
    facts = only(server("in", 0, 9, **failed("shop.NoStock", **FAILED)))

    assert facts.exception == ExceptionFacts("shop.NoStock", "no", PLACE)
    assert facts.quality("exception") == "measured"


@pytest.mark.parametrize(
    ("message", "told"),
    [("one\ntwo", "one"), ("\n  one\r\n", "one"), ("", None), ("\n", None)],
)
def test_of_a_message_the_first_line_is_told(message, told):
    events = (recorded("E", message),)
    facts = only(server("in", 0, 9, status=Status.ERROR, events=events))

    assert facts.exception == ExceptionFacts("E", told, PLACE)


def test_of_several_the_one_is_told_that_the_request_ended_with():
    more = failed("shop.NoStock") | {
        "events": (recorded("shop.NoStock", "first"), recorded("shop.NoStock"), recorded("Other"))
    }

    assert only(server("in", 0, 9, **more)).exception.message == "no"
    assert only(server("in", 0, 9, **more | {"events": (recorded("Other"),)})).exception is None


def test_an_exception_on_a_request_that_did_not_fail_is_not_told():
    assert only(server("in", 0, 9, events=(recorded("shop.NoStock"),))).exception is None


@pytest.mark.parametrize(
    ("message", "quality"),
    [("no", "measured"), ("NoStock: no", "measured"), ("", "inferred"), ("other", "inferred")],
)
def test_without_an_error_type_it_may_be_a_conclusion(message, quality):
    fields = {"status": Status.ERROR, "status_message": message, "attributes": FAILED}
    facts = only(server("in", 0, 9, events=(recorded("shop.NoStock"),), **fields))

    assert facts.exception.type == "shop.NoStock"
    assert facts.quality("exception") == quality


def test_a_stage_that_failed_is_told_though_the_request_went_on():
    root = server("in", 0, 9)
    stage = span("llm", 1, 2, root, **failed("TimeoutError"))
    facts = only(root, stage)

    expected = FailedStage(stage.span_id, "llm", ExceptionFacts("TimeoutError", "no", PLACE))
    assert (facts.exception, facts.failed_stages) == (None, (expected,))


def test_an_exception_that_went_through_stages_is_told_of_the_innermost():
    root = server("in", 0, 9, **failed("TimeoutError", **FAILED))
    outer = span("outer", 1, 5, root, **failed("TimeoutError"))
    between = span("between", 1, 4, outer)
    late = span("late", 6, 7, root, **failed("KeyError"))
    facts = only(root, late, outer, between, span("in", 1, 3, between, **failed("TimeoutError")))

    assert [stage.name for stage in facts.failed_stages] == ["in", "late"]


def test_each_service_has_its_own_failed_stages():
    root = server("in", 0, 9, service="front")
    out = call(1, 8, root, service="front")
    back = server("in", 2, 7, out, service="back")
    stage = span("stage", 3, 4, back, service="back", **failed("KeyError"))
    front, behind = analyze([root, out, back, stage]).service_facts

    assert (len(front.failed_stages), len(behind.failed_stages)) == (0, 1)


def test_work_after_the_response_that_failed_is_no_stage():
    root = server("in", 0, 9)
    after = span("background", 9, 12, root, **failed("KeyError", **{a.BACKGROUND: True}))
    facts = only(root, after)

    assert facts.background_exception == ExceptionFacts("KeyError", "no", PLACE)
    assert (facts.background_error, facts.failed_stages) == ("KeyError", ())


def test_the_timeline_names_the_error():
    root = server("in", 0, 9, status=Status.ERROR, attributes=FAILED)
    stage = span("stage", 1, 3, root, **failed("shop.NoStock"))
    other = span("other", 4, 5, root, status=Status.ERROR, events=(recorded("a.B"),))
    rows = analyze([root, stage, other]).timeline

    assert [row.note for row in rows] == ["", "NoStock", "B"]


def test_a_span_of_opentelemetrys_own_sdk_is_understood():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.raises(KeyError), provider.get_tracer("shop").start_as_current_span("in"):
        {}["item"]
    (theirs,) = exporter.get_finished_spans()
    events = [Event(event.name, event.timestamp, event.attributes) for event in theirs.events]
    facts = only(
        span("in", 0, 9 * MS, kind=Kind.SERVER, status=Status.ERROR, events=tuple(events),
             status_message=theirs.status.description)
    )  # fmt: skip

    assert (facts.exception.type, facts.exception.message) == ("KeyError", "'item'")
    assert facts.exception.at.startswith(f"{__file__}:")
    assert facts.quality("exception") == "measured"


def test_what_is_no_text_in_an_event_is_passed_over():
    strange = Event("exception", EPOCH, {"exception.type": 3, "exception.stacktrace": ["a"]})
    facts = only(server("in", 0, 9, status=Status.ERROR, events=(strange,)))

    assert facts.exception == ExceptionFacts("exception")
