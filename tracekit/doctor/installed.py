"""Which packages are here: those that tracekit hooks, and those that trace by themselves."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distributions, version
from typing import NamedTuple

from tracekit.clients.libraries import LIBRARIES, Library
from tracekit.frameworks.catalogue import APPLICATIONS, ROUTES, SERVERS, Framework

_SERVER_SIDE = ("asgi", "wsgi", "starlette", "fastapi", "flask", "django")
_TRACERS = {
    "ddtrace": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "elastic-apm": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "newrelic": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "scout-apm": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "sentry-sdk": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "logfire": "sets a TracerProvider of its own, which tracekit joins",
    "opentelemetry-distro": "configures `opentelemetry-instrument` too; choose tracekit's by "
    "OTEL_PYTHON_DISTRO=tracekit and OTEL_PYTHON_CONFIGURATOR=tracekit",
}
_PREFIX = "opentelemetry-instrumentation-"


class Installed(NamedTuple):
    """A package that has hooks."""

    kind: str
    """``client``, ``framework`` or ``server``."""
    name: str
    version: str
    supported: str
    is_traced: bool


class Other(NamedTuple):
    """A package that traces too, and what becomes of it beside tracekit."""

    name: str
    version: str
    effect: str


def installed() -> list[Installed]:
    """Return what is installed of that which has hooks."""
    found = [_look("client", library) for library in LIBRARIES]
    found += [_look("framework", library) for library in _once((*ROUTES, *APPLICATIONS))]
    found += [_look("server", library) for library in _once(SERVERS)]
    return [one for one in found if one is not None]


def _once(frameworks: tuple[Framework, ...]) -> list[Library]:
    return list({one.library.name: one.library for one in frameworks}.values())


def _look(kind: str, library: Library) -> Installed | None:
    if not library.since:  # it comes with Python
        return Installed(kind, library.name, "", "", is_traced=True)
    try:
        own = version(library.name)
    except PackageNotFoundError:
        return None
    return Installed(kind, library.name, own, library.range, library.knows_version(own))


def others() -> list[Other]:
    """Return the other packages here that trace."""
    found = {}
    for distribution in distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        effect = _TRACERS.get(name) or _effect(name)
        if effect:
            found[name] = Other(name, distribution.version, effect)
    return [found[name] for name in sorted(found)]


def _effect(name: str) -> str | None:
    if not name.startswith(_PREFIX):
        return None
    if name.removeprefix(_PREFIX) in _SERVER_SIDE:
        return (
            "a second server span for each request, where the application turns it on; "
            "`opentelemetry-instrument` with tracekit leaves it out"
        )
    return "its spans are in the same trace; a client's call stays one span"
