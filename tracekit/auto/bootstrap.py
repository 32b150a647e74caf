"""What starts in a process of a service that does not know tracekit."""

from __future__ import annotations

import os
import sys

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider

from tracekit import lifecycle
from tracekit.auto import handover
from tracekit.auto.naming import service_name
from tracekit.fork_lock import ForkLock
from tracekit.frameworks import cover_hooks
from tracekit.frameworks.covering import before_serving
from tracekit.serving import serving
from tracekit.settings import DEFAULT_SERVICE

COMMAND = "TRACEKIT_RUN_COMMAND"
"""A process's command line, for those of its children whose own says no name."""

_lock = ForkLock()
_done: set[str] = set()


def cover() -> None:
    """Put the middleware around applications as they are served; tracing starts with the first.

    Not sooner: a server's parent process serves nothing, and a program that changes the standard
    library as it starts (gevent) is to find it as it was. Never raises.
    """
    if _is_first("cover"):
        try:
            serving()
        except Exception as error:
            _say(error)
            return
        before_serving(start)
        cover_hooks().install()


def start() -> None:
    """Start tracing, until the application's own ``init`` takes over, if it has not. Never raises.

    What it cannot work with is one line on stderr.
    """
    if _is_first("start"):
        cover()
        try:
            if lifecycle.is_settled():
                return
            _begin()
        except Exception as error:
            _say(error)


def _begin() -> None:
    is_free = isinstance(trace.get_tracer_provider(), ProxyTracerProvider)
    lifecycle.init(_name())
    lifecycle.give_way()
    if is_free and lifecycle.has_started():
        handover.prepare(_begin_again)


def _begin_again() -> None:
    """Join the provider that the host has set. Never raises."""
    try:
        lifecycle.init(None if _is_named_by_host() else _name())
        lifecycle.give_way()
    except Exception as error:
        _say(error)


def _is_named_by_host() -> bool:
    resource = getattr(trace.get_tracer_provider(), "resource", None)
    name = resource.attributes.get("service.name", "") if resource else ""
    return bool(name) and not str(name).startswith(DEFAULT_SERVICE)


def _is_first(what: str) -> bool:
    with _lock:
        if what in _done:
            return False
        _done.add(what)
        return True


def _name() -> str | None:
    """Return the service's name where nobody has set it."""
    if _is_named():
        return None
    name = service_name(sys.orig_argv, os.environ, os.getcwd())
    if name:
        os.environ[COMMAND] = "\x1f".join(sys.orig_argv)
        return name
    parents = os.environ.get(COMMAND, "").split("\x1f")
    return service_name(parents, os.environ, os.getcwd())


def _is_named() -> bool:
    named = os.environ.get("TRACEKIT_SERVICE") or os.environ.get("OTEL_SERVICE_NAME")
    return bool(named) or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")


def _say(error: Exception) -> None:
    reason = str(error) or type(error).__name__
    if sys.stderr is not None:  # where it is closed; None would stand for stdout
        print(f"tracekit: this process is not traced: {reason}", file=sys.stderr)
