"""A Django project in one file, served over WSGI or over ASGI."""

from __future__ import annotations

from typing import Any

import django
from behaviour import fail, pieces, pieces_async, planned, work_on
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import include, path

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="tests",
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
django.setup()


def item(request: HttpRequest, item: int) -> HttpResponse:
    return HttpResponse("hello")


def stream(request: HttpRequest) -> HttpResponseBase:
    plan = planned(request.META["QUERY_STRING"])
    streamed = pieces_async(plan) if isinstance(request, ASGIRequest) else pieces(plan)
    return StreamingHttpResponse(streamed)


def failing(request: HttpRequest) -> HttpResponse:
    fail()
    raise AssertionError("not reached")


class WorkingOn(HttpResponse):
    def close(self) -> None:
        super().close()
        work_on()


def background(request: HttpRequest) -> HttpResponse:
    return WorkingOn("hello", headers={"Content-Length": "5"})


def upload(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


items: Any = [path("items/<int:item>", item)]
urlpatterns = [
    *items,
    path("api/", include(items)),
    path("stream", stream),
    path("fail", failing),
    path("background", background),
    path("upload", upload),
]
asgi = ASGIHandler()
wsgi = WSGIHandler()
