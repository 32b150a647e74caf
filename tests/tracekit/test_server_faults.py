"""Whatever breaks inside tracekit, a service answers the same, and who runs it hears of it."""

from __future__ import annotations

import asyncio
import http.client
import importlib
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from opentelemetry.context import Context, attach, detach, get_current
from sockets import serving_asgi, serving_wsgi
from websockets.sync.client import connect

import tracekit
from tracekit import guard
from tracekit.garbage import GarbageHooks
from tracekit.logs import LogFilter, LogFormatter
from tracekit.request import Request
from tracekit.scope import SpanScope
from tracekit.server import Exchange
from tracekit.testing import Capture

MODULES = (
    "asgi",
    "asgi_http",
    "asgi_websocket",
    "garbage",
    "in_loop",
    "logs",
    "loop_lag",
    "peers",
    "propagation",
    "queueing",
    "request",
    "request_id",
    "route",
    "scope",
    "sent",
    "server",
    "server_flags",
    "serving",
    "timings",
    "wsgi",
    "wsgi_body",
    "wsgi_input",
)
HOOKS = {
    # What stands between server and application holds the host's own call: ours around it breaks.
    "ASGIMiddleware._serve",
    "HttpRequest.receive",
    "HttpRequest.send",
    "WebSocketConnection.receive",
    "WebSocketConnection.send",
    "Body._first",
    "Body.close",
    "ListBody.close",
    "TimedInput._note",
    "_Start.__init__",  # assignments
    "TimedInput.read",
    "TimedInput.readline",
    "TimedInput.readlines",
    "TimedInput._call",
    "_Start._write",
}
GUARDS = {
    # What never raises, because it keeps the rest from it: the rest is broken in its stead.
    "asgi._arrive",
    "asgi._finish",
    "asgi_route",
    "wsgi._arrive",
    "wsgi_route",
    "asgi._conversation",
    "scope.leave",
    "scope.finish",
    "logs.leave_on",
    "Watch._beat",
    "wsgi_body.wrap",
    "HttpRequest._note_received",
    "HttpRequest._note_sent",
    "HttpRequest._look",
    "HttpRequest._leave",
    "server_flags.has_left",
    "server_flags.left_at_the_end",
    "HttpRequest._head",
    "WebSocketConnection._note_sent",
    "WebSocketConnection._head",
    "_Start.follow",
    "Body._give",
    "Body._taken",
    "ListBody._taken",
    "Body._how",
    "Exchange.start",
    "Exchange.end",
    "Exchange.returned",
    "Exchange._attributes",
}


NOT_SERVING = (GarbageHooks, Request, SpanScope, LogFilter, LogFormatter)
"""What runs in an application's own blocks and log lines."""


class OurFault(Exception):
    """Ours alone: if a host sees one, it came from us."""


BROKEN: set[str] = set()
Target = tuple[str, Any, str]


def targets() -> Iterator[Target]:
    """Every function and method of ours that may run in a request, with its owner."""
    for name in MODULES:
        module = importlib.import_module(f"tracekit.{name}")
        owners = [one for one in vars(module).values() if inspect.isclass(one)]
        for owner in (module, *owners):
            home = module.__name__ if owner is module else owner.__module__
            if home == module.__name__ and owner not in NOT_SERVING:
                yield from targets_of(owner, home)


def targets_of(owner: Any, home: str) -> Iterator[Target]:
    for name, member in list(vars(owner).items()):
        is_ours = inspect.isfunction(member) and member.__module__ == home
        is_special = name.startswith("__") and name != "__init__"
        label = f"{owner.__name__.rpartition('.')[2]}.{name}"
        is_kept = label in HOOKS | GUARDS or name in GUARDS
        if (is_ours or isinstance(member, property)) and not is_special and not is_kept:
            yield label, owner, name


TARGETS = [target for target in targets() if target[0] not in ("ASGIMiddleware.__init__",)]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await chat(receive, send)
        return
    path = scope["path"]
    if path == "/error":
        raise ValueError("the host's own")
    headers = [(b"content-type", b"text/plain"), (b"x-theirs", b"1")]
    if path == "/echo":
        pieces = [(await receive())["body"]]
    else:
        pieces = [b"a", b"bc", b"def"] if path in ("/stream", "/broken") else [b"whole"]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if path == "/broken":
        raise ValueError("the host's own, later")
    await send({"type": "http.response.body", "body": b""})
    if path == "/background":
        await asyncio.sleep(0.006)


async def chat(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"].upper()})


def wsgi(environ: Any, start_response: Any) -> Any:
    path = environ["PATH_INFO"]
    if path == "/error":
        raise ValueError("the host's own")
    pieces = [b"whole"]
    if path == "/echo":
        pieces = [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Theirs", "1")])
    if path == "/stream":
        return iter([b"a", b"bc", b"def"])
    return later() if path == "/broken" else pieces


def later() -> Iterator[bytes]:
    yield b"a"
    raise ValueError("the host's own, later")


class Watched:
    """The applications from outside of ours: what the context is before and after a request."""

    def __init__(self) -> None:
        options: Any = {
            "server_timing": True,
            "traceresponse": True,
            "trust_incoming": lambda _: True,
            "capture_request_headers": ["x-asked"],
            "capture_response_headers": ["x-theirs"],
        }
        self.inner: Any = tracekit.ASGIMiddleware(asgi, **options)
        self.inner_wsgi: Any = tracekit.WSGIMiddleware(wsgi, **options)
        self.left: list[Context] = []
        self.escaped: list[BaseException] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        token = attach(Context())
        try:
            await self.inner(scope, receive, send)
        except OurFault as error:
            self.escaped.append(error)
            raise
        finally:
            self.look()
            detach(token)

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        self.look()
        try:
            return self.inner_wsgi(environ, start_response)
        except OurFault as error:
            self.escaped.append(error)
            raise
        finally:
            self.look()

    def look(self) -> None:
        if get_current() != {}:
            self.left.append(get_current())


PATHS = ("/", "/stream", "/echo", "/error", "/broken", "/background")
_OURS = ("x-request-id", "server-timing", "traceresponse", "date")


class Site:
    """Both applications behind real servers, asked for everything."""

    def __init__(self, asgi_port: int, wsgi_port: int, watched: Watched) -> None:
        self._ports = (asgi_port, wsgi_port)
        self.watched = watched

    def visit(self) -> list[Any]:
        """Return all that a client sees, without what is ours."""
        pages = [self._get(port, path) for port in self._ports for path in PATHS]
        return [*pages, self._chat(self._ports[0])]

    def _get(self, port: int, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = b"hello" if path == "/echo" else None
        headers = {"X-Request-ID": "r-1", "X-Asked": "1", "X-Request-Start": "t=1700000000"}
        try:
            connection.request("POST" if body else "GET", path, body, headers)
            response = connection.getresponse()
            told = [
                (name.lower(), value)
                for name, value in response.getheaders()
                if name.lower() not in _OURS
            ]
            pieces = []
            with suppress(http.client.IncompleteRead):
                while piece := response.read(1):
                    pieces.append(piece)
            return response.status, told, b"".join(pieces)
        finally:
            connection.close()

    def _chat(self, port: int) -> Any:
        with connect(f"ws://127.0.0.1:{port}/chat", proxy=None) as socket:
            socket.send("hello")
            return socket.recv()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    watched = Watched()
    with serving_asgi(watched) as one, serving_wsgi(watched.wsgi) as other:
        yield Site(one, other, watched)


@pytest.fixture(scope="module")
def expected(site: Site) -> list[Any]:
    return site.visit()


def places(function: Any, owner: Any, name: str) -> list[tuple[Any, str]]:
    """Where *function* is called from: modules import each other's by name."""
    if not isinstance(owner, ModuleType):
        return [(owner, name)]
    return [
        (module, key)
        for key_of, module in list(sys.modules.items())
        if key_of.startswith("tracekit")
        for key, value in list(vars(module).items())
        if value is function
    ]


def test_the_site_answers_as_it_is_to(expected: list[Any]) -> None:
    statuses = [page[0] for page in expected[:-1]]
    assert statuses == [200, 200, 200, 500, 200, 200] * 2
    assert expected[1][2] == b"abcdef"
    assert expected[-1] == "HELLO"


@pytest.mark.parametrize(("label", "owner", "name"), TARGETS, ids=[one[0] for one in TARGETS])
def test_a_fault_in_any_part_of_ours_changes_no_answer(
    label: str,
    owner: Any,
    name: str,
    site: Site,
    expected: list[Any],
    captured: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = []
    site.watched.escaped.clear()
    site.watched.left.clear()

    def breaking(*_: Any, **__: Any) -> Any:
        called.append(label)
        raise OurFault(label)

    original = vars(owner)[name]
    before = sum(guard.faults().values())
    for where, key in places(original, owner, name):
        broken = property(breaking) if isinstance(original, property) else breaking
        monkeypatch.setattr(where, key, broken)
    assert site.visit() == expected
    monkeypatch.undo()

    assert site.watched.escaped == []
    assert site.watched.left == []
    if called:
        BROKEN.add(label)
        assert sum(guard.faults().values()) > before


def test_most_of_it_was_broken_while_it_ran() -> None:
    assert len(BROKEN) > 50


def test_a_fault_is_counted_each_time_and_logged_once(
    site: Site,
    captured: Capture,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(guard, "_faults", Counter())
    monkeypatch.setattr(Exchange, "headers", lambda *_: 1 / 0)
    site.visit()

    assert guard.faults()["asgi.response"] == len(PATHS) - 1
    assert guard.faults()["wsgi.response"] == len(PATHS) - 1
    for place in ("asgi.response", "wsgi.response"):
        assert len([one for one in caplog.records if place in one.getMessage()]) == 1
