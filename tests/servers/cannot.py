"""Which cell cannot show what, and why: those of the table that are not a tick."""

from __future__ import annotations

ANY = "*"
_WSGI = ("gunicorn-sync", "gunicorn-gthread", "waitress")
_HYPERCORN = ("hypercorn", "hypercorn-http2")
_WEBSOCKET = ("websocket", "websocket: ID", "websocket: close")

REASONS = (
    ("route", ANY, "bare", "it has no routes"),
    ("request body", "waitress", ANY, "has the whole body before it calls the application"),
    ("connection reuse", "gunicorn-sync", ANY, "closes the connection after every answer"),
    (
        "disconnect",
        "hypercorn-http2",
        "bare",
        "if it does not listen for the client, the server holds it in `send` until the end",
    ),
    (
        "disconnect",
        "granian",
        "bare",
        "if it does not listen for the client, the server takes all that it sends in silence",
    ),
    ("overlapping", "gunicorn-sync", ANY, "serves one request at a time"),
    *((one, server, ANY, "has no websockets: WSGI") for one in _WEBSOCKET for server in _WSGI),
    *((one, ANY, "Django", "the framework has no websockets") for one in _WEBSOCKET),
    ("websocket: ID", "granian", ANY, "sends no headers when it accepts a websocket"),
    *(("websocket: close", server, ANY, "says 1006 of every close") for server in _HYPERCORN),
)
"""Scenario, server, framework, and why it cannot: of the server where that is of any framework."""


def reason(scenario: str, host: str, framework: str) -> str | None:
    """Return why *framework* on *host* cannot show *scenario*; None if it can."""
    for name, server, application, why in REASONS:
        if name == scenario and server in (ANY, host) and application in (ANY, framework):
            return f"The server {why}." if application == ANY else f"{application}: {why}."
    return None
