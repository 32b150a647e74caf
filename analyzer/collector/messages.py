"""OTLP's answers, in the encoding of the request."""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from starlette.responses import Response

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
CODES = {400: 3, 403: 7, 405: 12, 413: 8, 415: 3, 503: 14}
"""HTTP statuses as gRPC's codes, which a Status message carries."""
REASONS_SHOWN = 5


def media_type(content_type: str) -> str:
    """Return the type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def accepted(media: str, rejected: int, reasons: tuple[str, ...]) -> Response:
    """Return the answer to spans that are stored, with what was rejected of them."""
    message = "; ".join(reasons[:REASONS_SHOWN])
    if media == JSON:
        partial = {"rejectedSpans": str(rejected), "errorMessage": message}
        return _json({"partialSuccess": partial} if rejected else {})
    answer = ExportTraceServiceResponse()
    if rejected:
        partial_success = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
        answer.partial_success.CopyFrom(partial_success)
    return Response(answer.SerializeToString(), media_type=PROTOBUF)


def refused(
    media: str, status: int, message: str, headers: dict[str, str] | None = None
) -> Response:
    """Return a failure as a Status message, in JSON unless the request is protobuf."""
    if media == PROTOBUF:
        return Response(_status(CODES[status], message), status, headers, PROTOBUF)
    return _json({"code": CODES[status], "message": message}, status, headers)


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content), status, headers, JSON)


def _status(code: int, message: str) -> bytes:
    # google.rpc.Status is {int32 code = 1; string message = 2}: not worth the package that has it.
    text = message.encode(errors="replace")
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
