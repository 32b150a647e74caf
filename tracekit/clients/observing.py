"""Keep tracekit's part of a client hook from ever raising into the host."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import ParamSpec, TypeVar

from tracekit import guard

_P = ParamSpec("_P")
_R = TypeVar("_R")


def observer(where: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R | None]]:
    """Make a function return None instead of raising; count the fault under *where*.

    Put it on everything of ours that a hook calls around the library's own code, so that the hook
    itself holds nothing that can fail.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R | None]:
        @functools.wraps(function)
        def observed(*args: _P.args, **kwargs: _P.kwargs) -> _R | None:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # whatever it is, it is ours, not the host's
                guard.fault(where, error)
                return None

        return observed

    return decorate


def restore(variable: ContextVar[_R], token: Token[_R] | None) -> None:
    """Give *variable* back the value it had before *token*; do nothing without one.

    Hooks call it themselves and not from an observer of theirs: whatever fails in one, the host's
    next call must not take place inside this one.
    """
    if token is None:
        return
    try:
        variable.reset(token)
    except ValueError:
        return  # a coroutine that is thrown away with its loop ends in another context
