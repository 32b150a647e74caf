"""The servers of the table, and the frameworks that each of them serves."""

from __future__ import annotations

from typing import NamedTuple

ASGI = ("bare", "Starlette", "FastAPI", "Django")
WSGI = ("bare", "Flask", "Django")


class Host(NamedTuple):
    """A server: how it is started, and what its interface makes of an application."""

    name: str
    command: tuple[str, ...]
    """For ``python -m``; ``{port}`` is where to listen."""
    is_asgi: bool = True
    is_http2: bool = False
    at_once: int = 50
    """How many requests it can answer at the same time."""

    @property
    def frameworks(self) -> tuple[str, ...]:
        return ASGI if self.is_asgi else WSGI


_UVICORN = ("uvicorn", "--port", "{port}", "--log-level", "warning", "served_asgi:app")
_HYPERCORN = ("hypercorn", "-b", "127.0.0.1:{port}", "--graceful-timeout", "0", "served_asgi:app")
_GRANIAN = ("granian", "--interface", "asgi", "--port", "{port}", "served_asgi:app")
_GUNICORN = ("gunicorn", "--no-control-socket", "-b", "127.0.0.1:{port}", "served_wsgi:app")
_WAITRESS = ("waitress", "--listen", "127.0.0.1:{port}", "--threads", "8", "served_wsgi:app")

HOSTS = (
    Host("uvicorn", (*_UVICORN, "--loop", "asyncio", "--http", "h11")),
    Host("uvicorn-uvloop", (*_UVICORN, "--loop", "uvloop", "--http", "httptools")),
    Host("hypercorn", _HYPERCORN),
    Host("hypercorn-http2", _HYPERCORN, is_http2=True),
    Host("granian", _GRANIAN),
    Host("gunicorn-sync", _GUNICORN, is_asgi=False, at_once=1),
    Host("gunicorn-gthread", (*_GUNICORN, "--threads", "8"), is_asgi=False, at_once=8),
    Host("waitress", _WAITRESS, is_asgi=False, at_once=8),
)
