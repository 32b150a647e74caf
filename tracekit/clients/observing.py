"""Keep tracekit's part of a client hook from ever raising into the host."""

from __future__ import annotations

import functools
from collections.abc import Callable
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
