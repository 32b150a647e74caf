"""Services that a signal ends, each in its own way: ``python ended.py waitress PORT``."""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import tracekit

tracekit.init("ended")


@tracekit.WSGIMiddleware
def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.3)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


@tracekit.ASGIMiddleware
async def bare(scope, receive, send):
    """Serve without a lifespan, as Django does."""
    if scope["type"] != "http":
        raise ValueError("nothing but HTTP here")
    if scope["path"] == "/slow":
        import asyncio

        await asyncio.sleep(0.3)
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


class Handler(BaseHTTPRequestHandler):
    """A service that no middleware of ours knows."""

    def do_GET(self):
        with tracekit.request("get", request_id=self.headers["X-Request-ID"]):
            if self.path == "/slow":
                time.sleep(0.3)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args): ...


def waitress(port):
    import waitress

    waitress.serve(wsgi, host="127.0.0.1", port=port, threads=8)


def uvicorn(port):
    import uvicorn

    uvicorn.run(bare, host="127.0.0.1", port=port, log_level="critical")


def plain(port):
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def threads(port):
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]))
