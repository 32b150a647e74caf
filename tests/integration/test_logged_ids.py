"""Whatever a real server and its framework log during a request carries the ID of its client."""

from __future__ import annotations

import pytest
from logged_services import GUNICORN, UVICORN, answering, running


def test_under_uvicorn_down_to_its_access_lines_and_its_traceback(tmp_path):
    with answering() as url, running(UVICORN, "app", tmp_path, NEXT=url) as host:
        reply, began = host.ask("/work", "asgi-1")
        worked = host.logged(began, "uvicorn.access")
        failing, began = host.ask("/fail", "asgi-2")
        failed = host.logged(began, "uvicorn.error")

    assert (reply.status, failing.status) == (200, 500)
    assert {line["request_id"] for line in worked} == {"asgi-1"}
    assert {"in a pool", "in the framework's pool", "thinking"} <= {
        line["message"] for line in worked
    }
    assert {"host", "httpx", "uvicorn.access"} <= {line["name"] for line in worked}
    assert len({line["trace_id"] for line in worked}) == 1
    assert {line["request_id"] for line in failed} == {"asgi-2"}
    assert {line["name"] for line in failed if line["failed"]} == {"uvicorn.error"}
    assert {"host", "uvicorn.access"} <= {line["name"] for line in failed}


@pytest.mark.parametrize(("app", "logger"), [("flask_app", "logged"), ("django_app", "django")])
def test_under_gunicorn_down_to_the_frameworks_error(app, logger, tmp_path):
    name = "django.request" if logger == "django" else logger
    with running(GUNICORN, app, tmp_path) as host:
        reply, began = host.ask("/work", "wsgi-1")
        worked = host.logged(began, "host")
        failing, began = host.ask("/fail", "wsgi-2")
        failed = host.logged(began, name)

    assert (reply.status, failing.status) == (200, 500)
    assert {line["request_id"] for line in worked} == {"wsgi-1"}
    assert {line["message"] for line in worked} == {"working", "in a pool", "thinking"}
    assert {line["request_id"] for line in failed} == {"wsgi-2"}
    assert [line["failed"] for line in failed if line["name"] == name] == [True]
    # Its access line comes when the request is over: there the header tells.
    accessed = sorted(host.access.read_text().splitlines())
    assert accessed == ["first /none", "wsgi-1 /work", "wsgi-2 /fail"]


def test_under_gunicorn_down_to_its_own_traceback(tmp_path):
    with running(GUNICORN, "flask_app", tmp_path) as host:
        reply, began = host.ask("/bare", "wsgi-3")
        failed = host.logged(began, "gunicorn.error")

    assert reply.status == 500
    assert {line["request_id"] for line in failed} == {"wsgi-3"}
    assert any(line["failed"] for line in failed)
