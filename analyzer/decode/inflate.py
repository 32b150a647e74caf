"""gzip, without letting a small body become an endless one."""

from __future__ import annotations

import zlib

from analyzer.errors import BadInput

GZIP_MAGIC = b"\x1f\x8b"


class TooLarge(BadInput):
    """A body is over the limit, before or after decompression."""


def inflate(body: bytes, limit: int) -> bytes:
    """Return the decompressed gzip *body*; TooLarge over *limit* bytes, BadInput when damaged."""
    parts: list[bytes] = []
    left = limit
    while body:
        stream = zlib.decompressobj(wbits=31)
        try:
            # One byte over the limit is enough to know; a limit of 0 would mean no limit to zlib.
            part = stream.decompress(body, left + 1)
        except zlib.error as error:
            raise BadInput(f"damaged gzip ({error})") from error
        left -= len(part)
        if left < 0:
            raise TooLarge(f"over {limit} bytes when decompressed")
        if not stream.eof:
            raise BadInput("damaged gzip (cut off)")
        parts.append(part)
        body = stream.unused_data
    return b"".join(parts)
