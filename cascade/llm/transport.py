"""The HTTP client to a model server: whom it may ask, whom it may follow, how much it reads."""

from __future__ import annotations

import ipaddress
import re
import ssl
from functools import cache
from typing import Any

import httpx2

from cascade.llm.faults import bad_key, bad_proxy

# What a server says about an error: enough for every one of them, and no more is read.
_MOST_BYTES_OF_AN_ERROR = 65_536
_MOST_REDIRECTS = 3
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OF_THE_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
# What can stand in a header: no space, no sign that a word processor made of another.
_KEY = re.compile(r"[\x21-\x7e]+")


# It takes longer to read than a short answer to come.
@cache
def _trusted(*, env: bool) -> ssl.SSLContext:
    """Whose certificates are taken: the system's list, or the one that the environment names."""
    return httpx2.create_ssl_context(trust_env=env)


class Client(httpx2.AsyncClient):
    """A client that sends to one server only, and reads no error without end.

    A redirect is followed only to the same server, and only where the request stays what it is:
    anywhere else the key and the texts would go to whom nobody has named. The response of one
    that is not followed is given back. No proxy of the environment is used for this machine.
    Raises ProviderError where the environment's proxy cannot be used.
    """

    def __init__(self, base_url: str) -> None:
        local = is_loopback(_url(base_url).host)
        usable = True
        try:
            super().__init__(
                verify=_trusted(env=not local), trust_env=not local, follow_redirects=False
            )
        except (ValueError, ImportError, httpx2.InvalidURL):
            usable = False
        if not usable:  # out here, so that the proxy's address is not its context
            raise bad_proxy()

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """The response, its body still unread where it is no error and `stream` is set."""
        options["follow_redirects"] = False
        response = await super().send(request, stream=True, **options)
        for _ in range(_MOST_REDIRECTS):
            further = response.next_request
            if further is None or not _is_same(request, further):
                break
            await response.aclose()
            response = await super().send(further, stream=True, **options)
        if response.status_code >= 300:
            return await _with_short_body(response)
        if not stream:
            await response.aread()
        return response


def is_loopback(host: str) -> bool:
    """True for a name or an address of this machine."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def check_key(key: str) -> None:
    """Raises ProviderError for a key that cannot stand in a request."""
    if key and not _KEY.fullmatch(key):
        raise bad_key()


def _url(address: str) -> httpx2.URL:
    try:
        return httpx2.URL(address)
    except httpx2.InvalidURL:
        return httpx2.URL("")  # whoever asks there will say so


def _is_same(request: httpx2.Request, further: httpx2.Request) -> bool:
    here, there = request.url, further.url
    if further.method != request.method or here.host != there.host:
        return False
    if (here.scheme, there.scheme) == ("http", "https"):
        return _port(here) == 80 and _port(there) == 443
    return here.scheme == there.scheme and _port(here) == _port(there)


def _port(url: httpx2.URL) -> int | None:
    return url.port or _DEFAULT_PORTS.get(url.scheme)


async def _with_short_body(response: httpx2.Response) -> httpx2.Response:
    """The same response with no more of its body than that, read."""
    body = bytearray()
    try:
        async for part in response.aiter_bytes():
            body += part
            if len(body) >= _MOST_BYTES_OF_AN_ERROR:
                break
    finally:
        await response.aclose()
    return httpx2.Response(
        response.status_code,
        headers=[
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in _OF_THE_BODY
        ],
        content=bytes(body[:_MOST_BYTES_OF_AN_ERROR]),
        request=response.request,
    )
