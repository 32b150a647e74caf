"""The kit's aiohttp: one session in a loop of its own."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import aiohttp
from conformance.caller import PLAIN, Answer, AsyncCaller, Options, Pieces


class Aiohttp(AsyncCaller):
    name = "aiohttp"
    library = "aiohttp"
    errors = (aiohttp.ClientError, asyncio.TimeoutError)

    def __init__(self, options: Options = PLAIN) -> None:
        super().__init__(options)
        most = options.pool if options.block else 0
        connector = aiohttp.TCPConnector(ssl=False, limit=most, loop=self.loop)
        self.client = aiohttp.ClientSession(connector=connector)

    async def aget(self, url: str, timeout: float = 5.0) -> Answer:
        patience = aiohttp.ClientTimeout(
            total=None, connect=timeout, sock_connect=timeout, sock_read=timeout
        )
        async with self.client.get(url, timeout=patience, proxy=self.options.proxy) as response:
            return response.status, await response.read()

    @contextmanager
    def opened(self, url: str) -> Pieces:
        response = self.run(self.client.get(url, proxy=self.options.proxy))
        try:
            yield lambda: self.run(response.content.readany())
        finally:
            response.close()

    async def aclose(self) -> None:
        await self.client.close()
