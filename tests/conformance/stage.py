"""One run of one scenario with one client: hooks, servers and spans that are its own."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar
from unittest import mock

from conformance.caller import AsyncCaller, Caller, Options
from conformance.outgoing import Outgoing, calls
from faults.addresses import resolver
from faults.delays import Delays
from faults.server import FaultServer
from opentelemetry.sdk.trace import TracerProvider

from tracekit import clients, guard, propagation
from tracekit.testing import Capture

_Entered = TypeVar("_Entered")
_SWITCH = 0.0002


class Stage:
    """A context manager. The hooks go in with the first ``caller``, after ``resolve``."""

    def __init__(
        self,
        kind: type[Caller],
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        self.kind = kind
        self.is_async = issubclass(kind, AsyncCaller)
        self.delays = Delays()
        self.captured = Capture()
        self._new_loop = new_loop
        self._stack = ExitStack()
        self._installed = False

    def __enter__(self) -> Stage:
        # The servers' certificate signs itself; urllib3 would say so on every call.
        self.enter(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        self._faults = guard.faults()
        # Client and server share an interpreter: 5 ms for each to let go would be seen as delay.
        self._stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(_SWITCH)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        if error[0] is None:
            assert guard.faults() == self._faults, "something of ours failed, and the log says what"

    def enter(self, context: AbstractContextManager[_Entered]) -> _Entered:
        """Keep *context* open until the run is over."""
        return self._stack.enter_context(context)

    def server(self, **faults: Any) -> FaultServer:
        server: FaultServer = self.enter(FaultServer(**faults))
        return server

    def resolve(self, name: str, addresses: list[str], delay: float = 0.0) -> None:
        """Give *name* addresses of our own; ``delays`` says how long finding them took."""
        ours = resolver(name, addresses, delay=delay, delays=self.delays)
        self.enter(mock.patch.object(socket, "getaddrinfo", ours))
        uvloop = sys.modules.get("uvloop")
        if uvloop is not None:
            # It asks the system below Python, where nothing can be put in its way.
            self.enter(mock.patch.object(uvloop.Loop, "getaddrinfo", _in_thread(ours)))

    def caller(self, **options: Any) -> Caller:
        """Make a client of the kind that this run is about."""
        self._install()
        return self.enter(self.kind(Options(new_loop=self._new_loop, **options)))

    def calls(self) -> list[Outgoing]:
        return calls(self.captured)

    def call(self) -> Outgoing:
        """Return the only call there was."""
        calls = self.calls()
        assert len(calls) == 1, calls
        return calls[0]

    def forget(self) -> None:
        """Drop the calls so far."""
        self.captured._spans.clear()

    def timed(self, work: Callable[[], object]) -> int:
        """Return the nanoseconds that *work* took."""
        start = time.perf_counter_ns()
        work()
        return time.perf_counter_ns() - start

    def _install(self) -> None:
        if self._installed:
            return
        self._installed = True
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self.captured)
        propagation.install()
        clients.install(provider)
        self._stack.callback(clients.uninstall)


def _in_thread(resolve: Callable[..., list[Any]]) -> Callable[..., Any]:
    async def getaddrinfo(loop: asyncio.AbstractEventLoop, host: Any, port: Any, **_: Any) -> Any:
        return await loop.run_in_executor(None, resolve, host, port)

    return getaddrinfo
