"""What a framework matched, told to the request that is being served."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from tracekit import guard
from tracekit.clients.patching import Patches
from tracekit.request import request_in
from tracekit.server import SEEN

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


def hook_starlette(patches: Patches, module: Any) -> None:
    """Put a hook where Starlette routes: the scope that it leaves the route in may be a copy."""
    patches.wrap(module.Router, "__call__", _routing)


def hook_channels(patches: Patches, module: Any) -> None:
    """Put a hook where a consumer is called: Channels leaves the parameters in copies alone."""
    patches.wrap(module.AsyncConsumer, "__call__", _routing)


def _routing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def call(routed: Any, scope: Any, receive: Any, send: Any) -> None:
        if "router" not in scope:  # the outermost: those below it are found by its routes
            _note(scope)
        await original(routed, scope, receive, send)

    return call


def _note(scope: Any) -> None:
    try:
        exchange = scope.get(SEEN)
        if exchange is not None and exchange.is_open:
            exchange.routed = scope
    except Exception as error:
        guard.fault("frameworks.scope", error)


def hook_flask(patches: Patches, module: Any) -> None:
    """Put a hook where Flask matches: the environ that it leaves the rule in may be a copy."""
    context = vars(module).get("RequestContext") or module.AppContext
    patches.wrap(context, "match_request", _matching)


def hook_quart(patches: Patches, module: Any) -> None:
    """Put a hook where Quart matches, for requests and for websockets."""
    patches.wrap(module.RequestContext, "match_request", _matching)
    patches.wrap(module.WebsocketContext, "match_request", _matching)


def _matching(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def match_request(context: Any) -> None:
        original(context)
        _tell(_flask_route, context, is_first=True)

    return match_request


def _flask_route(context: Any) -> str | None:
    asked = getattr(context, "request", None) or context.websocket
    return getattr(asked.url_rule, "rule", None)


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


def _tell(route: Callable[[Any], str | None], match: Any, *, is_first: bool = False) -> None:
    """Tell of *match*; where *is_first*, of the first only.

    Flask matches anew for a stream, and for a context that an application makes by hand.
    """
    try:
        request = request_in(None)
        if request is None or (is_first and request.is_matched):
            return
        request.is_matched = True
        request.route = route(match)
    except Exception as error:
        guard.fault("frameworks.route", error)
