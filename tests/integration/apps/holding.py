"""A FastAPI service of which one endpoint holds the event loop while others wait in threads."""

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from fastapi import FastAPI

import tracekit

tracekit.init("holding")
app = FastAPI()
app.add_middleware(tracekit.ASGIMiddleware)
entered, over = threading.Event(), threading.Event()


def stay():
    """Stay in a thread until the culprit has held the loop."""
    entered.set()
    over.wait(10)


class Backend(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/stay":
            stay()
        else:
            time.sleep(0.12)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


backend = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
threading.Thread(target=backend.serve_forever, daemon=True).start()
BACKEND = f"http://127.0.0.1:{backend.server_port}"


@app.post("/call")
def calls():
    requests.get(f"{BACKEND}/stay", timeout=10)


@app.post("/stage")
def stages():
    with tracekit.stage("thinking"):
        stay()


@app.post("/plain")
def plain():
    stay()


@app.post("/await")
async def awaits():
    await asyncio.to_thread(stay)


@app.post("/entered")
async def has_entered():
    """Answer once somebody stays."""
    await asyncio.to_thread(entered.wait, 10)


@app.post("/culprit")
async def culprit():
    until = time.perf_counter() + 0.19
    while time.perf_counter() < until:
        pass
    entered.clear()
    over.set()


@app.post("/again")
async def again():
    over.clear()


@app.post("/lone")
async def lone():
    requests.get(f"{BACKEND}/slow", timeout=10)
