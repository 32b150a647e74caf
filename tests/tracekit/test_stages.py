from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.trace import StatusCode

import tracekit
from tracekit import guard
from tracekit.testing import Capture


def current() -> int:
    return trace.get_current_span().get_span_context().span_id


def test_stages_nest(captured: Capture) -> None:
    with tracekit.stage("outer"), tracekit.stage("inner", attributes={"k": 3}):
        pass
    inner, outer = captured.spans
    assert (inner.name, outer.name) == ("inner", "outer")
    assert inner.parent.span_id == outer.context.span_id
    assert inner.attributes["k"] == 3
    assert outer.start_time <= inner.start_time <= inner.end_time <= outer.end_time


def test_an_exception_is_recorded_and_goes_on_unchanged(captured: Capture) -> None:
    raised = ValueError("no")
    with pytest.raises(ValueError, match="no") as seen, tracekit.stage("fails"):
        raise raised
    assert seen.value is raised
    (span,) = captured.spans
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "ValueError"
    assert [event.name for event in span.events] == ["exception"]


def test_a_decorated_function_keeps_its_name_and_result(captured: Capture) -> None:
    @tracekit.stage("adding")
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    assert (add(1), add(1, b=5)) == (2, 6)
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert [span.name for span in captured.spans] == ["adding", "adding"]


def test_a_decorated_function_may_call_itself(captured: Capture) -> None:
    @tracekit.stage("step")
    def down(n: int) -> int:
        return down(n - 1) + 1 if n else 0

    assert down(2) == 2
    innermost, middle, outermost = captured.spans
    assert innermost.parent.span_id == middle.context.span_id
    assert middle.parent.span_id == outermost.context.span_id


def test_decorated_coroutines_run_at_the_same_time_without_mixing(captured: Capture) -> None:
    both = asyncio.Event()
    inside: list[str] = []

    @tracekit.stage("task")
    async def task(name: str) -> int:
        inside.append(name)
        if len(inside) == 2:
            both.set()
        await both.wait()
        return current()

    async def run() -> list[int]:
        return await asyncio.gather(task("a"), task("b"))

    assert inspect.iscoroutinefunction(task)
    ids = asyncio.run(run())
    assert set(ids) == {span.context.span_id for span in captured.wait(2)}
    assert [span.parent for span in captured.spans] == [None, None]


def test_a_decorated_generator_is_current_only_while_it_runs(captured: Capture) -> None:
    seen: list[int] = []

    @tracekit.stage("produce")
    def produce() -> Iterator[int]:
        seen.append(current())
        received = yield 1
        seen.append(current())
        yield received
        return "end"  # type: ignore[return-value]

    assert inspect.isgeneratorfunction(produce)
    steps: Any = produce()
    assert next(steps) == 1
    assert current() == 0
    assert steps.send("sent") == "sent"
    with pytest.raises(StopIteration) as end:
        next(steps)
    (span,) = captured.spans
    assert end.value.value == "end"
    assert seen == [span.context.span_id] * 2
    assert span.status.status_code is StatusCode.UNSET


def test_a_generator_left_early_ends_its_stage(captured: Capture) -> None:
    cleaned: list[bool] = []

    @tracekit.stage("produce")
    def produce() -> Iterator[int]:
        try:
            yield 1
        finally:
            cleaned.append(True)

    steps: Any = produce()
    next(steps)
    steps.close()
    assert cleaned == [True]
    assert [span.status.status_code for span in captured.spans] == [StatusCode.UNSET]


def test_a_decorated_async_generator_covers_its_iteration(captured: Capture) -> None:
    @tracekit.stage("tokens")
    async def tokens() -> AsyncIterator[int]:
        for number in range(3):
            with tracekit.stage("token"):
                await asyncio.sleep(0)
            yield number

    async def run() -> list[int]:
        return [number async for number in tokens()]

    assert inspect.isasyncgenfunction(tokens)
    assert asyncio.run(run()) == [0, 1, 2]
    *children, whole = captured.spans
    assert whole.name == "tokens"
    assert {child.parent.span_id for child in children} == {whole.context.span_id}


def test_a_stage_left_in_another_context_does_not_write_into_the_hosts_log(
    captured: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    async def tokens() -> AsyncIterator[int]:
        with tracekit.stage("tokens"):
            yield 1
            yield 2

    async def abandon() -> None:
        await anext(tokens())
        gc.collect()

    with caplog.at_level(logging.WARNING):
        asyncio.run(abandon())
    assert [record.name for record in caplog.records if record.name != "asyncio"] == []
    assert [span.name for span in captured.wait(1)] == ["tokens"]


def test_a_cancelled_stage_is_named_but_is_no_failure(captured: Capture) -> None:
    async def run() -> None:
        with tracekit.stage("hedged"):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    (span,) = captured.spans
    assert span.attributes["error.type"] == "CancelledError"
    assert span.status.status_code is StatusCode.UNSET


def test_one_object_entered_by_several_threads_serves_each_of_them(captured: Capture) -> None:
    shared, both_in, first_out = tracekit.request("turn"), threading.Barrier(2), threading.Event()
    before = guard.faults().get("scope.entered_twice", 0)

    def enter(number: int) -> tuple[str | None, str | None]:
        with shared as current:
            both_in.wait(5)
            assert tracekit.current_request_id() == current.request_id
            inside = current.request_id
            assert number == 0 or first_out.wait(5)
        first_out.set()
        return inside, tracekit.current_request_id()

    with ThreadPoolExecutor(2) as pool:
        (first, after_first), (second, after_second) = pool.map(enter, range(2))
    assert (after_first, after_second) == (None, None)
    ids = [span.attributes["tracekit.request_id"] for span in captured.spans]
    assert ids == [first, second]
    assert first != second
    assert guard.faults()["scope.entered_twice"] == before + 1
    with shared as again:
        assert again.request_id not in ids
    assert len(captured.spans) == 3


def test_one_object_entered_inside_itself_nests(captured: Capture) -> None:
    shared = tracekit.stage("part")
    with tracekit.request("turn"):
        current = get_current()
        with shared, shared, shared:
            pass
        assert get_current() is current
    *parts, turn = captured.spans
    assert [span.name for span in parts] == ["part"] * 3
    assert parts[0].parent.span_id == parts[1].context.span_id
    assert parts[2].parent.span_id == turn.context.span_id


def test_tasks_that_share_an_object_do_not_mix(captured: Capture) -> None:
    shared = tracekit.request("turn")

    async def enter(mine: asyncio.Event, theirs: asyncio.Event) -> tuple[str | None, str | None]:
        with shared:
            inside = tracekit.current_request_id()
            mine.set()
            await theirs.wait()
        return inside, tracekit.current_request_id()

    async def both() -> list[tuple[str | None, str | None]]:
        one, two = asyncio.Event(), asyncio.Event()
        return list(await asyncio.gather(enter(one, two), enter(two, one)))

    (first, after_first), (second, after_second) = asyncio.run(both())
    assert (after_first, after_second) == (None, None)
    assert {span.attributes["tracekit.request_id"] for span in captured.spans} == {first, second}
