"""Read a request's body within its limits."""

from __future__ import annotations

from starlette.requests import Request

from analyzer.decode import TooLarge

TRACES_LIMIT = 64 << 20
"""Bytes of one batch of spans, before and after decompression."""


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body as sent; TooLarge as soon as it is known to be over *limit* bytes."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"over {limit} bytes")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLarge(f"over {limit} bytes")
        parts.append(part)
    return b"".join(parts)
