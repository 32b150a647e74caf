from __future__ import annotations

import asyncio
import errno
import inspect
import socket
from contextlib import suppress
from unittest import mock

import pytest

from tracekit.clients import connect_scope
from tracekit.phases import ConnectionPhases


@pytest.fixture
def record(spans):
    """A record in whose scope this test connects."""
    record = ConnectionPhases("test", 0)
    token = connect_scope.current.set(record)
    yield record
    connect_scope.current.reset(token)


def test_look_ups_and_attempts_are_noted_while_a_client_connects(record, server):
    record.connecting = True
    socket.create_connection(("localhost", server.port)).close()

    assert record.lookups[0].host == "localhost"
    assert record.attempts[-1].outcome == "ok"
    assert record.lookups[0].end <= record.attempts[0].start


def test_nothing_is_noted_while_it_does_not(record, server):
    socket.create_connection(("localhost", server.port)).close()

    assert (record.lookups, record.attempts) == ([], [])


def test_a_non_blocking_connect_is_left_to_the_event_loop(record, server):
    record.connecting = True
    with socket.socket() as sock:
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.connect(("127.0.0.1", server.port))

    assert record.attempts == []


def test_connect_ex_is_as_it_was(record, server):
    record.connecting = True
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", server.port)) == 0
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", 1)) == errno.ECONNREFUSED


def test_arguments_by_name_still_work(spans, server):
    assert socket.getaddrinfo(host="127.0.0.1", port=server.port, proto=socket.IPPROTO_TCP)


def test_a_unix_socket_is_an_attempt_at_its_path(record, tmp_path):
    record.connecting = True
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as sock:
        listener.bind(path)
        listener.listen()
        sock.connect(path)

    assert record.attempts[0].address == path


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), "ECONNREFUSED"),
        (OSError(errno.ENETUNREACH, "no"), "ENETUNREACH"),
        (socket.gaierror(socket.EAI_NONAME, "no"), "EAI_NONAME"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_outcome_is_the_name_of_the_error(error, outcome):
    assert connect_scope.outcome_of(error) == outcome


def loop_classes():
    """Return the class of loop that each library makes; uvloop's where there is one."""
    made = [asyncio.new_event_loop()]
    with suppress(ImportError):
        import uvloop

        made.append(uvloop.new_event_loop())
    for loop in made:
        loop.close()
    return [type(loop) for loop in made]


@pytest.mark.parametrize("method", ["getaddrinfo", "sock_connect", "create_connection"])
@pytest.mark.parametrize("loop", loop_classes(), ids=lambda kind: kind.__module__)
def test_a_loops_coroutine_function_stays_one(install, loop, method):
    tests = (asyncio.iscoroutinefunction, inspect.iscoroutinefunction)
    before = [test(getattr(loop, method)) for test in tests]
    install()

    assert [test(getattr(loop, method)) for test in tests] == before


def test_a_mock_of_a_loops_look_up_is_awaited(spans):
    async def look_up():
        loop = asyncio.get_running_loop()
        with mock.patch.object(loop, "getaddrinfo") as replaced:
            replaced.return_value = ["found"]
            return await loop.getaddrinfo("a.test", 1)

    assert asyncio.run(look_up()) == ["found"]
