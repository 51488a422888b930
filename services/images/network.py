"""Connections to public addresses only, whatever a name resolves to.

The name is resolved here, each address is looked at, and the connection goes to one that was looked
at: a name that changes its mind in between (DNS rebinding) changes nothing. The certificate is
checked against the name.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpcore
import httpx

from services.images.addresses import IpAddress, is_public, parse
from services.images.errors import BAD_URL, PRIVATE, UNREACHABLE, NoImage

_HTTPS_PORT: Final = 443
_TRIED: Final = 2  # addresses of a name
_RESOLVING_MAX: Final = 64  # names at one time, those that nobody waits for any more included

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_resolving = threading.Semaphore(_RESOLVING_MAX)


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name. Raises OSError.

    Each in a thread of its own: a name server that does not answer holds up nobody else, nor the
    end of the process.
    """
    if not _resolving.acquire(blocking=False):
        raise OSError("too many names are being resolved")
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: Exception | None) -> None:
        if found.cancelled():
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(OSError(str(error)))

    def look_up() -> None:
        addresses: list[str] = []
        error: Exception | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as failure:
            error = failure
        finally:
            _resolving.release()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, addresses, error)

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    return await found


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What may be reached. A service has the default; no setting makes another one."""

    permits: Callable[[IpAddress], bool] = is_public
    ports: Collection[int] = (_HTTPS_PORT,)
    resolve: Resolve = resolve
    tls: ssl.SSLContext | None = None  # None: the authorities that httpx trusts

    def check(self, url: httpx.URL) -> None:
        """Look at an address of the web before anything is done with it. Raises NoImage."""
        if url.scheme != "https" or not url.host:
            raise NoImage(BAD_URL, "only https is fetched")
        if url.userinfo:
            raise NoImage(BAD_URL, "an address with a user is not fetched")
        if (url.port or _HTTPS_PORT) not in self.ports:
            raise NoImage(BAD_URL, f"port {url.port} is not fetched from")
        literal = parse(url.host)
        if literal is not None and not self.permits(literal):
            raise NoImage(PRIVATE, f"{literal} is not public")

    async def addresses(self, url: httpx.URL) -> list[str]:
        """Return the addresses to connect to, permitted ones only. Raises NoImage."""
        self.check(url)
        host = url.raw_host.decode("ascii")
        try:
            found = await self.resolve(host, url.port or _HTTPS_PORT)
        except OSError as error:
            raise NoImage(UNREACHABLE, f"{host} is not found: {error}") from None
        parsed = [(text, parse(text)) for text in found]
        permitted = [text for text, one in parsed if one is not None and self.permits(one)]
        if found and not permitted:
            raise NoImage(PRIVATE, f"{host} has no public address")
        return _of_each_family(permitted)[:_TRIED]


def _of_each_family(addresses: Sequence[str]) -> list[str]:
    """Return addresses with the first of each family in front: one of them may have no way out."""
    first: dict[bool, str] = {}
    for one in addresses:
        first.setdefault(":" in one, one)
    return list(dict.fromkeys([*first.values(), *addresses]))


class PublicTransport(httpx.AsyncBaseTransport):
    """Sends requests to an address that was looked at; the name stays in Host and in TLS.

    Behind a proxy, which resolves names itself, addresses in the place of a name are looked at.
    """

    def __init__(self, network: Network, *, proxy: str | None = None) -> None:
        self._network, self._proxied = network, proxy is not None
        # No connection is kept: one to an address must not carry requests for another name.
        self._inner = httpx.AsyncHTTPTransport(
            verify=network.tls or True,
            trust_env=False,
            proxy=proxy,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Connect and send. Raises NoImage for what may not be connected to."""
        if self._proxied:
            self._network.check(request.url)
            return await self._send(request)
        error: Exception = NoImage(UNREACHABLE, f"{request.url.host} has no address")
        for address in await self._network.addresses(request.url):
            try:
                return await self._send(_to(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as failure:
                error = failure
        raise error

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Send, and close the connection when it is cancelled during the TLS handshake.

        httpcore 1.0.9 closes it after errors only.
        """
        opened: list[httpcore.AsyncNetworkStream] = []

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.complete":
                opened.append(info["return_value"])

        request.extensions = {**request.extensions, "trace": trace}
        try:
            return await self._inner.handle_async_request(request)
        except asyncio.CancelledError:
            for connection in opened:
                await connection.aclose()
            raise

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


def _to(request: httpx.Request, address: str) -> httpx.Request:
    """Return a request for the same thing at an address."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
    )


def open_client(
    network: Network, *, connect_s: float, read_s: float, proxy: str | None = None
) -> httpx.AsyncClient:
    """Return a client that follows no redirect, keeps no cookie and reads no environment."""
    return httpx.AsyncClient(
        transport=PublicTransport(network, proxy=proxy),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={
            "accept": "image/webp,image/png,image/jpeg,image/gif",
            "accept-encoding": "identity",
            "user-agent": "dexwire",
        },
        timeout=httpx.Timeout(read_s, connect=connect_s),
    )
