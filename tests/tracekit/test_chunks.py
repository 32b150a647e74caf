from __future__ import annotations

import random
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from tracekit.chunks import Chunks, Gaps

MILLISECOND = 1_000_000
LIMIT = 100 * MILLISECOND
HOLD_ON = st.integers(0, 3 * LIMIT)
streams = st.lists(st.tuples(HOLD_ON, HOLD_ON), max_size=200)
"""Of each gap what the network took and what the reader took."""


def fed(gaps, start=0):
    """Return the chunks of a stream with these ``(network, reader)`` gaps."""
    chunks, now = Chunks(start), start
    for network, held in gaps:
        now += network + held
        chunks.add(now, held)
    return chunks


def nearest_rank(values, percent):
    return sorted(values)[max(0, -(-percent * len(values) // 100) - 1)]


def naive(gaps, start=0):
    """Work the same out from all the gaps at once."""
    if not gaps:
        return None
    whole = [network + held for network, held in gaps]
    median, now, stalls = nearest_rank(whole, 50), start, []
    for network, held in gaps:
        if network > LIMIT and network > 5 * median:
            stalls.append((now + held, network))
        now += network + held
    longest = sorted(sorted(stalls, key=lambda one: -one[1])[:16])
    time = sum(length for _, length in stalls)
    p95 = nearest_rank(whole, 95)
    return Gaps(median, p95, max(whole), len(stalls), time, tuple(longest))


@given(streams, st.integers(0, 10**9))
def test_gaps_and_stalls_are_those_of_a_naive_count(gaps, start):
    chunks = fed(gaps, start)

    assert chunks.gaps() == naive(gaps, start)
    assert chunks.count == len(gaps) + 1
    assert chunks.first == start
    assert chunks.last == start + sum(map(sum, gaps))
    assert chunks.consumer == sum(held for _, held in gaps)


def drawn(count, seed):
    """Return *count* gaps as a busy server might leave them, of a millisecond on average."""
    dice = random.Random(seed)
    return [(int(dice.expovariate(1 / MILLISECOND)), 0) for _ in range(count)]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4096), st.integers(0))
def test_nothing_is_lost_of_four_thousand_gaps(count, seed):
    gaps = drawn(count, seed)

    assert fed(gaps).gaps() == naive(gaps)


@settings(max_examples=20, deadline=None)
@given(st.integers(4097, 20_000), st.integers(0))
def test_of_a_longer_stream_count_and_extremes_are_exact_and_percentiles_close(count, seed):
    gaps = drawn(count, seed)
    chunks = fed(gaps)
    whole, seen = [network for network, _ in gaps], chunks.gaps()

    assert chunks.count == count + 1
    assert (chunks.first, chunks.last) == (0, sum(whole))
    assert seen.largest == max(whole)
    # Of 4096 gaps drawn at random a percentile is off by less than one in a hundred, nearly always.
    assert nearest_rank(whole, 45) < seen.p50 < nearest_rank(whole, 55)
    assert nearest_rank(whole, 92) < seen.p95 < nearest_rank(whole, 98)


def test_a_stream_that_alternates_keeps_both_its_kinds_of_gap():
    # An event and its blank line, say: every second gap is next to nothing.
    seen = fed([(1_000, 0), (20 * MILLISECOND, 0)] * 10_000).gaps()

    assert seen.p95 == 20 * MILLISECOND
    assert fed([(20 * MILLISECOND, 0), (1_000, 0)] * 10_000).gaps().p95 == 20 * MILLISECOND


def test_a_gap_that_the_reader_made_is_no_stall():
    usual = [(10 * MILLISECOND, 0)] * 9

    assert fed([*usual, (0, 900 * MILLISECOND)]).gaps().stalled == 0
    mixed = fed([*usual, (150 * MILLISECOND, 750 * MILLISECOND)]).gaps()
    assert (mixed.stalled, mixed.stall_time) == (1, 150 * MILLISECOND)
    assert mixed.stalls == ((840 * MILLISECOND, 150 * MILLISECOND),)


def test_a_stall_is_over_100_ms_and_over_five_medians():
    def stalled(median, longest):
        return fed([(median, 0)] * 3 + [(longest, 0)]).gaps().stalled

    assert stalled(MILLISECOND, LIMIT) == 0
    assert stalled(MILLISECOND, LIMIT + 1) == 1
    assert stalled(40 * MILLISECOND, 200 * MILLISECOND) == 0
    assert stalled(40 * MILLISECOND, 200 * MILLISECOND + 1) == 1


def test_the_longest_sixteen_stalls_are_shown_in_order_of_time():
    lengths = [LIMIT + one * MILLISECOND for one in range(1, 31)]
    random.Random(1).shuffle(lengths)
    gaps = [pair for length in lengths for pair in [(1_000, 0), (length, 0), (1_000, 0)]]
    seen = fed(gaps).gaps()

    assert (seen.stalled, seen.stall_time) == (30, sum(lengths))
    assert [length for _, length in seen.stalls] == [
        one for one in lengths if one > LIMIT + 14 * MILLISECOND
    ]
    assert [start for start, _ in seen.stalls] == sorted(start for start, _ in seen.stalls)


def test_thousands_of_stalls_are_counted_though_few_are_kept():
    gaps = [(MILLISECOND, 0)] * 5_000 + [(MILLISECOND, 0), (2 * LIMIT, 0)] * 3_000
    seen = fed(gaps).gaps()

    assert (seen.stalled, seen.stall_time) == (3_000, 3_000 * 2 * LIMIT)
    assert len(seen.stalls) == 16


def test_a_slow_but_even_stream_of_thousands_has_no_stalls():
    assert fed([(2 * LIMIT, 0)] * 3_000).gaps().stalled == 0


def test_a_single_chunk_has_no_gaps():
    assert Chunks(5).gaps() is None


def weight(chunks):
    """Return the bytes that a record of chunks takes, all that it holds included."""
    parts = [getattr(chunks, name) for name in Chunks.__slots__]
    stalls = [part for one in chunks._long for part in (one, *one)]
    return sum(map(sys.getsizeof, [chunks, *parts, *stalls]))


def test_a_million_chunks_take_a_hundred_kilobytes():
    chunks = fed([(2 * LIMIT if one % 50 else 5, 0) for one in range(5_000)])
    now = chunks.last
    for one in range(1_000_000):
        now += 2 * LIMIT if one % 1_000 == 0 else 1_000
        chunks.add(now)

    assert chunks.count == 1_005_001
    assert weight(chunks) < 128 * 1024


def test_the_hosts_random_numbers_stay_as_they_would_be():
    random.seed(7)
    expected = random.random()
    random.seed(7)
    fed([(1_000, 0)] * 10_000)

    assert random.random() == expected


def test_the_worked_example_has_one_stall_from_300_to_900():
    first, *rest = (one * MILLISECOND for one in (200, 250, 300, 900, 950))
    chunks = Chunks(first)
    for one in rest:
        chunks.add(one)
    seen = chunks.gaps()

    assert chunks.first == 200 * MILLISECOND
    assert (seen.p50, seen.largest) == (50 * MILLISECOND, 600 * MILLISECOND)
    assert seen.stalls == ((300 * MILLISECOND, 600 * MILLISECOND),)
    assert (seen.stalled, seen.stall_time) == (1, 600 * MILLISECOND)
