"""Send trace context and request ID along without touching the caller's headers."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

_REQUEST_ID = "x-request-id"


def clashes(headers: Any, carrier: dict[str, str]) -> bool:
    """Tell whether the caller's *headers* name one of the *carrier*'s, in any spelling."""
    names = [name.lower() for name in carrier]
    for given in headers:  # noqa: SIM110  # a generator takes half as long again
        if _text(given).lower() in names:
            return True
    return False


def put(headers: MutableMapping[str, str], carrier: dict[str, str]) -> None:
    """Write the *carrier*'s into *headers*, a mapping that takes any spelling for the same.

    A request ID that is there already stays: the host set that one on purpose.
    """
    for name, value in carrier.items():
        if name not in headers or name.lower() != _REQUEST_ID:
            headers[name] = value


def injected(headers: Any, carrier: dict[str, str]) -> Any:
    """Return a copy of *headers* of the same type with those of *carrier*.

    *headers* is any mapping that urllib3 accepts (a dict, an HTTPHeaderDict, requests' own). What a
    propagator writes replaces what an earlier hop wrote, except an ``X-Request-ID`` that is already
    there: the caller set that one on purpose.
    """
    copy = headers.copy() if hasattr(headers, "copy") else dict(headers)
    present = {_text(name).lower(): name for name in copy}
    for name, value in carrier.items():
        existing = present.get(name.lower())
        if existing is not None:
            if name.lower() == _REQUEST_ID:
                continue
            del copy[existing]
        copy[name] = value
    return copy


def _text(name: Any) -> str:
    if type(name) is str:
        return name
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)
