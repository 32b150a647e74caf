from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from tracekit.exporter_thread import ExporterThread


class Work:
    """Takes all that waits, each round; it can be held up."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.done: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.began = threading.Event()
        self.thread = ExporterThread(self, self.waiting, lambda: None, 0.01, lambda: None)

    def __call__(self) -> None:
        self.began.set()
        self.go.wait(10)
        while self.waiting:
            self.done.append(self.waiting.pop(0))

    def put(self, number: int) -> None:
        self.waiting.append(number)
        self.thread.wake()


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    yield made
    made.go.set()
    made.thread.closed = True
    assert made.thread.flush(5)


def alive() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "tracekit-exporter"]


def test_at_rest_there_is_no_thread_and_nothing_waits(work: Work) -> None:
    work.put(1)
    before = len(alive())
    work.thread.pause(5)

    assert work.done == [1]
    assert not work.thread.is_running
    assert len(alive()) == before - 1
    work.thread.resume()


def test_what_comes_while_it_rests_waits_for_the_end_of_the_rest(work: Work) -> None:
    work.put(1)
    work.thread.pause(5)
    work.put(2)
    assert not work.thread.is_running
    assert work.waiting == [2]

    work.thread.resume()
    assert work.thread.flush(5)
    assert work.done == [1, 2]


def test_after_a_rest_the_next_one_starts_it(work: Work) -> None:
    for number in range(5):
        work.put(number)
        work.thread.pause(5)
        work.thread.resume()
        assert not work.thread.is_running
    work.put(5)
    assert work.thread.flush(5)
    assert work.done == [0, 1, 2, 3, 4, 5]


def test_one_that_is_busy_is_left_to_itself_in_time_and_goes_on(work: Work) -> None:
    work.go.clear()
    work.put(1)
    assert work.began.wait(5)
    start = time.monotonic()
    work.thread.pause(0.05)
    assert time.monotonic() - start < 1
    assert work.thread.is_running

    work.thread.resume()
    work.put(2)
    work.go.set()
    assert work.thread.flush(5)
    assert work.done == [1, 2]


def test_rests_among_many_threads_lose_nothing(work: Work) -> None:
    def put(first: int) -> None:
        for number in range(first, first + 300):
            work.put(number)

    threads = [threading.Thread(target=put, args=(first,)) for first in (0, 300, 600)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        work.thread.pause(5)
        work.thread.resume()
    assert work.thread.flush(5)
    assert sorted(work.done) == list(range(900))


def test_a_fork_beside_it_keeps_both_sides_whole(work: Work) -> None:
    work.put(1)
    work.thread.pause(5)
    child = os.fork()
    if child == 0:
        os._exit(len(threading.enumerate()) - 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    work.thread.resume()
