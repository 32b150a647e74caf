"""Libraries that the host imports after the hooks: in any order, and while these are taken out."""

from __future__ import annotations

import importlib.abc
import subprocess
import sys
import threading

import pytest
from surroundings import changed, everything

from tracekit import clients

INSTALL = "clients.install(TracerProvider(shutdown_on_exit=False))"
USED = "import httpx, httpx2; assert hooked(httpx) and hooked(httpx2), guard.faults()"


@pytest.mark.parametrize(
    "code",
    [
        f"{INSTALL}; {USED}",
        f"import httpx2; {INSTALL}; {USED}",
        f"import httpx; {INSTALL}; {USED}",
        f"{INSTALL}; import opentelemetry.instrumentation.httpx; {USED}",
        f"{INSTALL}; import httpx2; {USED}",
    ],
)
def test_whichever_is_imported_first_all_are_hooked(code):
    # OpenTelemetry's package imports both libraries, and either of ours imports that package.
    ready = (
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from tracekit import clients, guard\n"
        "def hooked(library):\n"
        "    method = library.HTTPTransport.handle_request\n"
        "    return hasattr(method, '__wrapped__') and not guard.faults()\n"
    )
    subprocess.run([sys.executable, "-c", ready + code], check=True, timeout=60)


class SlowImport(importlib.abc.MetaPathFinder):
    """Holds up the import of one module until ``go``."""

    def __init__(self, name):
        self._name = name
        self.begun, self.go = threading.Event(), threading.Event()

    def find_spec(self, name, path=None, target=None):
        if name == self._name:
            self.begun.set()
            assert self.go.wait(10)


@pytest.fixture
def slow(monkeypatch):
    """The import of an adapter, as slow as a cold disk makes it."""
    module = "tracekit.clients.requests_adapter"
    monkeypatch.delitem(sys.modules, module, raising=False)
    finder = SlowImport(module)
    sys.meta_path.insert(0, finder)
    yield finder
    finder.go.set()
    sys.meta_path.remove(finder)


def taken_out_during(slow, provider):
    """Install in another thread; take everything out while that imports, and let it go on."""
    installing = threading.Thread(target=clients.install, args=(provider,))
    installing.start()
    assert slow.begun.wait(10)
    clients.uninstall()
    return installing


def test_what_was_taken_out_during_an_import_stays_out(provider, slow):
    before = everything()
    installing = taken_out_during(slow, provider)
    slow.go.set()
    installing.join(10)

    assert changed(before, everything()) == []


def test_hooks_put_in_again_during_an_import_are_there_once(provider, slow):
    before = everything()
    installing = taken_out_during(slow, provider)
    again = threading.Thread(target=clients.install, args=(provider,))
    again.start()  # waits for the import that is going on, if it gets there first
    slow.go.set()
    for thread in (installing, again):
        thread.join(10)
    clients.uninstall()

    assert changed(before, everything()) == []
