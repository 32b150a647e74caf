"""Bodies that come in pieces, and hosts that do not stay for all of them."""

from __future__ import annotations

from conformance.bounds import close, expect
from conformance.scenario import scenario
from conformance.stage import Stage
from faults.routes import PIECES

from tracekit import attributes as names


@scenario("paused chunks")
def paused_chunks(stage: Stage) -> None:
    server = stage.server()
    pieces: list[bytes] = []
    stage.caller().read(server.url("/paused"), pieces.append)

    call = stage.call()
    first, gaps = server.delays.total("first chunk"), server.delays.each("gaps")
    expect(call, receive=first + sum(gaps))
    assert pieces == list(PIECES)
    assert call.of_body(names.BODY_CHUNKS) == len(PIECES)
    assert call.of_body(names.BODY_BYTES) == len(b"".join(PIECES))
    assert call.of_body(names.BODY_COMPLETE) is True
    began = 0 if call.body is not None else call.bounds()["receive"][0]
    assert close((call.of_body(names.BODY_FIRST_CHUNK) - began) / 1e9, first)
    assert close(call.of_body(names.BODY_GAP_P50) / 1e9, sorted(gaps)[1])
    assert close(call.of_body(names.BODY_LARGEST_GAP) / 1e9, max(gaps))
    assert call.of_body(names.BODY_STALLS) == 1
    assert close(call.of_body(names.BODY_STALL_TIME) / 1e9, max(gaps))


@scenario("abandoned stream")
def abandoned(stage: Stage) -> None:
    server = stage.server()
    stage.caller().abandon(server.url("/endless-chunks"))

    call = stage.call()
    expect(call)
    assert call.of_body(names.BODY_COMPLETE) is False
    assert call.of_body(names.BODY_BYTES) == 5
    assert call.of_body(names.BODY_CHUNKS) == 1


class _HostsOwn(Exception):
    pass


@scenario("client error while reading")
def error_while_reading(stage: Stage) -> None:
    """The host's own code fails on the first piece: its error passes, and the call is over."""
    server = stage.server()

    def fail(_piece: bytes) -> None:
        raise _HostsOwn

    try:
        stage.caller().read(server.url("/endless-chunks"), fail)
    except _HostsOwn:
        pass
    else:
        raise AssertionError("the host's own error is gone")

    call = stage.call()
    expect(call)
    assert call[names.HTTP_STATUS] == 200
    assert call.of_body(names.BODY_COMPLETE) is False
    assert call.of_body(names.BODY_BYTES) == 5


STREAMS = (paused_chunks, abandoned, error_while_reading)
