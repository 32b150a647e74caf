"""Which of OpenTelemetry's instrumentations trace what tracekit traces itself."""

from __future__ import annotations

DOUBLES = frozenset(
    (
        *("aiohttp-client", "asgi", "boto", "botocore", "boto3", "django", "fastapi", "flask"),
        *("httpx", "requests", "starlette", "urllib", "urllib3", "wsgi"),
    )
)
"""By entry point, which is how ``opentelemetry-instrument`` knows them."""
