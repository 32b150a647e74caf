"""urllib3, and requests on top of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import requests
import urllib3
from conformance.caller import PLAIN, Answer, Caller, Options, Pieces


class Requests(Caller):
    name = "requests"
    library = "urllib3"
    errors = (requests.RequestException,)

    def __init__(self, options: Options = PLAIN) -> None:
        super().__init__(options)
        self.client = requests.Session()
        self.client.verify = False
        self.client.trust_env = False
        kind = requests.adapters.HTTPAdapter
        for scheme in ("http://", "https://"):
            self.client.mount(
                scheme,
                kind(
                    pool_maxsize=options.pool,
                    pool_block=options.block,
                    max_retries=options.retries,
                ),
            )
            if options.proxy is not None:
                self.client.proxies[scheme.removesuffix("://")] = options.proxy

    def get(self, url: str, timeout: float = 5.0) -> Answer:
        response = self.client.get(url, timeout=timeout)
        return response.status_code, response.content

    @contextmanager
    def opened(self, url: str) -> Pieces:
        with self.client.get(url, stream=True, timeout=5.0) as response:
            pieces = response.iter_content(None)
            yield lambda: next(pieces, b"")

    def close(self) -> None:
        self.client.close()


class Urllib3(Caller):
    name = "urllib3"
    library = "urllib3"
    errors = (urllib3.exceptions.HTTPError,)

    def __init__(self, options: Options = PLAIN) -> None:
        super().__init__(options)
        settings: dict[str, Any] = {
            "retries": urllib3.Retry(
                None, connect=options.retries, read=options.retries, redirect=5
            ),
            "cert_reqs": "NONE",
            "maxsize": options.pool,
            "block": options.block,
        }
        self.client = (
            urllib3.PoolManager(**settings)
            if options.proxy is None
            else urllib3.ProxyManager(options.proxy, **settings)
        )

    def get(self, url: str, timeout: float = 5.0) -> Answer:
        waiting = timeout if self.options.block else None
        response = self.client.request("GET", url, timeout=timeout, pool_timeout=waiting)
        return response.status, response.data

    @contextmanager
    def opened(self, url: str) -> Pieces:
        response = self.client.request("GET", url, preload_content=False, timeout=5.0)
        pieces = response.stream(None)
        try:
            yield lambda: next(pieces, b"")
        finally:
            response.close()

    def close(self) -> None:
        self.client.clear()
