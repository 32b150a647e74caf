"""A service for servers of greenlets: it waits in a stage, and calls another service."""

import json
import logging
import os
import time

import requests

import tracekit

tracekit.init("green", executors=True)


@tracekit.WSGIMiddleware
def app(environ, start_response):
    before = tracekit.current_request_id()
    with tracekit.stage("wait"):
        time.sleep(0.05)
    if next_service := os.environ.get("NEXT"):
        requests.get(next_service, timeout=10)
    body = json.dumps([before, tracekit.current_request_id()]).encode()
    logging.getLogger("host").warning("done")
    start_response("200 OK", [("Content-Type", "application/json")])
    return iter([body, b"\n"])
