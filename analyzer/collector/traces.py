"""``POST /v1/traces``: OTLP over HTTP. The answer comes after the spans are durable."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from analyzer.collector.bodies import TRACES_LIMIT, read_body
from analyzer.collector.messages import JSON, PROTOBUF, accepted, media_type, refused
from analyzer.collector.writer import Writer
from analyzer.decode import (
    Decoded,
    TooLarge,
    collect,
    inflate,
    parse_json,
    read_json,
    read_protobuf,
)
from analyzer.errors import BadInput, StoreError
from analyzer.store.body import digest_of
from analyzer.store.local import LocalStore

RETRY = {"Retry-After": "1"}


class TracesEndpoint:
    """Decodes a batch and stores it once, however often it is sent."""

    def __init__(self, store: LocalStore, writer: Writer) -> None:
        """Serve *store*, whose every use goes through *writer*."""
        self._store = store
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its method."""
        request = Request(scope, receive)
        media = media_type(request.headers.get("content-type", ""))
        try:
            response = _refusal(request, media) or await self._store_batch(request, media)
        except ClientDisconnect:
            return
        except TooLarge as error:
            response = refused(media, 413, str(error))
        except BadInput as error:
            response = refused(media, 400, str(error))
        except StoreError as error:
            response = refused(media, 503, str(error), RETRY)
        await response(scope, receive, send)

    async def _store_batch(self, request: Request, media: str) -> Response:
        body = await read_body(request, TRACES_LIMIT)
        is_gzip = request.headers.get("content-encoding", "").strip().lower() == "gzip"
        decoded = await self._writer.run(lambda: self._write(body, media, is_gzip))
        return accepted(media, decoded.rejected, decoded.reasons)

    def _write(self, body: bytes, media: str, is_gzip: bool) -> Decoded:
        content = inflate(body, TRACES_LIMIT) if is_gzip else body
        decoded = collect(
            read_json(parse_json(content)) if media == JSON else read_protobuf(content)
        )
        self._store.insert(decoded.spans, digest_of(content))
        return decoded


def _refusal(request: Request, media: str) -> Response | None:
    if request.method != "POST":
        return refused(media, 405, f"{request.method} is not POST", {"Allow": "POST"})
    if media not in (JSON, PROTOBUF):
        return refused(media, 415, f"the content type must be {PROTOBUF} or {JSON}")
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        return refused(media, 415, "the content encoding must be gzip or none")
    return None
