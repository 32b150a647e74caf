"""Servers on the test's own loop, and calls of one line."""

from __future__ import annotations

from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web


@asynccontextmanager
async def site(handler, path=None):
    """Serve *handler* on this very loop; give the URL (or the Unix socket *path*)."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    try:
        if path is not None:
            await web.UnixSite(runner, path).start()
            yield "http://localhost/"
        else:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def fetch(url, **options):
    async with aiohttp.ClientSession() as session:
        return await fetch_with(session, url, **options)


async def fetch_with(session, url, **options):
    async with session.get(url, **options) as response:
        return await response.read()
