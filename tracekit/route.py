"""Find the route template that a framework matched, where it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracekit import guard


def asgi_route(scope: Mapping[str, Any]) -> str | None:
    """Return the template that Starlette or FastAPI matched, mounts included; None if unknown.

    Ask after the application has run: routing writes it into the scope. Never raises.
    """
    try:
        # FastAPI keeps an included route's whole template beside the route, which has a part.
        included = scope.get("fastapi", {}).get("effective_route_context")
        route = included or scope.get("route")
        path = getattr(route, "path", None)
        if not isinstance(path, str):
            return None
        if "app_root_path" not in scope:
            return path
        prefix = _mounted(scope)
        # A mount's own path is already in the prefix.
        return prefix + path if hasattr(route, "endpoint") else prefix or path
    except Exception as error:
        guard.fault("asgi.route", error)
        return None


def _mounted(scope: Mapping[str, Any]) -> str:
    # Starlette keeps only the matched prefix; its parameters are put back, to bound the routes.
    prefix = str(scope["root_path"])[len(scope["app_root_path"]) :]
    names = {str(value): name for name, value in scope.get("path_params", {}).items()}
    parts = [f"{{{names[part]}}}" if part in names else part for part in prefix.split("/")]
    return "/".join(parts)


def wsgi_route(environ: Mapping[str, Any]) -> str | None:
    """Return the rule that Flask matched; None if unknown. Never raises."""
    try:
        rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
        return getattr(rule, "rule", None)
    except Exception as error:
        guard.fault("wsgi.route", error)
        return None
