"""Python runs this as it starts, before the program: ``tracekit run`` puts this folder in its path.

It waits until the program imports something that serves or calls, so that pip, a shell's helper or
a reloader costs nothing but these lines. Nothing in here may stop the program, or change what it
finds: another ``sitecustomize``, which this one hides, still runs, and the folder leaves the path.
"""

import os
import sys
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

_LONGEST = 32_000
_wanted: set[str] = set()
_busy: list[bool] = []


def _say(error: object) -> None:
    print(f"tracekit: {sys.executable} is not traced: {error}", file=sys.stderr)


def _leave_path() -> None:
    here = __file__.rpartition("sitecustomize")[0].rstrip("/\\")
    sys.path[:] = [folder for folder in sys.path if folder.rstrip("/\\") != here]


def _run_hidden() -> None:
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        sys.modules["sitecustomize"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


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
    if "-c" not in sys.orig_argv[1:3] and len(command) < _LONGEST:
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


_leave_path()
try:
    _run_hidden()
finally:
    try:
        if _is_service():
            _tell_children()
            _expect()
    except Exception as error:
        _say(error)
