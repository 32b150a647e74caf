"""What the middleware is told: whom to trust, which headers to note, which to answer with."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tracekit import guard
from tracekit.errors import ConfigurationError
from tracekit.settings import switch

Trust = bool | Callable[[Mapping[str, Any]], bool]
"""Whether a caller's IDs count: always, never, or by its ASGI scope or WSGI environ."""

SECRET_HEADERS = frozenset(
    ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")
)
"""Headers whose values never leave the process, even if they are asked for."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, eq=False)  # its identity is its hash: looked up for every request
class Serving:
    """The settings of one middleware, checked."""

    trust_incoming: Trust = True
    request_headers: frozenset[str] = frozenset()
    """Lower-case names of the request's headers that go on the span."""
    response_headers: frozenset[str] = frozenset()
    server_timing: bool = False
    traceresponse: bool = False

    def trusts(self, caller: Mapping[str, Any]) -> bool:
        """Tell whether the IDs that *caller* sent count; what does not say True says no."""
        trust = self.trust_incoming
        if isinstance(trust, bool):
            return trust
        try:
            said: object = trust(caller)
            if not isinstance(said, bool):
                _refuse(said)
            return said is True
        except Exception as error:
            guard.fault("serving.trust_incoming", error)
            return False

    def ignored_under(self, outer: Serving) -> list[str]:
        """Return the names of the settings that are neither the default nor those of *outer*."""
        return [
            name
            for name, default in vars(_DEFAULT).items()
            if getattr(self, name) not in (default, getattr(outer, name))
        ]


_DEFAULT = Serving()


def _refuse(said: Any) -> None:
    close = getattr(said, "close", None) if inspect.isawaitable(said) else None
    if close is not None:  # or Python would warn that nobody awaited it
        close()
    guard.warn(
        "serving.trust_incoming",
        f"trust_incoming said {type(said).__name__}, not True or False; it counts as False",
    )


def serving(
    *,
    trust_incoming: Trust | None = None,
    capture_request_headers: Iterable[str] | None = None,
    capture_response_headers: Iterable[str] | None = None,
    server_timing: bool | None = None,
    traceresponse: bool | None = None,
) -> Serving:
    """Return the settings that the arguments and the environment add up to.

    What is None comes from ``TRACEKIT_TRUST_INCOMING``, ``TRACEKIT_CAPTURE_REQUEST_HEADERS``,
    ``TRACEKIT_CAPTURE_RESPONSE_HEADERS``, ``TRACEKIT_SERVER_TIMING`` and
    ``TRACEKIT_TRACERESPONSE``. Raises ConfigurationError for what cannot work.
    """
    return Serving(
        _trust(trust_incoming),
        _headers("capture_request_headers", capture_request_headers),
        _headers("capture_response_headers", capture_response_headers),
        _switch("server_timing", server_timing, default=False),
        _switch("traceresponse", traceresponse, default=False),
    )


def _trust(given: Trust | None) -> Trust:
    if given is None or isinstance(given, bool):
        return _switch("trust_incoming", given, default=True)
    if not callable(given) or _is_async(given):
        raise ConfigurationError(
            f"trust_incoming is {given!r}",
            "give True, False, or a plain function that takes the ASGI scope or the WSGI environ "
            "and returns one of them",
        )
    return given


def _is_async(given: Any) -> bool:
    calls = (given, type(given).__call__)
    return any(map(inspect.iscoroutinefunction, calls))


def _switch(name: str, given: object, *, default: bool) -> bool:
    if isinstance(given, bool):
        return given
    if given is not None:
        raise ConfigurationError(f"{name} is {given!r}", "give True or False")
    variable = _variable(name)
    return switch(variable, os.environ.get(variable), default=default)


def _headers(name: str, given: Iterable[str] | None) -> frozenset[str]:
    source = name
    if given is None:
        source = _variable(name)
        given = [part for part in os.environ.get(source, "").split(",") if part.strip()]
    if isinstance(given, str):
        raise ConfigurationError(f"{source} is {given!r}", "give a list of header names")
    names = frozenset(str(part).strip().lower() for part in given)
    for one in names:
        if not _TOKEN.fullmatch(one):
            raise ConfigurationError(f"{source} has {one[:40]!r}, which is no header's name")
    return names


@functools.cache
def _variable(name: str) -> str:
    return f"TRACEKIT_{name.upper()}"
