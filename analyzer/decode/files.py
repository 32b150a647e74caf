"""Files of traces: which format a file has is seen from its content, never from its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analyzer.decode.inflate import GZIP_MAGIC, TooLarge, inflate
from analyzer.decode.jaeger import is_trace, read_jaeger
from analyzer.decode.otlp_json import parse_json, read_json
from analyzer.decode.otlp_protobuf import read_protobuf
from analyzer.decode.spans import Decoded, collect, join
from analyzer.errors import BadInput

FILE_LIMIT = 1 << 30
"""Bytes of one file, decompressed; it is decoded in memory."""
OTHER_SIGNALS = frozenset({"resourceLogs", "resourceMetrics", "resourceProfiles"})
"""A collector's file exporter may write these beside the traces."""


def read_file(path: Path) -> bytes:
    """Return a file's bytes, or raise BadInput with the system's reason."""
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise TooLarge(f"{path}: over {FILE_LIMIT} bytes")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def decode_any(content: bytes, name: str) -> Decoded:
    """Return the spans of a file: OTLP JSON (one document or lines), OTLP protobuf, Jaeger JSON.

    Each may be compressed with gzip. Raises BadInput, which begins with *name*.
    """
    try:
        if content.startswith(GZIP_MAGIC):
            content = inflate(content, FILE_LIMIT)
        return _decode(content)
    except TooLarge as error:
        raise TooLarge(f"{name}: {error}") from error
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from error


def decode_line(line: bytes) -> Decoded:
    """Return the spans of one line of an OTLP file."""
    return collect(read_json(parse_json(line)))


def _decode(content: bytes) -> Decoded:
    text = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise BadInput("empty")
    if text[:1] in b"{[":
        try:
            return _decode_json(text)
        except BadInput:
            # Protobuf may begin with "\n{": the tag of the first field, and a length of 123.
            if not content.startswith(b"\n"):
                raise
    try:
        return collect(read_protobuf(content))
    except BadInput as error:
        raise BadInput("neither OTLP (JSON or protobuf) nor Jaeger JSON") from error


def _decode_json(text: bytes) -> Decoded:
    lines = text.splitlines(keepends=True)
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len(filled) > 1 and _is_json(filled[0][1]):
        return join(_decode_lines(filled))
    return join(_documents(parse_json(text)))


def _is_json(line: bytes) -> bool:
    try:
        parse_json(line)
    except BadInput:
        return False
    return True


def _decode_lines(lines: list[tuple[int, bytes]]) -> Iterator[Decoded]:
    last = lines[-1][0]
    for number, line in lines:
        try:
            yield from _documents(parse_json(line))
        except BadInput as error:
            # A writer that died in the middle of a line leaves no newline behind.
            if number == last and not line.endswith(b"\n"):
                yield Decoded((), 0, (f"line {number} is cut off and was left out",))
                return
            reason = str(error).replace(" (line 1, column ", " (column ")
            raise BadInput(f"line {number}: {reason}") from error


def _documents(document: Any) -> Iterator[Decoded]:
    if isinstance(document, list):
        for item in document:
            yield from _documents(item)
    elif is_trace(document):
        yield collect(read_jaeger(document))
    elif not isinstance(document, dict):
        raise BadInput("neither OTLP nor Jaeger JSON")
    elif "resourceSpans" in document:
        yield collect(read_json(document))
    elif isinstance(document.get("data"), list):
        yield from _documents(document["data"])
    elif document and not OTHER_SIGNALS & document.keys():
        raise BadInput("neither OTLP (no resourceSpans) nor Jaeger JSON (no data)")
