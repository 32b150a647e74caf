"""What a Python that cannot be traced does under ``tracekit run``: say so, once, if it serves.

It may be a launcher or an installer, which nobody wants traced, and whose own children can be: so
it waits for an import of what tracekit would have traced. ``sitecustomize`` runs this file by its
path, also in an old Python: like that one it keeps to what Python 3.6 can read.
"""

import os
import sys
from importlib.util import find_spec

UNTRACED = "TRACEKIT_RUN_UNTRACED"
"""Set until a Python of this run is traced, or has said why not, so that one line is all.

It is the process ID of a command that runs a program by the interpreter's name, as in
``python job.py``: no launcher, so what it calls with is worth telling too.
"""
SERVING = frozenset(
    (
        "celery",
        "datasette.app",
        "django.core.handlers.asgi",
        "django.core.handlers.wsgi",
        "dramatiq",
        "flask.app",
        "granian.asgi",
        "granian.wsgi",
        "gunicorn.app.base",
        "hypercorn.app_wrappers",
        "rq",
        "starlette.applications",
        "uvicorn.config",
        "waitress.server",
        "werkzeug.serving",
    )
)
"""What only a service, or a worker, imports."""
CALLING = frozenset(
    (
        "aiohttp",
        "botocore",
        "httpx",
        "httpx2",
        "requests",
        "urllib.request",
        "urllib3",
        "wsgiref.simple_server",
    )
)
"""What a launcher or an installer may import as well."""


class Watch:
    """A finder that finds nothing: Python asks it first for each module that is imported."""

    def __init__(self, awaited: "frozenset[str]", needed: "tuple[str, ...]") -> None:
        self._awaited = awaited
        self._needed = needed

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Say what is lacking at the first import of what is awaited. Never raises."""
        if name not in self._awaited:
            return
        self._awaited = frozenset()
        try:
            reason = _lack(self._needed)  # asked now: the path may have grown since the start
            is_first = os.environ.pop(UNTRACED, None) is not None
            # Where stderr is closed it is None, which would stand for stdout.
            if reason and is_first and sys.stderr is not None:
                print("tracekit: " + reason, file=sys.stderr)
        except Exception:  # noqa: S110 - this program owes us nothing, not even a line of log
            pass


def begin(needed: "tuple[str, ...]") -> None:
    """Wait for what *needed*, the modules that tracing takes, would have traced."""
    is_program = os.environ.get(UNTRACED) == str(os.getpid())
    sys.meta_path.insert(0, Watch(SERVING | CALLING if is_program else SERVING, needed))


def _lack(needed: "tuple[str, ...]") -> str:
    """Return why this Python is not traced, and what to do; empty if there is no reason."""
    python = sys.executable or "this Python"
    if sys.version_info < (3, 10):  # noqa: UP036 - of another installation
        version = ".".join(map(str, sys.version_info[:2]))
        return python + " is Python " + version + ", so it is not traced: tracekit needs 3.10"
    missing = [name for name in needed if not _is_there(name)]
    if not missing:
        return ""
    return (
        python + " has no " + missing[0] + ", so it is not traced: "
        "install it there, or run tracekit from there"
    )


def _is_there(name: str) -> bool:
    spec = find_spec(name)
    return spec is not None and spec.origin is not None  # a mere folder of that name has none
