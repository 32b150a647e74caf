from __future__ import annotations

import os
import string
import uuid

from hypothesis import given
from hypothesis import strategies as st

from tracekit import ids
from tracekit.request_id import choose, is_valid

ALLOWED = string.ascii_letters + string.digits + "._~:+/=-"


@given(st.text(ALLOWED, min_size=1, max_size=128))
def test_every_id_of_allowed_characters_is_kept(text: str) -> None:
    assert choose(text) == (text, False)


@given(st.text().filter(lambda text: not text or set(text) - set(ALLOWED)))
def test_any_other_character_and_the_empty_id_are_refused(text: str) -> None:
    assert not is_valid(text)


@given(st.text(ALLOWED, min_size=129, max_size=300))
def test_an_id_that_is_too_long_is_refused(text: str) -> None:
    chosen, replaced = choose(text)
    assert replaced
    assert is_valid(chosen)


def test_a_line_break_at_the_end_is_refused() -> None:
    assert not is_valid("abc\n")


def test_generated_ids_are_uuid7_and_in_order_of_time() -> None:
    made = [ids.new_request_id() for _ in range(2000)]
    assert len(set(made)) == 2000
    assert {(uuid.UUID(text).version, uuid.UUID(text).variant) for text in made} == {
        (7, uuid.RFC_4122)
    }
    # The time before the random bits: the order of two ids of one quarter microsecond is open.
    assert [text[:18] for text in made] == sorted(text[:18] for text in made)


def test_trace_ids_begin_with_the_time_and_end_at_random() -> None:
    first, second = ids.new_trace_id(), ids.new_trace_id()
    assert first >> 90 == second >> 90
    assert first & (2**64 - 1) != second & (2**64 - 1)
    assert 0 < ids.new_span_id() < 2**64


def test_a_forked_child_makes_other_ids_than_its_parent() -> None:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, f"{ids.new_span_id():016x}".encode())
        os._exit(0)
    mine = f"{ids.new_span_id():016x}"
    os.waitpid(pid, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() != mine
