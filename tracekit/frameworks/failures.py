"""The exceptions that Flask and Django answer with an error page, and let out to nobody."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tracekit import guard
from tracekit.clients.patching import Patches
from tracekit.request import request_in


def hook_flask(patches: Patches, module: Any) -> None:
    """Put a hook where Flask makes a 500 of an exception that nobody handled."""
    patches.wrap(module.Flask, "handle_exception", _handling)


def _handling(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def handle_exception(app: Any, e: Exception) -> Any:
        _tell(e)
        return original(app, e)

    return handle_exception


def hook_django(patches: Patches, module: Any) -> None:
    """Put a hook where both of Django's handlers make a 500 of an exception."""
    patches.wrap(module, "handle_uncaught_exception", _answering)


def _answering(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def handle_uncaught_exception(request: Any, resolver: Any, exc_info: Any) -> Any:
        _tell(exc_info[1])
        return original(request, resolver, exc_info)

    return handle_uncaught_exception


def _tell(error: BaseException) -> None:
    try:
        request = request_in(None)
        if request is not None:
            request.failure = error
    except Exception as fault:
        guard.fault("frameworks.failure", fault)
