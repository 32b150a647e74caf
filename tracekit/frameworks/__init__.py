"""Hooks into the web frameworks and servers that the user has.

Three kinds, each put in when the module concerned is imported, and taken out again:

- ``ROUTES``: what a framework matched, and the exceptions that it answers itself (Django, Flask),
  where it tells nobody, or only a copy of the scope or environ; ``init`` puts them in, for the
  middleware that an application has itself;
- ``APPLICATIONS`` and ``SERVERS``: the middleware itself, around applications that have none; only
  ``tracekit run`` and OpenTelemetry's ``opentelemetry-instrument`` put them in.
"""

from __future__ import annotations

import functools

from tracekit.frameworks.catalogue import APPLICATIONS, EXPLICIT, ROUTES, SERVERS
from tracekit.frameworks.registry import Registry

__all__ = ["cover_hooks", "route_hooks"]


@functools.cache
def route_hooks() -> Registry:
    """Return this process's hooks for routes."""
    return Registry(ROUTES)


@functools.cache
def cover_hooks() -> Registry:
    """Return this process's hooks that put the middleware around applications."""
    return Registry((*EXPLICIT, *SERVERS, *APPLICATIONS))
