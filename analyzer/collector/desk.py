"""What the commands ask of a running collector: named queries, the spool, imports, its health."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analyzer.collector.bodies import read_body
from analyzer.collector.messages import JSON
from analyzer.collector.writer import Writer
from analyzer.decode.files import FILE_LIMIT
from analyzer.decode.inflate import TooLarge
from analyzer.errors import AnalyzerError, BadInput
from analyzer.store.local import LocalStore
from analyzer.store.queries import READABLE

QUERY_LIMIT = 1 << 20
Endpoint = Callable[[Request], Awaitable[Any]]


def routes(store: LocalStore, writer: Writer) -> list[Route]:
    """Return the routes for the commands; every answer is JSON, a failure ``{"error": ...}``."""

    async def health(request: Request) -> Any:
        return {"store": store.name, "pid": os.getpid()}

    async def query(request: Request) -> Any:
        name = request.path_params["name"]
        if name not in READABLE:
            raise BadInput(f'there is no query "{name}"')
        params = _params(await read_body(request, QUERY_LIMIT))
        return await writer.run(lambda: store.query(name, **params))

    async def ingest(request: Request) -> Any:
        return asdict(await writer.run(store.ingest_spool))

    async def import_file(request: Request) -> Any:
        name = request.query_params.get("name", "the file")
        content = await read_body(request, FILE_LIMIT)
        return asdict(await writer.run(lambda: store.import_bytes(content, name)))

    return [
        Route("/healthz", _answer(health)),
        Route("/v1/query/{name}", _answer(query), methods=["POST"]),
        Route("/v1/ingest", _answer(ingest), methods=["POST"]),
        Route("/v1/import", _answer(import_file), methods=["POST"]),
    ]


def _answer(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return _json(await endpoint(request))
        except TooLarge as error:
            return _json({"error": str(error)}, 413)
        except BadInput as error:
            return _json({"error": str(error)}, 400)
        except AnalyzerError as error:
            return _json({"error": str(error)}, 503)

    return answer


def _params(body: bytes) -> dict[str, Any]:
    try:
        params = json.loads(body or b"{}")
    except ValueError as error:
        raise BadInput(f"the parameters are not JSON: {error}") from error
    if not isinstance(params, dict):
        raise BadInput("the parameters are not a JSON object")
    return params


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, media_type=JSON)
