"""Send trace context and request ID along without touching the caller's headers."""

from __future__ import annotations

from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context

_REQUEST_ID = "x-request-id"


def injected(headers: Any, context: Context) -> Any:
    """Return a copy of *headers* of the same type that carries *context*.

    *headers* is any mapping that urllib3 accepts (a dict, an HTTPHeaderDict, requests' own). What a
    propagator writes replaces what an earlier hop wrote, except an ``X-Request-ID`` that is already
    there: the caller set that one on purpose.
    """
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context=context)
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
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)
