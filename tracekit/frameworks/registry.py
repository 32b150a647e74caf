"""Put hooks in as the modules they belong to are imported, and take them out together."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterable
from types import ModuleType

import wrapt

from tracekit import guard
from tracekit.clients.patching import Patches
from tracekit.frameworks.catalogue import Framework


class Registry:
    """The hooks of one kind.

    Nothing is imported that the host does not import. A package of a version that the hooks are not
    made for, or whose hooks cannot be put in, goes without, which is counted and logged once.
    """

    def __init__(self, frameworks: Iterable[Framework]) -> None:
        self._frameworks = tuple(frameworks)
        # Re-entrant: putting hooks in may import what other hooks wait for.
        self._lock = threading.RLock()
        self._awaited: set[str] = set()
        self._in_place: dict[str, Patches] = {}
        self._is_on = False

    def install(self) -> None:
        """Put the hooks in, or have them put in when their module is imported. Again is no harm."""
        with self._lock:
            self._is_on = True
        for framework in self._frameworks:
            module = sys.modules.get(framework.trigger)
            if module is not None:
                self._arrived(framework, module)
            elif framework.trigger not in self._awaited:
                self._awaited.add(framework.trigger)
                arrived = functools.partial(self._arrived, framework)
                wrapt.register_post_import_hook(arrived, framework.trigger)

    def uninstall(self) -> None:
        """Put every original back."""
        with self._lock:
            self._is_on = False
            in_place, self._in_place = self._in_place, {}
        for patches in reversed(in_place.values()):
            _take_out(patches)

    def _arrived(self, framework: Framework, module: ModuleType) -> None:
        try:
            with self._lock:
                if self._is_on and framework.trigger not in self._in_place:
                    self._put_in(framework, module)
        except Exception as error:
            guard.fault(f"{framework.library.name}.install", error)

    def _put_in(self, framework: Framework, module: ModuleType) -> None:
        library = framework.library
        if not library.knows_version(framework.version):
            guard.warn(
                f"{library.name}.version",
                f"version {framework.version} is none of those that tracekit knows "
                f"({library.range}): it is not hooked",
            )
            return
        patches = self._in_place[framework.trigger] = Patches()
        try:
            framework.put_in(patches, module)
        except Exception:
            _take_out(self._in_place.pop(framework.trigger))
            raise


def _take_out(patches: Patches) -> None:
    try:
        patches.restore()
    except Exception as error:
        guard.fault("frameworks.uninstall", error)
