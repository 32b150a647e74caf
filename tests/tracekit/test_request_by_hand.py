from __future__ import annotations

import asyncio
import uuid

from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import INVALID_SPAN, SpanKind, set_span_in_context

import tracekit
from tracekit import guard
from tracekit.testing import Capture


def test_a_request_gives_its_id_to_every_span_inside(captured: Capture) -> None:
    with tracekit.request("utterance") as current, tracekit.stage("listen"):
        assert tracekit.current_request_id() == current.request_id
    assert tracekit.current_request_id() is None
    listen, utterance = captured.spans
    assert uuid.UUID(current.request_id).version == 7
    assert utterance.parent is None
    assert utterance.kind is SpanKind.INTERNAL
    assert {span.attributes["tracekit.request_id"] for span in captured.spans} == {
        current.request_id
    }
    assert listen.parent.span_id == utterance.context.span_id


def test_a_request_inside_another_is_a_request_of_its_own(captured: Capture) -> None:
    with tracekit.request("outer") as outer:
        with tracekit.request("inner") as inner:
            pass
        assert tracekit.current_request_id() == outer.request_id
    assert inner.request_id != outer.request_id
    assert captured.named("inner").parent is None


def test_a_given_id_is_kept_and_an_unacceptable_one_replaced(captured: Capture) -> None:
    before = guard.faults().get("request_id.replaced", 0)
    with tracekit.request("job", request_id="job-1") as kept:
        pass
    with tracekit.request("job", request_id="not acceptable") as replaced:
        pass
    assert kept.request_id == "job-1"
    assert uuid.UUID(replaced.request_id).version == 7
    assert guard.faults()["request_id.replaced"] == before + 1


def test_a_decorated_function_is_a_new_request_at_every_call(captured: Capture) -> None:
    @tracekit.request("tick")
    async def tick() -> str | None:
        return tracekit.current_request_id()

    first, second = asyncio.run(tick()), asyncio.run(tick())
    assert None not in (first, second)
    assert first != second
    assert [span.name for span in captured.spans] == ["tick", "tick"]


def test_a_message_carries_trace_and_request_over_a_queue(captured: Capture) -> None:
    with tracekit.request("turn", request_id="turn-1"):
        message: dict[str, str] = {}
        tracekit.inject(message)
    shouted = {name.upper(): value for name, value in message.items()}
    with tracekit.request("speak", context=tracekit.extract(shouted)) as speak:
        assert tracekit.current_request_id() == "turn-1"
    turn, spoken = captured.spans
    assert speak.request_id == "turn-1"
    assert spoken.kind is SpanKind.CONSUMER
    assert spoken.parent.span_id == turn.context.span_id
    assert spoken.context.trace_id == turn.context.trace_id


def test_a_milestone_is_an_event_on_the_current_span(captured: Capture) -> None:
    with tracekit.request("turn"), tracekit.stage("speak"):
        tracekit.mark("first_audio")
    (event,) = captured.named("speak").events
    assert (event.name, dict(event.attributes)) == ("first_audio", {"tracekit.milestone": True})
    span = captured.named("speak")
    assert span.start_time <= event.timestamp <= span.end_time


def test_a_milestone_falls_to_the_root_span_where_none_is_recording(captured: Capture) -> None:
    with tracekit.request("turn"):
        token = attach(set_span_in_context(INVALID_SPAN, get_current()))
        tracekit.mark("first_audio")
        detach(token)
    assert [event.name for event in captured.named("turn").events] == ["first_audio"]


def test_a_milestone_outside_any_request_does_nothing() -> None:
    tracekit.mark("nowhere")


def test_a_uuid_stands_for_its_text_and_what_is_no_text_is_replaced(captured: Capture) -> None:
    given = uuid.uuid4()
    with tracekit.request("job", request_id=given) as kept:
        assert tracekit.current_request_id() == kept.request_id == str(given)
    before = guard.faults().get("request_id.replaced", 0)
    for unusable in (7, b"job-1", ["job-1"]):
        with tracekit.request("job", request_id=unusable) as replaced:  # type: ignore[arg-type]
            assert uuid.UUID(replaced.request_id).version == 7
    assert guard.faults()["request_id.replaced"] == before + 3
    assert [span.name for span in captured.spans] == ["job"] * 4
