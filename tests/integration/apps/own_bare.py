"""Applications of no framework that have tracekit's middleware, and leave the rest to others."""

import tracekit


def bare(_environ, start_response):
    start_response("200 OK", [])
    return [b"bare"]


app = tracekit.WSGIMiddleware(bare)
