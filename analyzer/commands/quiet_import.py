"""Import what needs OpenTelemetry, whatever OpenTelemetry's own variables say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_otel_variables() -> Iterator[None]:
    """Hide ``OTEL_*`` while importing: OpenTelemetry reads some at that time, and may raise."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
