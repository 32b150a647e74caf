"""Python's own clients: ``http.client`` and ``urllib.request``."""

from __future__ import annotations

import http.client
import itertools
import ssl
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from conformance.caller import PLAIN, Answer, Caller, Options, Pieces


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class HttpClient(Caller):
    """Keeps the connections that nobody is using, as careful users do, and follows redirects."""

    name = "http.client"
    made_in = "_made"
    library = "http.client"
    errors = (OSError, http.client.HTTPException)

    def __init__(self, options: Options = PLAIN) -> None:
        super().__init__(options)
        self.context = _unverified()
        self.free: defaultdict[tuple[str, str], list[http.client.HTTPConnection]]
        self.free = defaultdict(list)

    def get(self, url: str, timeout: float = 5.0) -> Answer:
        with self._sent(url, timeout) as response:
            body = response.read()
        if response.status in (301, 302, 303, 307, 308):
            return self.get(urljoin(url, response.headers["location"]), timeout)
        return response.status, body

    @contextmanager
    def opened(self, url: str) -> Pieces:
        with self._sent(url, 5.0) as response:
            yield response.read1

    @contextmanager
    def _sent(self, url: str, timeout: float) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(url)
        free = self.free[parts.scheme, parts.netloc]
        connection = free.pop() if free else self._made(parts.scheme, parts.netloc, timeout)
        forwarded = self.options.proxy is not None and parts.scheme == "http"
        try:
            connection.request("GET", url if forwarded else parts.path or "/")
            with connection.getresponse() as response:
                yield response
                whole = response.isclosed()
        except BaseException:
            connection.close()
            raise
        if whole:
            free.append(connection)
        else:
            connection.close()

    def _made(self, scheme: str, server: str, timeout: float) -> http.client.HTTPConnection:
        proxy = self.options.proxy
        at = server if proxy is None else urlsplit(proxy).netloc
        if scheme == "http":
            return http.client.HTTPConnection(at, timeout=timeout)
        connection = http.client.HTTPSConnection(at, timeout=timeout, context=self.context)
        if proxy is not None:
            host, _, port = server.rpartition(":")
            connection.set_tunnel(host, int(port))
        return connection

    def close(self) -> None:
        for connection in itertools.chain(*self.free.values()):
            connection.close()


class UrllibRequest(Caller):
    name = "urllib.request"
    keeps = False
    made_in = "get"
    library = "http.client"
    errors = (OSError, http.client.HTTPException)

    def __init__(self, options: Options = PLAIN) -> None:
        super().__init__(options)
        proxies = {} if options.proxy is None else dict.fromkeys(("http", "https"), options.proxy)
        self.client = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies),
            urllib.request.HTTPSHandler(context=_unverified()),
        )

    def get(self, url: str, timeout: float = 5.0) -> Answer:
        try:
            with self.client.open(url, timeout=timeout) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    @contextmanager
    def opened(self, url: str) -> Pieces:
        with self.client.open(url, timeout=5.0) as response:
            yield response.read1

    def close(self) -> None:
        self.client.close()
