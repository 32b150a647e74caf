from __future__ import annotations

from behaviour import fail, pieces, planned, work_on
from flask import Blueprint, Flask, Response, request

app = Flask(__name__)
blueprint = Blueprint("api", __name__)


@app.get("/items/<int:item>")
@blueprint.get("/items/<int:item>")
def item(item: int) -> str:
    return "hello"


app.register_blueprint(blueprint, url_prefix="/api")


@app.get("/stream")
def stream() -> Response:
    return Response(pieces(planned(request.query_string)))


@app.get("/fail")
def failing() -> str:
    fail()
    return "not reached"


@app.get("/background")
def background() -> Response:
    response = Response("hello")
    response.call_on_close(work_on)
    return response


@app.post("/upload")
def upload() -> str:
    return str(len(request.get_data()))
