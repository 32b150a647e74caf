"""httpx and httpx2, sync and async."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, ClassVar

import httpx
import httpx2
from conformance.caller import PLAIN, Answer, AsyncCaller, Caller, Options, Pieces
from conformance.spared import spare_connections_in_use


def _httpx_settings(module: Any, options: Options) -> dict[str, Any]:
    most = options.pool if options.block else None
    return {
        "verify": False,
        "trust_env": False,
        "follow_redirects": True,
        "http2": options.http2,
        "proxy": options.proxy,
        "limits": module.Limits(max_connections=most, max_keepalive_connections=options.pool),
        "timeout": 5.0,
    }


class Httpx(Caller):
    name = "httpx"
    library = "httpx"
    module: ClassVar[Any] = httpx
    errors = (httpx.HTTPError,)

    def __init__(self, options: Options = PLAIN) -> None:
        super().__init__(options)
        self.client = self.module.Client(**_httpx_settings(self.module, options))
        spare_connections_in_use(self.client._transport._pool)

    def get(self, url: str, timeout: float = 5.0) -> Answer:
        response = self.client.get(url, timeout=timeout)
        return response.status_code, response.content

    @contextmanager
    def opened(self, url: str) -> Pieces:
        with self.client.stream("GET", url) as response:
            pieces = response.iter_raw()
            yield lambda: next(pieces, b"")

    def close(self) -> None:
        self.client.close()


class AsyncHttpx(AsyncCaller):
    name = "httpx-async"
    library = "httpx"
    module: ClassVar[Any] = httpx
    errors = (httpx.HTTPError,)

    def __init__(self, options: Options = PLAIN) -> None:
        super().__init__(options)
        self.client = self.module.AsyncClient(**_httpx_settings(self.module, options))

    async def aget(self, url: str, timeout: float = 5.0) -> Answer:
        response = await self.client.get(url, timeout=timeout)
        return response.status_code, response.content

    @contextmanager
    def opened(self, url: str) -> Pieces:
        stream = self.client.stream("GET", url)
        response = self.run(stream.__aenter__())
        pieces = response.aiter_raw()
        try:
            yield lambda: self.run(anext(pieces, b""))
        finally:
            self.run(stream.__aexit__(None, None, None))

    async def aclose(self) -> None:
        await self.client.aclose()


class Httpx2(Httpx):
    name = "httpx2"
    library = "httpx2"
    module = httpx2
    errors = (httpx2.HTTPError,)


class AsyncHttpx2(AsyncHttpx):
    name = "httpx2-async"
    library = "httpx2"
    module = httpx2
    errors = (httpx2.HTTPError,)
