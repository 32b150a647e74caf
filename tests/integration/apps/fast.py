"""A FastAPI service, wrapped from outside and from inside. FastAPI opens spans of its own."""

import asyncio

from fastapi import BackgroundTasks, FastAPI

import tracekit

tracekit.init("fast")


def make():
    made = FastAPI()

    @made.post("/ask/{topic}")
    async def ask(topic: str, background: BackgroundTasks):
        background.add_task(asyncio.sleep, 0.05)
        with tracekit.stage("think"):
            await asyncio.sleep(0.03)
        return {"topic": topic}

    return made


outside = tracekit.ASGIMiddleware(make())
inside = make()
inside.add_middleware(tracekit.ASGIMiddleware)
