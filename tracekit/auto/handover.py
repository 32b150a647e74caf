"""Let the host set its own TracerProvider after an automatic start has taken the global place.

OpenTelemetry lets it be set once. A host that sets its own, and finds that tracekit was first,
would lose its export: so ours makes room, the tracers that it has given out become the host's,
and tracing starts anew on the host's provider.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry import trace

from tracekit import guard, lifecycle
from tracekit.clients.patching import Patches

_SETTING = "_set_tracer_provider"
if not hasattr(trace, _SETTING):
    _SETTING = "set_tracer_provider"
"""Preferably what the public function calls, of which the host may have a reference already."""
_SECONDS = 1.0
"""What the end of the automatic start may take; there is hardly a span yet."""

_patches = Patches()
_given: WeakKeyDictionary[Any, tuple[Any, ...]] = WeakKeyDictionary()
"""The tracers of our provider, with what they were asked for by."""


def prepare(again: Callable[[], None]) -> None:
    """Let the host's provider win over the global one, which is ours; *again* starts tracing."""
    provider = trace.get_tracer_provider()
    _remember_tracers(provider)
    _patches.wrap(trace, _SETTING, lambda original: _setting(original, provider, again))


def _remember_tracers(provider: Any) -> None:
    original = provider.get_tracer

    def get_tracer(*args: Any, **kwargs: Any) -> Any:
        tracer = original(*args, **kwargs)
        try:
            _given[tracer] = (args, kwargs)
        except TypeError as error:
            guard.fault("auto.tracers", error)
        return tracer

    provider.get_tracer = get_tracer


def _setting(
    original: Callable[..., None], ours: Any, again: Callable[[], None]
) -> Callable[..., None]:
    def set_tracer_provider(theirs: Any, *args: Any, **kwargs: Any) -> None:
        yields = lifecycle.is_automatic() and theirs is not ours and _make_room(ours)
        original(theirs, *args, **kwargs)
        if yields:
            _pass_on_tracers(theirs)
            again()

    return set_tracer_provider


def _make_room(ours: Any) -> bool:
    """Stop tracing and empty the global place; return whether it is empty."""
    try:
        if trace.get_tracer_provider() is not ours:
            return False
        # Private, as the place can be filled once only.
        trace._TRACER_PROVIDER_SET_ONCE = type(trace._TRACER_PROVIDER_SET_ONCE)()
        lifecycle.shutdown(_SECONDS)
        _patches.restore()
    except Exception as error:
        guard.fault("auto.handover", error)
        return False
    return True


def _pass_on_tracers(theirs: Any) -> None:
    """Make each tracer that ours has given out what it would have been under *theirs*."""
    try:
        for tracer, (args, kwargs) in [*_given.items()]:
            real = theirs.get_tracer(*args, **kwargs)
            if type(real) is type(tracer):
                vars(tracer).update(vars(real))
        _given.clear()
    except Exception as error:
        guard.fault("auto.handover", error)
