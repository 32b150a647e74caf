"""Time-ordered identifiers: UUIDv7 request IDs and trace ids that begin with the time.

A store sorted by time then finds one ID among many by its zone maps, without an index.
"""

from __future__ import annotations

import os
import random
import time

# A generator of our own: a host that calls random.seed(1) in every worker must not get one set of
# ids in all of them. A forked child would repeat its parent's ids, so it seeds anew.
_random = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)

_MILLISECOND = 1_000_000


def new_request_id() -> str:
    """Return a UUIDv7 (RFC 9562); the bits after the milliseconds hold the sub-millisecond time."""
    milliseconds, rest = divmod(time.time_ns(), _MILLISECOND)
    value = (
        milliseconds << 80
        | 0x7 << 76
        | (rest << 12) // _MILLISECOND << 64
        | 0b10 << 62
        | _random.getrandbits(62)
    )
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_trace_id() -> int:
    """Return 128 bits: 48 of Unix milliseconds, then 80 random ones.

    The last 8 bytes are random, which is what ratio samplers and W3C's random-trace-id flag need.
    """
    return time.time_ns() // _MILLISECOND << 80 | (_random.getrandbits(80) or 1)


def new_span_id() -> int:
    """Return 64 random bits, never all zero (W3C forbids that)."""
    return _random.getrandbits(64) or 1
