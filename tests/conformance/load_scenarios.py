"""A thousand calls, fifty at a time: none mixed up, none lost, nothing kept."""

from __future__ import annotations

import gc
import sys
from collections import Counter

from conformance.bounds import residual
from conformance.caller import Caller
from conformance.scenario import scenario
from conformance.stage import Stage
from faults.routes import echoed
from faults.server import FaultServer

from tracekit import attributes as names

CALLS = 1_000
AT_ONCE = 50


@scenario("1,000 calls, 50 at once")
def a_thousand(stage: Stage) -> None:
    """The second thousand leaves less behind than one block of memory a call."""
    server = stage.server()
    caller = stage.caller(pool=AT_ONCE, block=True)
    _thousand(stage, caller, server, 0)
    before = _blocks(stage, server)
    _thousand(stage, caller, server, CALLS)
    assert _blocks(stage, server) - before < CALLS


def _thousand(stage: Stage, caller: Caller, server: FaultServer, first: int) -> None:
    paths = [f"/echo/{number}" for number in range(first, first + CALLS)]
    answers = caller.together([server.url(path) for path in paths], AT_ONCE)

    assert answers == [echoed(path) for path in paths]
    assert Counter(one.path for one in server.requests) == Counter(paths)
    assert Counter(call.path for call in stage.calls()) == Counter(paths)
    for call in stage.calls():
        status, body = echoed(call.path)
        assert call[names.HTTP_STATUS] == status
        assert call.of_body(names.BODY_BYTES) == len(body)
        assert residual(call) < call.wall
    _hold_connections(stage, server)


def _hold_connections(stage: Stage, server: FaultServer) -> None:
    """Each call was the only one to be the n-th on its connection, and the server saw as many."""
    uses = [(call[names.CONNECTION_ID], call[names.CONNECTION_USE]) for call in stage.calls()]
    assert len(set(uses)) == CALLS
    assert len({connection for connection, _ in uses}) <= server.connections


def _blocks(stage: Stage, server: FaultServer) -> int:
    server.requests.clear()
    stage.forget()
    gc.collect()
    return sys.getallocatedblocks()


LOAD = (a_thousand,)
