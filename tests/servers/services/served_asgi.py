"""Every ASGI framework in one process, each wrapped on its own; a header says which is asked."""

from __future__ import annotations

import asyncio
from typing import Any

import bare_asgi
import django_app
import fastapi_app
import starlette_app

import tracekit
from tracekit import lifecycle

tracekit.init("servers")

_APPS: dict[str, Any] = {
    "bare": tracekit.ASGIMiddleware(bare_asgi.app),
    "Starlette": tracekit.ASGIMiddleware(starlette_app.app),
    "FastAPI": tracekit.ASGIMiddleware(fastapi_app.app),
    "Django": tracekit.ASGIMiddleware(django_app.asgi),
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _APPS["Starlette"](scope, receive, send)
        return
    chosen = dict(scope["headers"]).get(b"x-framework", b"").decode()
    if chosen:
        await _APPS[chosen](scope, receive, send)
        return
    await asyncio.to_thread(lifecycle.flush)
    await bare_asgi.app({**scope, "path": "/flushed"}, receive, send)
