"""Find the route template that a framework matched, where it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracekit import guard, mounts

_PREFIX_HEADERS = (b"x-forwarded-prefix", b"x-script-name")
_CONVERTED = ("int", "float", "UUID")
"""Types whose text in a path is not always the one that ``str`` gives."""


def asgi_route(
    scope: Mapping[str, Any], told: str | None = None, routed: Mapping[str, Any] | None = None
) -> str | None:
    """Return the template that the application's router matched, mounts included; None if unknown.

    Of Starlette and FastAPI it is read out of their routes, Litestar leaves it in the *scope*;
    other routers leave the parameters at least, and the template is the path with these put back:
    none where a value could be one of several segments, so that routes stay few. *told* is the
    template that an application below the mounts has told otherwise (Django). *routed* is the scope
    that the framework was given, where that is known: a copy, maybe, which begins at a mount. Ask
    after the application has routed. Never raises.
    """
    try:
        if routed is not None and routed is not scope:
            route = asgi_route(routed, told)
            return route and _cut_off(scope, routed) + route
        left = scope.get("path_template")
        told = told or (left if isinstance(left, str) else None)
        found = mounts.template(scope)
        if found is not None:
            return (found.text + (told or "") if found.is_mount else found.text) or None
        return _by_values(scope, told)
    except Exception as error:
        guard.fault("asgi.route", error)
        return None


def _cut_off(scope: Mapping[str, Any], routed: Mapping[str, Any]) -> str:
    """Return what a middleware has added to the root path of its copy, if the path begins so.

    What a proxy's header says is none of it: a caller could make routes without end.
    """
    before = str(scope.get("root_path", ""))
    root = str(routed.get("app_root_path", routed.get("root_path", "")))
    is_mount = root.startswith(before) and str(routed["path"]).startswith(f"{root}/")
    added = root[len(before) :] if is_mount else ""
    return "" if added.strip("/") in _prefixes(scope) else added


def _prefixes(scope: Mapping[str, Any]) -> set[str]:
    headers = scope.get("headers") or ()
    return {
        bytes(value).decode("latin-1").strip("/")
        for name, value in headers
        if bytes(name).lower() in _PREFIX_HEADERS
    }


def _by_values(scope: Mapping[str, Any], told: str | None) -> str | None:
    # FastAPI keeps an included route's whole template beside the route, which has a part.
    included = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(included or scope.get("route"), "path", None)
    if isinstance(path, str):
        return _below_mounts(scope, path, told, hasattr(scope["route"], "endpoint"))
    if "app_root_path" in scope:  # nothing matched but a mount of FastAPI's
        return _below_mounts(scope, "", told, is_whole=False) or None
    return told or _with_parameters(scope)


def _below_mounts(
    scope: Mapping[str, Any], path: str, told: str | None, is_whole: bool
) -> str | None:
    if "app_root_path" not in scope:
        return path
    # Starlette keeps only the matched prefix; its parameters are put back, to bound the routes.
    matched = str(scope["root_path"])[len(scope["app_root_path"]) :]
    own = path if is_whole else ""
    of_mounts = {n: v for n, v in scope.get("path_params", {}).items() if not _names(own, n)}
    prefix = _template(matched, of_mounts)
    if prefix is None:
        return None
    # A mount's own path is already in the prefix.
    return prefix + (path if is_whole else told or "") or path


def _names(template: str, parameter: str) -> bool:
    return f"{{{parameter}}}" in template or f"{{{parameter}:" in template


def _with_parameters(scope: Mapping[str, Any]) -> str | None:
    """Return the path with the router's parameters put back; None where no router left any."""
    parameters = scope.get("path_params") or scope.get("url_route", {}).get("kwargs")
    if not parameters:
        return None
    prefix = str(scope.get("root_path", ""))
    path = str(scope["path"])
    return _template(path[len(prefix) :] if path.startswith(prefix) else path, parameters)


def _template(path: str, parameters: Mapping[str, Any]) -> str | None:
    """Return *path* with the segments that hold the *parameters*' values named, each one once.

    None if a value is in no segment, or in more than there are parameters that have it.
    """
    parts = path.split("/")
    waiting = [str(value) for value in parameters.values()]
    for name, value in parameters.items():
        if "/" in str(value):  # it runs over several segments
            joined = "/".join(parts)
            if joined.count(str(value)) != waiting.count(str(value)):
                return None
            parts = joined.replace(str(value), f"{{{name}}}", 1).split("/")
        else:
            hits = [index for index, part in enumerate(parts) if _is_text_of(part, value)]
            if not hits or len(hits) != waiting.count(str(value)):
                return None
            parts[hits[0]] = f"{{{name}}}"
        waiting.remove(str(value))
    return "/".join(parts)


def _is_text_of(part: str, value: Any) -> bool:
    if part == str(value):
        return bool(part)
    if type(value).__name__ not in _CONVERTED or not part:
        return False
    try:
        return bool(type(value)(part) == value)
    except ValueError:
        return False


def arrival(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Return what ``wsgi_route`` compares with: where the request's path was cut as it came."""
    return str(environ.get("SCRIPT_NAME", "")), str(environ.get("PATH_INFO", ""))


def wsgi_route(
    environ: Mapping[str, Any], told: str | None = None, came: tuple[str, str] | None = None
) -> str | None:
    """Return the rule that Flask matched, or what was *told* (Django), with the mounts before it.

    *came* is what ``arrival`` returned. A mount moves a part of the path from ``PATH_INFO`` to
    ``SCRIPT_NAME``; what a proxy's header puts there is none. None if unknown. Never raises.
    """
    try:
        rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
        route = getattr(rule, "rule", None) or told
        return route and _moved(environ, came) + str(route)
    except Exception as error:
        guard.fault("wsgi.route", error)
        return None


def _moved(environ: Mapping[str, Any], came: tuple[str, str] | None) -> str:
    if came is None:
        return ""
    name, path = arrival(environ)
    moved = name[len(came[0]) :] if name.startswith(came[0]) else ""
    return moved if moved and came[1] == moved + path else ""
