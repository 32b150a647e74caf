"""With executors on, threads and pools take the request along, and nothing keeps it afterwards."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest
from opentelemetry.context import attach, get_current, set_value

import tracekit
from tracekit.executors import ExecutorHooks
from tracekit.scope import leave
from tracekit.testing import Capture


@pytest.fixture
def hooks():
    hooks = ExecutorHooks()
    hooks.install()
    yield hooks
    hooks.uninstall()


def current():
    return tracekit.current_request_id()


def run(thread):
    thread.start()
    thread.join(10)


class Own(threading.Thread):
    """A thread with a ``run`` of its own, as many hosts have."""

    seen = None

    def run(self):
        self.seen = current()


def test_a_pool_takes_the_request_along_and_its_threads_do_not_keep_it(hooks):
    with ThreadPoolExecutor(1) as pool:
        with tracekit.request("turn", request_id="turn-1"):
            first = pool.submit(current).result()  # starts the thread
        idle = pool.submit(current).result()
        with tracekit.request("turn", request_id="turn-2"):
            second = [*pool.map(lambda _: current(), range(2))]

    assert (first, idle, second) == ("turn-1", None, ["turn-2"] * 2)


def test_so_does_an_event_loops_executor(hooks):
    async def turn(name):
        loop = asyncio.get_running_loop()
        with tracekit.request("turn", request_id=name):
            return await loop.run_in_executor(None, current), await asyncio.to_thread(current)

    async def all_of_them():
        return await asyncio.gather(*(turn(f"turn-{number}") for number in range(20)))

    assert asyncio.run(all_of_them()) == [(f"turn-{number}",) * 2 for number in range(20)]


@pytest.mark.parametrize("kind", ["target", "subclass", "timer"])
def test_so_does_a_thread(hooks, kind):
    seen = []
    own = Own()
    thread = {
        "target": threading.Thread(target=lambda: seen.append(current())),
        "subclass": own,
        "timer": threading.Timer(0, lambda: seen.append(current())),
    }[kind]
    with tracekit.request("turn", request_id="turn-1"):
        run(thread)

    assert (seen or [own.seen]) == ["turn-1"]
    assert "run" not in vars(thread)


def test_a_span_in_a_thread_is_a_child_of_the_span_around(hooks, captured: Capture):
    def work():
        with tracekit.stage("inside"):
            pass

    with tracekit.request("turn"), tracekit.stage("around"):
        run(threading.Thread(target=work))

    assert captured.named("inside").parent.span_id == captured.named("around").context.span_id


def test_the_threads_of_other_pools_belong_to_no_request(hooks):
    with tracekit.request("turn"):
        pool = ThreadPool(1)
    with pool:
        assert pool.apply(current) is None


class Held:
    """Something that a context refers to."""


def test_a_thread_that_lives_on_in_a_pool_refers_to_nothing_of_the_request(hooks):
    with ThreadPoolExecutor(1) as pool:
        held = Held()
        seen = weakref.ref(held)
        token = attach(set_value("held", held))
        assert pool.submit(get_current).result()["held"] is held
        leave(token)
        del held, token
        pool.submit(int).result()  # the thread forgets its last job with the next one
        gc.collect()

        assert seen() is None


def test_a_thread_that_has_ended_refers_to_nothing_of_the_request(hooks):
    held = Held()
    seen = weakref.ref(held)
    token = attach(set_value("held", held))
    thread = threading.Thread(target=int)
    run(thread)
    leave(token)
    del held, token
    gc.collect()

    assert seen() is None


def test_a_thread_that_is_started_twice_fails_as_it_would(hooks):
    with tracekit.request("turn"):
        thread = threading.Thread(target=int)
        run(thread)
        with pytest.raises(RuntimeError):
            thread.start()

    assert "run" not in vars(thread)


def test_an_exception_reaches_the_future(hooks):
    def fail():
        raise LookupError("broken")

    with ThreadPoolExecutor(1) as pool, tracekit.request("turn"):
        error = pool.submit(fail).exception()

    assert isinstance(error, LookupError)


def test_nothing_is_left_of_the_hooks():
    before = ThreadPoolExecutor.submit, threading.Thread.start
    hooks = ExecutorHooks()
    hooks.install()
    assert ThreadPoolExecutor.submit is not before[0]
    hooks.uninstall()

    assert (ThreadPoolExecutor.submit, threading.Thread.start) == before


@pytest.mark.parametrize(
    ("setting", "argument", "on"),
    [(None, None, False), ("true", None, True), (None, True, True), ("true", False, False)],
)
def test_it_is_for_who_asks_for_it_until_shutdown(tmp_path, monkeypatch, setting, argument, on):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    if setting:
        monkeypatch.setenv("TRACEKIT_EXECUTORS", setting)
    before = ThreadPoolExecutor.submit
    tracekit.init("pools", clients=False, executors=argument)
    hooked = ThreadPoolExecutor.submit is not before
    tracekit.shutdown()

    assert hooked is on
    assert ThreadPoolExecutor.submit is before
