"""Every WSGI framework in one process, each wrapped on its own; a header says which is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bare_wsgi
import django_app
import flask_app

import tracekit
from tracekit import lifecycle

tracekit.init("servers")

_APPS: dict[str, Any] = {
    "bare": tracekit.WSGIMiddleware(bare_wsgi.app),
    "Flask": tracekit.WSGIMiddleware(flask_app.app),
    "Django": tracekit.WSGIMiddleware(django_app.wsgi),
}


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    chosen: str | None = environ.get("HTTP_X_FRAMEWORK")
    if chosen:
        answer: Iterable[bytes] = _APPS[chosen](environ, start_response)
        return answer
    lifecycle.flush()
    return bare_wsgi.app({**environ, "PATH_INFO": "/flushed"}, start_response)
