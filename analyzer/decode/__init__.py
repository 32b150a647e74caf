"""Bytes to spans: OTLP in JSON and protobuf, Jaeger JSON; no I/O but reading a file."""

from __future__ import annotations

from analyzer.decode.files import decode_any, decode_line, read_file
from analyzer.decode.inflate import TooLarge, inflate
from analyzer.decode.otlp_json import parse_json, read_json
from analyzer.decode.otlp_protobuf import read_protobuf
from analyzer.decode.spans import Decoded, collect

__all__ = [
    "Decoded",
    "TooLarge",
    "collect",
    "decode_any",
    "decode_line",
    "inflate",
    "parse_json",
    "read_file",
    "read_json",
    "read_protobuf",
]
