"""Every client that has hooks. A new one is a class in a module of its own and a name here."""

from __future__ import annotations

from conformance.aiohttp_caller import Aiohttp
from conformance.caller import Caller
from conformance.httpx_callers import AsyncHttpx, AsyncHttpx2, Httpx, Httpx2
from conformance.stdlib_callers import HttpClient, UrllibRequest
from conformance.urllib3_callers import Requests, Urllib3

CALLERS: tuple[type[Caller], ...] = (
    Requests,
    Urllib3,
    Httpx,
    AsyncHttpx,
    Httpx2,
    AsyncHttpx2,
    Aiohttp,
    HttpClient,
    UrllibRequest,
)

__all__ = ["CALLERS", "Aiohttp", "Caller", "HttpClient", "UrllibRequest"]
