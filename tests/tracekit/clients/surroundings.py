"""Everything that the hooks touch, and what has changed of it."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import urllib.request
from asyncio import selector_events

import aiohttp
import httpx
import httpx2
import requests
import urllib3
from aiohttp.client_proto import ResponseHandler
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool
from urllib3.response import HTTPResponse

OWNERS = (
    socket,
    socket.socket,
    ssl.SSLSocket,
    asyncio.BaseEventLoop,
    selector_events.BaseSelectorEventLoop,
    http.client.HTTPConnection,
    http.client.HTTPSConnection,
    http.client.HTTPResponse,
    urllib.request.OpenerDirector,
    HTTPConnection,
    HTTPSConnection,
    ConnectionPool,
    HTTPConnectionPool,
    urllib3.PoolManager,
    HTTPResponse,
    requests.Session,
    httpx.HTTPTransport,
    httpx.AsyncHTTPTransport,
    httpx2.HTTPTransport,
    httpx2.AsyncHTTPTransport,
    aiohttp.ClientSession,
    aiohttp.ClientRequest,
    aiohttp.ClientResponse,
    aiohttp.BaseConnector,
    aiohttp.TCPConnector,
    aiohttp.UnixConnector,
    aiohttp.connector.Connection,
    ResponseHandler,
    Endpoint,
    Session,
    URLLib3Session,
)


def everything():
    return [dict(vars(owner)) for owner in OWNERS]


def changed(before, after):
    return [
        (owner, name)
        for owner, old, new in zip(OWNERS, before, after, strict=True)
        for name in {*old, *new}
        if old.get(name) is not new.get(name)
        # Python itself keeps these up to date when an attribute of the class changes.
        and name not in ("__abstractmethods__", "_abc_impl")
    ]
