"""The same few things done with every client that has hooks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar

import httpx
import httpx2
import requests
import urllib3


class Caller:
    """One long-lived client. ``get`` reads the body and returns it with the status."""

    name: ClassVar[str]
    library: ClassVar[str]
    errors: ClassVar[tuple[type[Exception], ...]]

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, url: str, timeout: float = 5.0) -> tuple[int, bytes]:
        raise NotImplementedError

    def abandon(self, url: str) -> None:
        """Read the first piece of the body, then leave."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Requests(Caller):
    name = "requests"
    library = "urllib3"
    errors = (requests.RequestException,)

    def __init__(self) -> None:
        self.client = requests.Session()

    def get(self, url: str, timeout: float = 5.0) -> tuple[int, bytes]:
        response = self.client.get(url, timeout=timeout, verify=False)
        return response.status_code, response.content

    def abandon(self, url: str) -> None:
        response = self.client.get(url, stream=True)
        next(response.iter_content(5))
        response.close()

    def close(self) -> None:
        self.client.close()


class Urllib3(Caller):
    name = "urllib3"
    library = "urllib3"
    errors = (urllib3.exceptions.HTTPError,)

    def __init__(self) -> None:
        self.client = urllib3.PoolManager(
            retries=urllib3.Retry(None, connect=0, read=0, redirect=5), cert_reqs="NONE"
        )

    def get(self, url: str, timeout: float = 5.0) -> tuple[int, bytes]:
        response = self.client.request("GET", url, timeout=timeout)
        return response.status, response.data

    def abandon(self, url: str) -> None:
        response = self.client.request("GET", url, preload_content=False)
        response.read(5)
        response.close()

    def close(self) -> None:
        self.client.clear()


class Httpx(Caller):
    name = "httpx"
    library = "httpx"
    module: ClassVar[Any] = httpx
    errors = (httpx.HTTPError,)

    def __init__(self) -> None:
        self.client = self.module.Client(verify=False, follow_redirects=True)

    def get(self, url: str, timeout: float = 5.0) -> tuple[int, bytes]:
        response = self.client.get(url, timeout=timeout)
        return response.status_code, response.content

    def abandon(self, url: str) -> None:
        with self.client.stream("GET", url) as response:
            next(response.iter_raw())

    def close(self) -> None:
        self.client.close()


class AsyncHttpx(Caller):
    name = "httpx-async"
    library = "httpx"
    module: ClassVar[Any] = httpx
    errors = (httpx.HTTPError,)

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = self.module.AsyncClient(verify=False, follow_redirects=True)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def get(self, url: str, timeout: float = 5.0) -> tuple[int, bytes]:
        async def get() -> Any:
            return await self.client.get(url, timeout=timeout)

        response = self.run(get())
        return response.status_code, response.content

    def abandon(self, url: str) -> None:
        async def leave() -> None:
            async with self.client.stream("GET", url) as response:
                await anext(response.aiter_raw())

        self.run(leave())

    def close(self) -> None:
        self.run(self.client.aclose())
        self.run(self.loop.shutdown_asyncgens())
        self.loop.close()


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


CALLERS: tuple[type[Caller], ...] = (Requests, Urllib3, Httpx, AsyncHttpx, Httpx2, AsyncHttpx2)
