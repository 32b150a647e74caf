from __future__ import annotations

import pytest
from findings_building import Memory, found, handled, opened
from trace_building import EPOCH, MS, call

from tracekit import attributes as a

RULE = "idle-too-long"
SECOND = 1_000 * MS
HOUR = 3_600 * SECOND


def kept(start, *, served=37, age=HOUR, **more):
    """A call of 40 ms, 20 of which opened a connection, by a client made long ago."""
    attributes = opened(**{a.CLIENT_REQUESTS: served, a.CLIENT_AGE: age + start * MS, **more})
    phases = {"connect": (start, start + 20), "wait": (start + 20, start + 40)}
    return lambda root: call(start, start + 40, root, phases, attributes=attributes)


def idle_for(seconds):
    return Memory(new=3, reused=40, last_used=EPOCH + 20 * MS - round(seconds * SECOND))


def test_a_connection_that_a_kept_client_opens_after_a_pause_is_named_with_the_pause():
    (finding,) = found(RULE, handled(100, kept(20)), idle_for(12))

    assert finding.title == "The idle connection to back:80 was gone"
    assert (finding.cost_ns, finding.saving_ns) == (20 * MS, 20 * MS)
    assert "had served 37 calls" in finding.evidence[1]
    assert "over 12.0 s ago" in finding.evidence[1]
    assert finding.evidence[2] == (
        "Possible: back:80 had restarted, or keeps an idle connection for less than that "
        "(gunicorn 2 s, uvicorn 5 s)."
    )
    assert finding.fix == (
        "let back:80 keep idle connections for 18 s: gunicorn --keep-alive 18, "
        "uvicorn --timeout-keep-alive 18",
        "if back:80 had restarted, there is nothing to mend",
    )
    assert finding.where == "app.py:7"


def test_nothing_is_said_of_a_missing_session_then():
    assert found("no-connection-reuse", handled(100, kept(20)), idle_for(12)) == []


@pytest.mark.parametrize(
    ("library", "seconds", "words", "line"),
    [
        ("httpx", 6, "httpx drops a connection", "keepalive_expiry=9"),
        ("aiohttp", 20, "aiohttp drops a connection", "keepalive_timeout=30"),
    ],
)
def test_after_a_pause_that_the_client_does_not_bridge_either_side_may_have_closed(
    library, seconds, words, line
):
    spans = handled(100, kept(20, **{a.CLIENT_LIBRARY: library}))
    (finding,) = found(RULE, spans, idle_for(seconds))

    assert words in finding.evidence[2]
    assert "or the server had closed it (gunicorn 2 s, uvicorn 5 s)" in finding.evidence[2]
    assert line in finding.fix[0]
    assert finding.fix[1].startswith("let back:80 keep idle connections")


@pytest.mark.parametrize(
    ("library", "seconds", "servers", "kept_for"),
    [
        ("httpx2", 2.68, "(gunicorn 2 s)", "httpx2 itself keeps one for 5 s"),
        ("httpx", 4.9, "(gunicorn 2 s)", "httpx itself keeps one for 5 s"),
        ("aiohttp", 6, "(gunicorn 2 s, uvicorn 5 s)", "aiohttp itself keeps one for 15 s"),
    ],
)
def test_a_pause_that_the_client_bridges_is_the_servers_and_no_setting_of_the_client_is_the_fix(
    library, seconds, servers, kept_for
):
    spans = handled(100, kept(20, **{a.CLIENT_LIBRARY: library}))
    (finding,) = found(RULE, spans, idle_for(seconds))

    assert finding.evidence[2].startswith("Possible: back:80 had restarted, or keeps")
    assert f"less than that {servers}; {kept_for}." in finding.evidence[2]
    assert finding.fix[0].startswith("let back:80 keep idle connections")
    assert not any(library in line for line in finding.fix)


def test_a_pause_that_no_keep_alive_should_bridge_has_another_fix():
    (finding,) = found(RULE, handled(100, kept(20)), idle_for(3_600))

    assert finding.fix[0].startswith("open it ahead of need")


def test_the_pause_may_lie_within_the_request():
    (finding,) = found(RULE, handled(9_000, kept(10, served=0), kept(6_000, served=1)))

    assert finding.cost_ns == 20 * MS
    assert "over 5.95 s ago" in finding.evidence[1]


@pytest.mark.parametrize(
    ("call_", "memory"),
    [
        (kept(20), idle_for(1)),
        (kept(20), None),
        (kept(20), Memory(new=3)),
        (kept(20, served=0), idle_for(12)),
        (kept(20, **{a.CONNECTION_STATE: "reused"}), idle_for(12)),
    ],
    ids=["short pause", "no store", "never used", "first call", "reused"],
)
def test_without_a_long_pause_of_a_kept_client_nothing_is_claimed(call_, memory):
    assert found(RULE, handled(100, call_), memory) == []


def test_another_clients_use_in_between_does_not_shorten_the_pause():
    other = kept(5_900, served=5, age=2 * HOUR, **{a.CONNECTION_STATE: "reused"})
    spans = handled(9_000, kept(10, served=0), other, kept(6_000, served=1))

    assert len(found(RULE, spans)) == 1
