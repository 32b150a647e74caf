"""Put a wrapper around a library's function, and take it away again without a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import wrapt

_MISSING: Any = object()
# wrapt 2 moved the base of its function wrappers to a class of its own.
_Proxy: Any = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)


class _Applied(NamedTuple):
    owner: Any
    name: str
    found: Any
    original: Any
    replacement: Any
    beneath: Any = None


class Patches:
    """A set of replaced attributes that is put back as a whole."""

    def __init__(self) -> None:
        self._applied: list[_Applied] = []

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace function *name* of class or module *owner* by ``make(original)``.

        Where OpenTelemetry (or anyone who uses wrapt) has wrapped it already, ours goes inside,
        next to the library: there the foreign client span is open and can be written on.
        """
        found = vars(owner).get(name, _MISSING)
        proxy = _innermost(found)
        original = getattr(owner, name) if proxy is None else proxy.__wrapped__
        replacement = make(original)
        beneath = None
        if proxy is not None:
            proxy.__wrapped__ = replacement
        else:
            setattr(owner, name, replacement)
            beneath = _prepare_to_be_peeled(original, replacement, make)
        self._applied.append(_Applied(owner, name, found, original, replacement, beneath))

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Set attribute *name* of *owner* to *value*."""
        found = vars(owner).get(name, _MISSING)
        setattr(owner, name, value)
        self._applied.append(_Applied(owner, name, found, found, value))

    def restore(self) -> None:
        """Put every original back, last one first.

        A wrapper that somebody has since wrapped without wrapt cannot be taken out from under them:
        until they take theirs off it does nothing, which is why adapters ask if they are installed.
        """
        while self._applied:
            _put_back(self._applied.pop())


def _innermost(found: Any) -> Any:
    """Return the wrapt proxy closest to the library's own function; None without any."""
    proxy = None
    while isinstance(found, _Proxy):
        proxy, found = found, found.__wrapped__
    return proxy


def _prepare_to_be_peeled(original: Any, replacement: Any, make: Callable[[Any], Any]) -> Any:
    """Make *replacement* come out right when the maker of *original* takes its wrapper off.

    OpenTelemetry wraps requests with a plain function and unwraps by putting back the
    ``__wrapped__`` of whatever it finds on top. That is ours: so ours names a copy of itself
    around what lies beneath theirs. Return what lies beneath.
    """
    beneath = getattr(original, "__wrapped__", None)
    if beneath is not None:
        replacement.__wrapped__ = make(beneath)
    return beneath


def _put_back(patch: _Applied) -> None:
    current = vars(patch.owner).get(patch.name, _MISSING)
    if current is patch.replacement:
        _reset(patch)
    elif patch.beneath is not None and current is patch.replacement.__wrapped__:
        setattr(patch.owner, patch.name, patch.beneath)
    else:
        _take_out(current, patch)


def _take_out(current: Any, patch: _Applied) -> None:
    outer, inner = current, getattr(current, "__wrapped__", None)
    while inner is not None:
        if inner is patch.replacement:
            outer.__wrapped__ = patch.original
            return
        if patch.beneath is not None and inner is patch.replacement.__wrapped__:
            # They have peeled theirs off, which left our copy, and wrapped that one anew.
            outer.__wrapped__ = patch.beneath
            return
        outer, inner = inner, getattr(inner, "__wrapped__", None)


def _reset(patch: _Applied) -> None:
    if patch.found is _MISSING:
        # The attribute was inherited: a copy on the subclass would not be as it was.
        delattr(patch.owner, patch.name)
    elif isinstance(patch.found, _Proxy):
        # Whoever had wrapped it has unwrapped it since: the library's own function is left.
        setattr(patch.owner, patch.name, patch.original)
    else:
        setattr(patch.owner, patch.name, patch.found)
