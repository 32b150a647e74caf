from __future__ import annotations

from behaviour import fail, pieces_async, planned, work_on_async
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket


async def item(request: Request) -> Response:
    return PlainTextResponse("hello")


async def stream(request: Request) -> Response:
    return StreamingResponse(pieces_async(planned(request.url.query)))


async def failing(request: Request) -> Response:
    fail()
    raise AssertionError("not reached")


async def background(request: Request) -> Response:
    return PlainTextResponse("hello", background=BackgroundTask(work_on_async))


async def upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


app = Starlette(
    routes=[
        Route("/items/{item}", item),
        Mount("/api", routes=[Route("/items/{item}", item)]),
        Route("/stream", stream),
        Route("/fail", failing),
        Route("/background", background),
        Route("/upload", upload, methods=["POST"]),
        WebSocketRoute("/rooms/{room}", echo),
    ]
)
