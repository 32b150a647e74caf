"""The kit's own ruler: it turns down what is wrong by a little."""

from __future__ import annotations

import time
from types import SimpleNamespace

import lateness
import pytest
from conformance.bounds import expect, residual
from conformance.outgoing import Outgoing

from tracekit import attributes as names

MS = 1_000_000


def call(wall, **phases):
    """A call of *wall* ms; each phase is where it starts and ends, in ms."""
    attributes = {names.phase(name): (a * MS, b * MS) for name, (a, b) in phases.items()}
    return Outgoing(SimpleNamespace(start_time=0, end_time=wall * MS, attributes=attributes), None)


def test_a_phase_may_be_off_by_five_percent_or_three_milliseconds():
    expect(call(200, wait=(0, 105)), wait=0.1)
    expect(call(20, wait=(0, 13)), wait=0.01)
    for wrong in ((0, 106), (0, 94)):
        with pytest.raises(AssertionError, match="wait is"):
            expect(call(200, wait=wrong), wait=0.1)


def test_what_the_machine_was_late_by_comes_on_top_but_never_much(monkeypatch):
    late = lateness.Lateness()
    monkeypatch.setattr(lateness, "_now", [late])
    late.add(0.0045)
    expect(call(200, wait=(0, 109)), wait=0.1)
    with pytest.raises(AssertionError, match="wait is"):
        expect(call(200, wait=(0, 110)), wait=0.1)
    late.add(60)
    with pytest.raises(AssertionError, match="wait is"):
        expect(call(200, wait=(0, 140)), wait=0.1)


def test_a_thread_that_is_kept_from_running_is_late():
    with lateness.watched() as late:
        before = late.seconds
        sum(range(10_000_000))  # one instruction of the interpreter: no other thread has a turn
        until(lambda: late.seconds > before + 0.01)
        assert lateness.allowed() == late.seconds <= lateness.MOST
    assert lateness.allowed() == 0.0


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline


def test_what_is_put_into_another_phase_is_wrong_there():
    with pytest.raises(AssertionError, match="tls is"):
        expect(call(100, tls=(0, 80), wait=(80, 81)), wait=0.08)


def test_little_of_a_plain_call_may_be_left_over():
    expect(call(100, wait=(3, 100)), wait=0.097, plain=True)
    with pytest.raises(AssertionError):
        expect(call(100, wait=(6, 100)), wait=0.094, plain=True)


def test_what_is_left_over_is_counted_before_between_and_after():
    assert residual(call(20, send=(1, 3), wait=(5, 10))) == (1 + 2 + 10) * MS


@pytest.mark.parametrize("phases", [{"send": (0, 5), "wait": (4, 9)}, {"wait": (0, 21)}])
def test_phases_neither_overlap_nor_leave_the_call(phases):
    with pytest.raises(AssertionError):
        residual(call(20, **phases))
