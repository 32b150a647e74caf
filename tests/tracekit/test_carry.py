"""A function that is bound to a request takes it along, whatever kind of function it is."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.context import get_current

import tracekit
from tracekit.testing import Capture


def current():
    return tracekit.current_request_id()


def plain():
    return [current()]


async def coroutine():
    before = current()
    await asyncio.sleep(0)
    return [before, current()]


def generator():
    yield current()
    yield current()


async def asynchronous_generator():
    yield current()
    await asyncio.sleep(0)
    yield current()


class Called:
    def __call__(self):
        return [current()]

    def method(self):
        return [current()]


class CalledAsync:
    async def __call__(self):
        await asyncio.sleep(0)
        return [current()]


async def everything(stream):
    return [item async for item in stream]


def results(function):
    """Call *function*, finish it whatever it is, and give what it said."""
    made = function()
    if inspect.isasyncgen(made):
        return asyncio.run(everything(made))
    return asyncio.run(made) if inspect.iscoroutine(made) else list(made)


KINDS = {
    "plain": plain,
    "coroutine": coroutine,
    "generator": generator,
    "asynchronous generator": asynchronous_generator,
    "lambda": lambda: [current()],
    "method": Called().method,
    "object": Called(),
    "asynchronous object": CalledAsync(),
    "partial": functools.partial(plain),
    "partial coroutine": functools.partial(coroutine),
    "partial generator": functools.partial(generator),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_bound_to_a_request_runs_in_it_wherever_it_runs(kind):
    with tracekit.request("turn", request_id="turn-1"):
        bound = tracekit.wrap(KINDS[kind])
    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(results, bound).result()
    with tracekit.request("another", request_id="turn-2"):
        inside_another = results(bound)
        assert current() == "turn-2"

    assert set(elsewhere) == set(inside_another) == {"turn-1"}
    assert current() is None


@pytest.mark.parametrize("kind", KINDS)
def test_it_stays_the_kind_that_it_was(kind):
    bound = tracekit.wrap(KINDS[kind])

    for is_kind in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    ):
        called = KINDS[kind]
        own = called.__call__ if isinstance(called, (Called, CalledAsync)) else called
        assert is_kind(bound) == is_kind(own)


def test_the_consumer_of_a_generator_stays_in_its_own_request():
    with tracekit.request("turn", request_id="turn-1"):
        bound = tracekit.wrap(generator)
    with tracekit.request("another", request_id="turn-2"):
        seen = [(item, current()) for item in bound()]

    assert seen == [("turn-1", "turn-2")] * 2


def test_its_stages_belong_to_the_span_that_was_current(captured: Capture):
    def work():
        with tracekit.stage("inside"):
            pass

    with tracekit.request("turn"), tracekit.stage("around"):
        thread = threading.Thread(target=tracekit.wrap(work))
        thread.start()
        thread.join()

    around, inside = captured.named("around"), captured.named("inside")
    assert inside.parent.span_id == around.context.span_id


def test_arguments_results_and_names_pass_through():
    def divide(one, *, by):
        """Divide."""
        return one / by

    bound = tracekit.wrap(divide)

    assert bound(6, by=3) == 2
    assert (bound.__name__, bound.__doc__) == ("divide", "Divide.")
    with pytest.raises(ZeroDivisionError):
        bound(1, by=0)


def test_one_bound_function_serves_many_threads_at_once():
    together = threading.Barrier(8, timeout=10)

    def work():
        together.wait()
        seen = current()
        together.wait()
        return seen

    with tracekit.request("turn", request_id="turn-1"):
        bound = tracekit.wrap(work)
    with ThreadPoolExecutor(8) as pool:
        seen = [one.result() for one in [pool.submit(bound) for _ in range(8)]]

    assert seen == ["turn-1"] * 8


def test_what_is_bound_outside_of_any_request_runs_outside_of_any():
    bound = tracekit.wrap(get_current)
    with tracekit.request("turn"):
        assert bound() == {}


def test_a_failing_function_leaves_the_thread_as_it_was():
    def fail():
        raise LookupError

    with tracekit.request("turn"):
        bound = tracekit.wrap(fail)
    with pytest.raises(LookupError):
        bound()

    assert get_current() == {}


@pytest.mark.parametrize("nonsense", [None, 7, "text"])
def test_what_cannot_be_called_comes_back(nonsense):
    assert tracekit.wrap(nonsense) is nonsense
