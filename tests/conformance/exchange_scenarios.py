"""A request and its response on a connection, and what becomes of the connection then."""

from __future__ import annotations

from conformance.bounds import expect
from conformance.raising import raises
from conformance.scenario import scenario
from conformance.stage import Stage

from tracekit import attributes as names

NEW = ("connect", "send", "wait", "receive")
REUSED = ("send", "wait", "receive")


@scenario("new connection, then reused")
def new_then_reused(stage: Stage) -> None:
    server = stage.server()
    caller = stage.caller()
    measured = [stage.timed(lambda: caller.get(server.url())) for _ in range(2)]

    first, second = stage.calls()
    assert [one[names.CONNECTION_STATE] for one in (first, second)] == ["new", "reused"]
    assert [one[names.CONNECTION_USE] for one in (first, second)] == [1, 2]
    assert first[names.CONNECTION_ID] == second[names.CONNECTION_ID]
    assert 0 < second[names.CONNECTION_IDLE] <= second[names.CONNECTION_AGE]
    assert all(first.phase(name) > 0 for name in NEW)
    assert all(second.phase(name) > 0 for name in REUSED)
    assert second[names.phase("connect")] is None
    for call, length in zip((first, second), measured, strict=True):
        expect(call, plain=True)
        assert call.wall <= length


@new_then_reused.instead
def new_then_reused(stage: Stage) -> None:
    server = stage.server()
    caller = stage.caller()
    caller.get(server.url())
    caller.get(server.url())

    for call in stage.calls():
        expect(call, plain=True)
        assert call[names.CONNECTION_STATE] == "new"
        assert call[names.CONNECTION_USE] == 1
    assert len({call[names.CONNECTION_ID] for call in stage.calls()}) == 2


@scenario("slow headers")
def slow_headers(stage: Stage) -> None:
    server = stage.server()
    stage.caller().get(server.url("/slow-headers"))

    expect(stage.call(), wait=server.delays.total("headers"), plain=True)


@scenario("slow body")
def slow_body(stage: Stage) -> None:
    server = stage.server()
    assert stage.caller().get(server.url("/slow-body")) == (200, b"helloworld")

    call = stage.call()
    expect(call, receive=server.delays.total("body"), plain=True)
    assert call.of_body(names.BODY_BYTES) == 10
    assert call.of_body(names.BODY_COMPLETE) is True


@scenario("connection closed after each response")
def closed_each_time(stage: Stage) -> None:
    server = stage.server()
    caller = stage.caller()
    for _ in range(3):
        caller.get(server.url("/closing"))

    for call in stage.calls():
        expect(call)
        assert call[names.CONNECTION_STATE] == "new"
    assert len({call[names.CONNECTION_ID] for call in stage.calls()}) == 3


@scenario("keep-alive dropped while idle")
def dropped_while_idle(stage: Stage) -> None:
    """The client finds the connection closed before it sends, and says nothing."""
    server = stage.server()
    caller = stage.caller()
    caller.get(server.url("/closing-later"))
    assert server.closed.acquire(timeout=5)
    assert caller.get(server.url())[0] == 200

    last = stage.calls()[-1]
    expect(last)
    assert last[names.CONNECTION_STATE] == "new"
    assert last[names.HTTP_STATUS] == 200


@dropped_while_idle.instead
def dropped_while_idle(stage: Stage) -> None:
    server = stage.server()
    caller = stage.caller()
    caller.get(server.url("/closing-later"))
    assert server.closed.acquire(timeout=5)
    raises(caller, server.url())

    last = stage.calls()[-1]
    expect(last)
    assert last[names.CONNECTION_STATE] == "reused"
    assert last.failed_in in ("send", "wait")
    assert last[names.ERROR_TYPE]


@scenario("hidden retry on a dropped connection")
def hidden_retry(stage: Stage) -> None:
    """Each request that went out is a call with what became of it, told or untold."""
    server = stage.server()
    caller = stage.caller(retries=1)
    caller.get(server.url())
    assert caller.get(server.url("/dropped-once")) == (200, b"hello")

    _, dropped, again = stage.calls()
    assert [one.path for one in server.requests] == ["/", "/dropped-once", "/dropped-once"]
    assert (dropped[names.CONNECTION_STATE], again[names.CONNECTION_STATE]) == ("reused", "new")
    assert dropped[names.ERROR_TYPE]
    assert dropped[names.HTTP_STATUS] is None
    assert (again[names.HTTP_RESEND_COUNT], again[names.HTTP_STATUS]) == (1, 200)
    expect(dropped)
    expect(again)


@hidden_retry.instead
def hidden_retry(stage: Stage) -> None:
    server = stage.server()
    caller = stage.caller()
    caller.get(server.url())
    raises(caller, server.url("/dropped-once"))

    dropped = stage.calls()[-1]
    assert [one.path for one in server.requests] == ["/", "/dropped-once"]
    assert dropped[names.CONNECTION_STATE] == ("reused" if stage.kind.keeps else "new")
    assert dropped.failed_in == "wait"
    expect(dropped)


@scenario("redirect")
def redirect(stage: Stage) -> None:
    server = stage.server()
    assert stage.caller().get(server.url("/redirect")) == (200, b"hello")

    first, second = stage.calls()
    assert (first[names.HTTP_STATUS], second[names.HTTP_STATUS]) == (302, 200)
    assert (first.path, second.path) == ("/redirect", "/")
    assert (first[names.REDIRECT], second[names.REDIRECT]) == (None, 1)
    assert first.span.end_time <= second.span.start_time
    expect(first)
    expect(second)


@redirect.instead
def redirect(stage: Stage) -> None:
    """Who follows it by hand makes two calls, and nothing says that they belong together."""
    server = stage.server()
    assert stage.caller().get(server.url("/redirect")) == (200, b"hello")

    first, second = stage.calls()
    assert (first[names.HTTP_STATUS], second[names.HTTP_STATUS]) == (302, 200)
    assert (first[names.REDIRECT], second[names.REDIRECT]) == (None, None)


EXCHANGE = (
    new_then_reused,
    slow_headers,
    slow_body,
    closed_each_time,
    dropped_while_idle,
    hidden_retry,
    redirect,
)
