from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
from conformance.callers import CALLERS, Caller
from faults.addresses import resolver
from faults.server import FaultServer
from opentelemetry.sdk.trace import TracerProvider

from tracekit import clients, guard, propagation
from tracekit.testing import Capture


@pytest.fixture(autouse=True)
def no_word_about_the_certificate() -> Iterator[None]:
    """The servers' certificate signs itself; urllib3 would say so on every call."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        yield


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def provider() -> TracerProvider:
    return TracerProvider(shutdown_on_exit=False)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a name addresses of our own. Comes before the hooks: to them it is the real resolver."""

    def give(name: str, addresses: list[str], delay: float = 0.0) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", resolver(name, addresses, delay=delay))

    return give


@pytest.fixture
def install(provider: TracerProvider) -> Iterator[Callable[[], Capture]]:
    """Install the hooks when the test says so; afterwards no fault of ours may have happened."""
    captured = Capture()
    provider.add_span_processor(captured)
    propagation.install()
    before = guard.faults()

    def put_in() -> Capture:
        clients.install(provider)
        return captured

    yield put_in
    clients.uninstall()
    assert guard.faults() == before


@pytest.fixture
def spans(install: Callable[[], Capture]) -> Capture:
    return install()


@pytest.fixture(params=CALLERS, ids=lambda kind: kind.name)
def caller(request: pytest.FixtureRequest, spans: Capture) -> Iterator[Caller]:
    """One client of each kind, made after the hooks."""
    with request.param() as made:
        yield made


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    """The two libraries of one kind, as modules."""
    return request.param
