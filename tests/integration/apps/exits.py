"""A service that ends itself in the middle of its shutdown, as some command-line hosts do."""

from __future__ import annotations

import os

import tracekit

tracekit.init("exits")


@tracekit.ASGIMiddleware
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        os._exit(0)
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
