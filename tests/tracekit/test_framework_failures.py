"""An exception that the framework answers itself is the request's failure all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask.app
import pytest
from django.core.handlers import exception as django_exceptions
from flask import Flask, abort
from opentelemetry.trace import StatusCode
from sockets import get, serving_wsgi

import tracekit
from tracekit import attributes as names
from tracekit.frameworks import route_hooks
from tracekit.testing import Capture


@pytest.fixture(autouse=True)
def hooked() -> Iterator[None]:
    route_hooks().install()
    yield
    route_hooks().uninstall()


def shop() -> Flask:
    app = Flask("shop")

    @app.get("/fail")
    def fail() -> str:
        raise ZeroDivisionError("by zero")

    @app.get("/gone")
    def gone() -> str:
        abort(503)

    @app.get("/handled")
    def handled() -> str:
        raise KeyError("item")

    @app.errorhandler(KeyError)
    def absent(_error: KeyError) -> tuple[str, int]:
        return "no such item", 404

    @app.errorhandler(500)
    def page(_error: Any) -> tuple[str, int]:
        return "our own page", 500

    app.wsgi_app = tracekit.WSGIMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    return app


def ask(captured: Capture, path: str) -> tuple[tuple[int, bytes], Any]:
    with serving_wsgi(shop()) as port:
        status, _, body = get(port, path)
    return (status, body), captured.wait(1)[0]


def test_an_exception_behind_flasks_error_page_is_recorded_once(captured: Capture) -> None:
    answer, span = ask(captured, "/fail")
    assert answer == (500, b"our own page")
    assert span.attributes[names.ERROR_TYPE] == "ZeroDivisionError"
    assert span.attributes[names.ENDED] == "error"
    assert span.attributes[names.HTTP_STATUS] == 500
    assert [event.attributes["exception.message"] for event in span.events] == ["by zero"]
    assert span.status.status_code is StatusCode.ERROR


def test_an_exception_that_the_application_handles_is_no_failure(captured: Capture) -> None:
    answer, span = ask(captured, "/handled")
    assert answer == (404, b"no such item")
    assert names.ERROR_TYPE not in span.attributes
    assert span.status.status_code is StatusCode.UNSET


def test_an_error_answer_without_an_exception_is_named_by_its_status(captured: Capture) -> None:
    _, span = ask(captured, "/gone")
    assert span.attributes[names.ERROR_TYPE] == "503"
    assert span.attributes[names.ENDED] == "complete"
    assert span.events == ()


def test_an_exception_outside_of_a_request_of_ours_is_nobodys() -> None:
    app = Flask("plain")
    app.add_url_rule("/", view_func=lambda: 1 / 0, endpoint="fail")
    with serving_wsgi(app) as port:
        assert get(port)[0] == 500


def test_the_hooks_come_out_as_they_went_in() -> None:
    route_hooks().uninstall()
    before = flask.app.Flask.handle_exception, django_exceptions.handle_uncaught_exception
    route_hooks().install()
    hooked = flask.app.Flask.handle_exception, django_exceptions.handle_uncaught_exception
    route_hooks().uninstall()
    after = flask.app.Flask.handle_exception, django_exceptions.handle_uncaught_exception

    assert hooked[0] is not before[0]
    assert hooked[1] is not before[1]
    assert after == before
