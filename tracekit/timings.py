"""The stages of a request so far, for the response header ``Server-Timing``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from opentelemetry.context import Context
from opentelemetry.trace import Span

from tracekit import clock, guard
from tracekit.request import request_in

HEADER = "Server-Timing"
_MOST = 32
"""Names in one header: proxies refuse long ones."""
_NO_TOKEN = re.compile(r"[^A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NO_TEXT = re.compile(r"[^ !#-\[\]-~]+")


def note(name: str, span: Span, context: Context | None) -> None:
    """Add stage *name*, which *span* times and which ends now, to its request. Never raises."""
    try:
        request = None if context is None else request_in(context)
        started = getattr(span, "start_time", None)
        if request is not None and request.timings is not None and started is not None:
            request.timings.append((name, clock.now() - started))
    except Exception as error:
        guard.fault("stages.timing", error)


def server_timing(stages: Iterable[tuple[str, int]], until_now: int) -> str:
    """Return the header's value: each stage's milliseconds, and ``app``, from arrival until now.

    Stages of one name are added up. A name that is no token gets one, and is told as ``desc``.
    """
    sums: dict[str, int] = {}
    for name, ns in list(stages):
        sums[name] = sums.get(name, 0) + ns
    shown = [_metric(name, ns) for name, ns in list(sums.items())[:_MOST]]
    return ", ".join([*shown, _metric("app", until_now)])


def _metric(name: str, ns: int) -> str:
    token = _NO_TOKEN.sub("_", name) or "_"
    told = "" if token == name else f';desc="{_NO_TEXT.sub("?", name)}"'
    return f"{token}{told};dur={ns / 1e6:.3f}"
