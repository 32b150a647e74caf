"""Applications and servers get the middleware as they are imported, and are put back."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

import pytest
from flask import Flask
from sockets import get, serving_asgi, serving_wsgi
from starlette.applications import Starlette
from starlette.middleware.wsgi import WSGIMiddleware as Bridge
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from uvicorn.config import Config
from waitress.server import BaseWSGIServer, create_server

import tracekit
from analyzer.run_command import SITE
from tracekit.clients.libraries import LIBRARIES, Library
from tracekit.frameworks import cover_hooks, covering
from tracekit.frameworks.catalogue import APPLICATIONS, SERVERS, Framework
from tracekit.frameworks.registry import Registry
from tracekit.testing import Capture

WATCHED = [(Starlette, "__call__"), (Flask, "__call__"), (Config, "load"), (WSGIServer, "set_app")]


@pytest.fixture
def covered() -> Iterator[None]:
    cover_hooks().install()
    yield
    cover_hooks().uninstall()


async def ok(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("ok")


def flask() -> Flask:
    app = Flask(__name__)
    app.add_url_rule("/items/<item>", view_func=lambda item: item)
    return app


def one_span(captured: Capture) -> str:
    (span,) = captured.wait(1)
    return span.name


def test_uvicorn_and_starlette_together_make_one_span(captured, covered):
    app = Starlette(routes=[Route("/items/{item}", ok)])

    with serving_asgi(app) as port:
        _, headers, body = get(port, "/items/7", X_Request_ID="given")

    assert (headers["x-request-id"], body) == ("given", b"ok")
    assert one_span(captured) == "GET /items/{item}"


def test_flask_inside_of_starlette_makes_no_span_of_its_own(captured, covered):
    app = Starlette(routes=[Mount("/old", app=Bridge(flask()))])

    with serving_asgi(app) as port:
        assert get(port, "/old/items/7")[2] == b"7"

    assert one_span(captured) == "GET /old"


def test_a_server_of_the_standard_library_is_covered(captured, covered):
    with serving_wsgi(flask()) as port:
        get(port, "/items/7")

    assert one_span(captured) == "GET /items/<item>"


def test_an_application_is_covered_whatever_serves_it(captured, covered):
    answer = flask().test_client().get("/items/7")
    assert answer.data == b"7"
    answer.close()

    assert "X-Request-ID" in answer.headers
    assert one_span(captured) == "GET /items/<item>"


def test_a_servers_application_keeps_its_attributes(covered):
    app = flask()
    server = make_server("127.0.0.1", 0, app)
    server.server_close()

    assert server.get_app().import_name == app.import_name
    with pytest.raises(AttributeError, match="no_such"):
        server.get_app().no_such  # noqa: B018


def test_waitress_is_covered(captured, covered):
    server = create_server(flask(), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    get(server.effective_port, "/items/7")
    with suppress(OSError):  # woken by a request, it may have closed the trigger already
        server.trigger.pull_trigger(server.close)
    thread.join()
    server.task_dispatcher.shutdown()

    assert one_span(captured) == "GET /items/<item>"


def test_middleware_that_the_application_has_itself_is_the_one_that_counts(captured, covered):
    app = Starlette(routes=[Route("/items/{item}", ok)])
    app.add_middleware(tracekit.ASGIMiddleware, trust_incoming=False)

    with serving_asgi(app) as port:
        get(port, "/items/0")
        _, headers, _ = get(port, "/items/7", X_Request_ID="given")

    assert headers["x-request-id"] != "given"
    assert len(captured.wait(2)) == 2


@pytest.fixture
def beginnings(covered: None) -> Iterator[list[str]]:
    """Count how often tracing is begun for the first application that is served."""
    begun: list[str] = []
    covering.before_serving(lambda: begun.append("begun"))
    yield begun
    covering._begin.clear()


def test_an_application_with_the_middleware_begins_tracing_as_a_server_takes_it(beginnings):
    app = tracekit.WSGIMiddleware(flask())

    assert beginnings == []
    assert covering.covered_wsgi(app) is app
    assert beginnings == ["begun"]


async def serve_nothing(*_connection: Any) -> None: ...


@pytest.mark.parametrize("kind", ["ASGI", "WSGI"])
def test_the_middleware_begins_tracing_whatever_calls_it(kind, beginnings):
    if kind == "WSGI":
        environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": "test"}
        app = tracekit.WSGIMiddleware(lambda _environ, _start: [b"ok"])
        assert beginnings == []
        [*app(environ, lambda *_: None)]
    else:
        app = tracekit.ASGIMiddleware(serve_nothing)
        assert beginnings == []
        asyncio.run(app({"type": "lifespan"}, serve_nothing, serve_nothing))

    assert beginnings == ["begun"]


def test_a_beginning_that_fails_leaves_the_application_alone(covered):
    def fail() -> None:
        raise RuntimeError("no")

    covering.before_serving(fail)
    answer = tracekit.WSGIMiddleware(lambda _environ, _start: [b"ok"])

    assert [*answer({"REQUEST_METHOD": "GET", "SERVER_NAME": "test"}, lambda *_: None)] == [b"ok"]


def test_everything_is_put_back():
    before = [vars(owner)[name] for owner, name in WATCHED]
    init = BaseWSGIServer.__init__

    cover_hooks().install()
    assert [vars(owner)[name] for owner, name in WATCHED] != before
    cover_hooks().uninstall()

    assert [vars(owner)[name] for owner, name in WATCHED] == before
    assert BaseWSGIServer.__init__ is init


@pytest.mark.parametrize(
    "framework",
    [
        Framework("flask.app", Library("flask", "tracekit.frameworks.applications", "x", "1", "2")),
        Framework("flask.app", Library("flask", "tracekit.frameworks.nowhere", "x")),
    ],
    ids=["of a version that is not known", "whose hooks cannot be put in"],
)
def test_a_framework_goes_without_hooks_and_that_is_said_once(framework, caplog):
    call = Flask.__call__
    registry = Registry([framework])

    with caplog.at_level(logging.WARNING, "tracekit"):
        registry.install()
        registry.install()

    assert Flask.__call__ is call
    assert len([one for one in caplog.records if "flask" in one.getMessage()]) <= 1


def test_a_setting_that_cannot_work_leaves_the_application_as_it_is(monkeypatch):
    monkeypatch.setenv("TRACEKIT_SERVER_TIMING", "perhaps")
    covering._settings.cache_clear()
    app = flask()

    assert covering.covered_wsgi(app) is app
    covering._settings.cache_clear()


def test_run_waits_for_everything_that_has_hooks():
    with open(f"{SITE}/../startup.py") as file:
        awaited = set(re.findall(r'^    "([\w.]+)",$', file.read(), re.MULTILINE))

    never_alone = {"http.client", "uvloop"}  # what calls or serves by them is awaited
    assert {one.trigger for one in (*SERVERS, *APPLICATIONS)} <= awaited
    assert {library.name for library in LIBRARIES} - never_alone <= awaited
