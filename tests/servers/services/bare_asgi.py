"""The application without a framework: it knows no routes."""

from __future__ import annotations

from typing import Any

from behaviour import Plan, fail, pieces_async, planned, work_on_async


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await _echo(receive, send)
    elif scope["path"] == "/fail":
        fail()
    elif scope["path"] == "/stream":
        await _stream(send, planned(scope["query_string"]))
    elif scope["path"] == "/upload":
        await _answer(send, str(await _size(receive)).encode())
    else:
        await _answer(send, b"hello", 404 if scope["path"] == "/nowhere" else 200)
        if scope["path"] == "/background":
            await work_on_async()


async def _answer(send: Any, body: bytes, status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Any, plan: Plan) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    async for piece in pieces_async(plan):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _size(receive: Any) -> int:
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return size


async def _echo(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
