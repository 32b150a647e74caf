"""Servers that fail, and time-outs in every phase."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from conformance.bounds import expect
from conformance.raising import raises
from conformance.scenario import scenario
from conformance.stage import Stage
from faults.addresses import black_hole, first_address

from tracekit import attributes as names

TIME_OUT = 0.15


@scenario("connection reset")
def reset(stage: Stage) -> None:
    server = stage.server()
    raises(stage.caller(), server.url("/reset"))

    # Who tries once more is reset once more, and says so.
    assert len(stage.calls()) == len(server.requests) == server.connections
    for call in stage.calls():
        expect(call)
        assert call.failed_in == "wait"
        assert call[names.ERROR_TYPE]
        assert call[names.HTTP_STATUS] is None
        assert call.span.status.is_ok is False


@scenario("error status")
def error_status(stage: Stage) -> None:
    server = stage.server()
    caller = stage.caller()
    assert caller.get(server.url("/failing")) == (500, b"broken")
    assert caller.get(server.url("/echo/5"))[0] == 404

    for call, status in zip(stage.calls(), (500, 404), strict=True):
        expect(call)
        assert call[names.HTTP_STATUS] == status
        assert call[names.ERROR_TYPE] == str(status)
        assert call.failed_in is None
        assert call.span.status.is_ok is False


def _timed_out_in(stage: Stage, phase: str) -> None:
    call = stage.call()
    # urllib3 loads certificates before each handshake, and its clock runs from there.
    setup = call[names.TLS_SETUP] or 0
    expect(call, **{phase: TIME_OUT + setup / 1e9})
    assert call.failed_in == phase
    failed = call.body if phase == "receive" and call.body is not None else call.span
    assert failed.attributes[names.ERROR_TYPE]
    assert failed.status.is_ok is False


@scenario("time-out in dns", connects=True)
def time_out_in_dns(stage: Stage) -> None:
    stage.resolve("slow.test", ["127.0.0.1"], 3 * TIME_OUT)
    raises(stage.caller(), stage.server().url(host="slow.test"), TIME_OUT)

    _timed_out_in(stage, "dns")
    assert stage.call()[names.DNS_ERROR] == "cancelled"


@time_out_in_dns.instead
def time_out_in_dns(stage: Stage) -> None:
    """However long it takes, the look-up is waited for: all of it is dns, and no error."""
    stage.resolve("slow.test", ["127.0.0.1"], 3 * TIME_OUT)
    stage.caller().get(stage.server().url(host="slow.test"), TIME_OUT)

    expect(stage.call(), dns=stage.delays.total("dns"))


@scenario("time-out in connect", connects=True)
def time_out_in_connect(stage: Stage) -> None:
    server = stage.server()
    address = first_address()
    host = f"[{address}]" if ":" in address else address
    with black_hole(address, server.port):
        raises(stage.caller(), server.url(host=host), TIME_OUT)

    _timed_out_in(stage, "connect")
    outcome = "cancelled" if stage.is_async else "timeout"
    assert stage.call().attempts == [(address, outcome)]


@scenario("time-out in tls", connects=True)
def time_out_in_tls(stage: Stage) -> None:
    server = stage.server(tls=True, handshake_delay=4 * TIME_OUT)
    raises(stage.caller(), server.url(), TIME_OUT)

    _timed_out_in(stage, "tls")


@scenario("time-out in wait")
def time_out_in_wait(stage: Stage) -> None:
    server = stage.server()
    raises(stage.caller(), server.url("/hang"), TIME_OUT)

    _timed_out_in(stage, "wait")


@scenario("time-out in receive")
def time_out_in_receive(stage: Stage) -> None:
    server = stage.server()
    raises(stage.caller(), server.url("/endless"), TIME_OUT)

    _timed_out_in(stage, "receive")


@scenario("time-out in pool")
def time_out_in_pool(stage: Stage) -> None:
    server = stage.server()
    caller = stage.caller(pool=1, block=True)
    with caller.opened(server.url("/endless-chunks")):
        raises(caller, server.url(), TIME_OUT)

    (failed,) = [call for call in stage.calls() if call.path == "/"]
    expect(failed, pool=TIME_OUT)
    assert failed.failed_in == "pool"
    assert failed[names.ERROR_TYPE]
    assert failed.span.status.is_ok is False


@time_out_in_pool.instead
def time_out_in_pool(stage: Stage) -> None:
    """The call waits as long as it takes, or opens a connection of its own: no error."""
    server = stage.server()
    caller = stage.caller(pool=1, block=True)
    with ThreadPoolExecutor(1) as threads:
        with caller.opened(server.url("/endless-chunks")):
            answer = threads.submit(caller.get, server.url(), TIME_OUT)
            stage.delays.pause("held", 2 * TIME_OUT)
        assert answer.result() == (200, b"hello")

    (call,) = [call for call in stage.calls() if call.path == "/"]
    waits = call[names.phase("pool")] is not None
    expect(call, pool=stage.delays.total("held") if waits else 0.0)


FAILURES = (
    reset,
    error_status,
    time_out_in_dns,
    time_out_in_connect,
    time_out_in_tls,
    time_out_in_wait,
    time_out_in_receive,
    time_out_in_pool,
)
