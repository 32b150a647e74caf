"""Hooks into the process itself: its log records and, for who asks for it, its threads."""

from __future__ import annotations

import importlib
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


def install(settings: Settings) -> None:
    """Put in place what *settings* ask for and is not there yet. Never raises."""
    for name, module, kind in _HOOKS:
        if getattr(settings, name, True) and name not in _installed:
            try:
                hooks = getattr(importlib.import_module(module), kind)()
                hooks.install()
                _installed[name] = hooks
            except Exception as error:
                guard.fault(f"{name}.install", error)


def uninstall() -> None:
    """Put every original back. Never raises."""
    while _installed:
        name, hooks = _installed.popitem()
        try:
            hooks.uninstall()
        except Exception as error:
            guard.fault(f"{name}.uninstall", error)
