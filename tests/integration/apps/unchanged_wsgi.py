"""A service that knows nothing of tracekit, over WSGI; as a program it brings its own server."""

import os
import sys

from flask import Flask, Response

app = Flask(__name__)


@app.get("/items/<item>")
def item(item):
    return {"item": item}


@app.get("/python-path")
def python_path():
    return {"sys": sys.path, "module": "sitecustomize" in sys.modules}


@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")


app.wsgi_app = (lambda inner: lambda environ, start: inner(environ, start))(app.wsgi_app)


def bare(environ, start_response):
    """An application of no framework at all."""
    return Response("bare")(environ, start_response)


if __name__ == "__main__":
    import waitress

    waitress.serve(app, listen=f"127.0.0.1:{os.environ['PORT']}")
