"""tracekit, the service side: trace a Python service with one line, and never get in its way.

::

    import tracekit

    tracekit.init("stt")
    app = tracekit.ASGIMiddleware(app)
"""

from __future__ import annotations

from tracekit.asgi import ASGIMiddleware
from tracekit.carry import wrap
from tracekit.errors import ConfigurationError, TracekitError
from tracekit.lifecycle import init, shutdown
from tracekit.logs import LogFilter, LogFormatter, structlog_processor
from tracekit.propagation import extract, inject
from tracekit.request import current_request_id, mark, request
from tracekit.stages import stage
from tracekit.wsgi import WSGIMiddleware

__all__ = [
    "ASGIMiddleware",
    "ConfigurationError",
    "LogFilter",
    "LogFormatter",
    "TracekitError",
    "WSGIMiddleware",
    "current_request_id",
    "extract",
    "init",
    "inject",
    "mark",
    "request",
    "shutdown",
    "stage",
    "structlog_processor",
    "wrap",
]
