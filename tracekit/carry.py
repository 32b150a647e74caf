"""Take a request along to where Python leaves it behind: threads, callbacks, pools of a host's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import Token
from functools import partial, update_wrapper
from typing import Any, TypeVar, cast

from opentelemetry.context import Context, attach, get_current

from tracekit import guard
from tracekit.decorate import decorate
from tracekit.scope import leave

Function = TypeVar("Function", bound=Callable[..., Any])


class Inside:
    """A block inside a given context; one for every block."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._token: Token[Context] | None = None

    def open(self) -> None:
        """Do nothing: there is no span to start."""

    def enter(self) -> None:
        """Make the context current."""
        self._token = attach(self._context)

    def leave(self) -> None:
        """Make current what was so before."""
        token, self._token = self._token, None
        if token is not None:
            leave(token)

    def close(self, error: BaseException | None = None) -> None:
        """Do nothing: there is no span to end."""

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *exception: Any) -> None:
        self.leave()


def wrap(function: Function) -> Function:
    """Return *function* bound to the request and span that are current now.

    Use it for what will run in another thread, or later: ``pool.submit(tracekit.wrap(work), 1)``,
    callbacks, handlers of events. Its stages, calls and log lines then belong to this request. It
    may be called often and concurrently; a coroutine function or a generator stays one. Never
    raises.
    """
    try:
        context = get_current()
        called: Any = _called(function)
        bound = decorate(called, lambda: Inside(context))
        update_wrapper(bound, function)
    except Exception as error:
        guard.fault("wrap", error)
        return function
    return cast(Function, bound)


def _called(function: Any) -> Any:
    """Return what runs when *function* is called: of an object its method, which may be async."""
    if inspect.isroutine(function) or isinstance(function, (type, partial)):
        return function
    return function.__call__
