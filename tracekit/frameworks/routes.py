"""What Django and Datasette matched, told to the request that is being served."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from tracekit import guard
from tracekit.clients.patching import Patches
from tracekit.request import request_in

_NAMED_GROUP = re.compile(r"\(\?P<(\w+)>")


def hook_django(patches: Patches, module: Any) -> None:
    """Put a hook where both of Django's handlers look up the view."""
    patches.wrap(module.BaseHandler, "resolve_request", _resolving)


def _resolving(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def resolve_request(handler: Any, request: Any) -> Any:
        match = original(handler, request)
        _tell(_django_route, match)
        return match

    return resolve_request


def _django_route(match: Any) -> str:
    # ``^`` and ``$`` are those of `re_path`; of joined patterns Django leaves the last ``$`` only.
    route = str(match.route).removeprefix("^").removesuffix("$").removesuffix(r"\Z")
    return f"/{route.removeprefix('/')}"


def hook_datasette(patches: Patches, module: Any) -> None:
    """Put a hook on Datasette's look-up, which passes the parameters on in a scope of its own."""
    patches.wrap(module, "resolve_routes", _looking_up)


def _looking_up(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def resolve_routes(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        if found[0] is not None:
            _tell(lambda match: _readable(match.re.pattern), found[0])
        return found

    return resolve_routes


@functools.lru_cache(maxsize=512)
def _readable(pattern: str) -> str:
    """Return regular expression *pattern* with its named groups as ``{name}``, ends left out."""
    pattern = pattern.removeprefix("^").removesuffix("$")
    parts, at = [], 0
    for group in _NAMED_GROUP.finditer(pattern):
        if group.start() < at:  # inside of the one before
            continue
        parts += [pattern[at : group.start()], f"{{{group[1]}}}"]
        at = _end_of_group(pattern, group.end())
    return re.sub(r"\\(.)", r"\1", "".join([*parts, pattern[at:]]))


def _end_of_group(pattern: str, at: int) -> int:
    depth, in_class = 1, False
    while depth and at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            at += 1
        elif sign in "[]":
            in_class = sign == "["
        elif not in_class:
            depth += (sign == "(") - (sign == ")")
        at += 1
    return at


def _tell(route: Callable[[Any], str], match: Any) -> None:
    try:
        request = request_in(None)
        if request is not None:
            request.route = route(match)
    except Exception as error:
        guard.fault("frameworks.route", error)
