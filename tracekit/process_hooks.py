"""Hooks into the process itself: its log records and, for who asks for it, its threads."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any

from tracekit import guard
from tracekit.settings import Settings

_HOOKS = (
    ("logs", "tracekit.log_hooks", "LogHooks"),
    ("executors", "tracekit.executors", "ExecutorHooks"),
    ("routes", "tracekit.frameworks", "route_hooks"),
)
"""The setting that asks for it (if there is none, it is always on), the module and the class."""

_installed: dict[str, Any] = {}


def install(settings: Settings, *, only: Collection[str] | None = None) -> None:
    """Put in place what *settings* ask for and is not there yet, or *only* some. Never raises."""
    for name, module, kind in _HOOKS:
        if only is not None and name not in only:
            continue
        if getattr(settings, name, True) and name not in _installed:
            try:
                hooks = getattr(importlib.import_module(module), kind)()
                hooks.install()
                _installed[name] = hooks
            except Exception as error:
                guard.fault(f"{name}.install", error)


def uninstall(keep: Collection[str] = ()) -> None:
    """Put every original back, but for those of *keep*. Never raises."""
    for name in [name for name in reversed(_installed) if name not in keep]:
        try:
            _installed.pop(name).uninstall()
        except Exception as error:
            guard.fault(f"{name}.uninstall", error)
