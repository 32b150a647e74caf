"""Python runs this as it starts, before the program: ``tracekit run`` puts this folder in its path.

Nothing in here may stop the program, or change what it finds: the folder leaves the path, another
``sitecustomize``, which this one hides, still runs, and a Python that tracekit is not for goes
on, with one line if it turns out to be the service. That may be an old one: this file keeps to
what Python 3.6 can read.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec, spec_from_file_location

_NEEDED = ("tracekit", "wrapt")


def _leave_path() -> None:
    here = __file__.rpartition("sitecustomize")[0].rstrip("/\\")
    sys.path[:] = [folder for folder in sys.path if folder.rstrip("/\\") != here]


def _run_hidden() -> None:
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        sys.modules["sitecustomize"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


def _is_ours() -> bool:
    """Tell whether this Python can be traced: another one may have come by the same environment."""
    if sys.version_info < (3, 10):  # noqa: UP036 - of another installation
        return False
    specs = [find_spec(name) for name in _NEEDED]
    return all(spec is not None and spec.origin is not None for spec in specs)


def _begin(name: str, *arguments: object) -> None:
    folder = __file__.rpartition("site")[0].rpartition("site")[0]  # tracekit/auto/
    spec = spec_from_file_location("_tracekit_" + name, folder + name + ".py")
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        module.begin(*arguments)


_leave_path()
try:
    _run_hidden()
finally:
    try:
        if _is_ours():
            _begin("startup")
        elif "TRACEKIT_RUN_UNTRACED" in os.environ:
            _begin("lacking", _NEEDED)
    except Exception as error:
        reason = str(error) or type(error).__name__
        if sys.stderr is not None:  # where it is closed; None would stand for stdout
            print("tracekit: this process is not traced: " + reason, file=sys.stderr)
