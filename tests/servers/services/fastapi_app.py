from __future__ import annotations

from behaviour import fail, pieces_async, planned, work_on_async
from fastapi import APIRouter, BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

app = FastAPI()
included = APIRouter()


@app.get("/items/{item}")
@included.get("/items/{item}")
async def item(item: str) -> str:
    return item


app.include_router(included, prefix="/api")


@app.get("/stream")
async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(pieces_async(planned(request.url.query)))


@app.get("/fail")
async def failing() -> None:
    fail()


@app.get("/background")
async def background(tasks: BackgroundTasks) -> str:
    tasks.add_task(work_on_async)
    return "hello"


@app.post("/upload")
async def upload(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@app.websocket("/rooms/{room}")
async def echo(websocket: WebSocket, room: str) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)
