"""The collector's ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from analyzer.collector.desk import routes
from analyzer.collector.hosts import HostGuard
from analyzer.collector.traces import TracesEndpoint
from analyzer.collector.writer import Writer
from analyzer.store.local import LocalStore


def make_app(store: LocalStore, writer: Writer, *, local_only: bool) -> Starlette:
    """Return the application over *store*; *local_only* refuses names other than localhost."""
    return Starlette(
        routes=[Route("/v1/traces", TracesEndpoint(store, writer)), *routes(store, writer)],
        middleware=[Middleware(HostGuard)] if local_only else [],
    )
