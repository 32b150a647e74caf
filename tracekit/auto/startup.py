"""What an interpreter of ``tracekit run`` does before its program: expect what is to be traced.

It waits until the program imports something that serves or calls, so that pip, a shell's helper or
a reloader costs nothing but these lines. ``sitecustomize`` runs this file by its path: to import it
would be to import all of tracekit.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import ModuleType

_TOOLS = ("pip", "pip3", "ensurepip", "venv", "virtualenv", "uv", "poetry", "tracekit")
_TRACKERS = ("resource_tracker", "semaphore_tracker")
_SERVING = (
    "datasette.app",
    "django.core.handlers.asgi",
    "django.core.handlers.wsgi",
    "flask.app",
    "granian.asgi",
    "granian.wsgi",
    "gunicorn.app.base",
    "hypercorn.app_wrappers",
    "starlette.applications",
    "uvicorn.config",
    "waitress.server",
    "werkzeug.serving",
    "wsgiref.simple_server",
)
"""What serves an application: from then on the middleware is put around it."""
_CALLING = (
    "aiohttp",
    "botocore",
    "celery",
    "dramatiq",
    "httpx",
    "httpx2",
    "requests",
    "rq",
    "tracekit",
    "urllib.request",
    "urllib3",
)
"""What calls other services, or works for them: tracing starts at once."""

_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_LONGEST = 32_000
_wanted: set[str] = set()
_busy: list[bool] = []


def begin() -> None:
    """Have tracing start with the first import that needs it. Never raises."""
    try:
        if _is_service():
            os.environ.pop("TRACEKIT_RUN_UNTRACED", None)  # from here on something is traced
            _tell_children()
            _expect()
    except Exception as error:
        _say(error)


def program(argv: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Return the script or module that interpreter command line *argv* runs, and its arguments.

    None for ``-c``, standard input, and an interpreter that is typed to.
    """
    at = 1
    while at < len(argv) and argv[at].startswith("-"):
        if argv[at] == "-m":
            return (argv[at + 1], argv[at + 2 :]) if at + 1 < len(argv) else (None, ())
        if argv[at].startswith("-c") or argv[at] == "-":
            return None, ()
        at += 2 if argv[at] in _WITH_VALUE else 1
    return (argv[at], argv[at + 1 :]) if at < len(argv) else (None, ())


def _say(error: BaseException) -> None:
    reason = str(error) or type(error).__name__
    if sys.stderr is not None:  # where it is closed; None would stand for stdout
        print(f"tracekit: {sys.executable} is not traced: {reason}", file=sys.stderr)


def _is_service() -> bool:
    """Tell whether this process may be one; installers and multiprocessing's helper are none."""
    for argument in sys.orig_argv[1:]:
        if any(tracker in argument for tracker in _TRACKERS):
            return False
        name = argument.replace("\\", "/").rpartition("/")[2]
        if not argument.startswith("-"):
            return name.removesuffix(".exe") not in _TOOLS
    return True


def _expect() -> None:
    import wrapt

    for name in (*_SERVING, *_CALLING):
        wrapt.register_post_import_hook(_arrived, name)


def _tell_children() -> None:
    """Leave the command to the processes that multiprocessing starts: theirs says no name."""
    command = "\x1f".join(sys.orig_argv)
    if program(sys.orig_argv)[0] is not None and len(command) < _LONGEST:
        os.environ["TRACEKIT_RUN_COMMAND"] = command


def _arrived(module: ModuleType) -> None:
    try:
        if any(
            name.startswith("tracekit.") and _is_being_imported(name) for name in [*sys.modules]
        ):
            return  # one of tracekit's own imports, in an `init` of the program's
        if not (_busy and module.__name__ == "tracekit"):
            _wanted.add("start" if module.__name__ in _CALLING else "cover")
        # A module that is half imported cannot be hooked: it comes here itself when it is whole.
        if not _busy and not any(
            map(_is_being_imported, {*_SERVING, *_CALLING} - {module.__name__})
        ):
            _do_what_is_wanted()
    except Exception as error:
        _say(error)


def _is_being_imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return getattr(spec, "_initializing", False)


def _do_what_is_wanted() -> None:
    _busy.append(True)  # tracekit is not to take its own imports for the program's
    try:
        from tracekit.auto import bootstrap

        while _wanted:
            getattr(bootstrap, _wanted.pop())()
    finally:
        _busy.clear()
