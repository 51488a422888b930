"""Fetches an image file: few at a time, for a bounded time, up to a bounded size.

Redirects are followed here, each with the checks of the first address.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx

from services.images.errors import (
    BAD_URL,
    ENCODING,
    REDIRECTS,
    STATUS,
    TIMEOUT,
    TOO_LARGE,
    TYPE,
    UNREACHABLE,
    NoImage,
)
from services.images.network import Network, open_client
from shared.inflate import Inflater

T = TypeVar("T")

REDIRECTS_MAX: Final = 3
URL_MAX: Final = 2_048  # characters; a row's has 512, a redirect's may have more
_SNIFFED: Final = 12  # bytes that show which format a file has
_NO_IMAGES: Final = ("text/", "application/json", "application/xml", "image/svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """What one fetch may take, and how many there may be."""

    total_s: float = 8.0
    connect_s: float = 3.0
    max_bytes: int = 5 * 1024 * 1024
    at_once: int = 16
    per_host: int = 4


class FetchSlots:
    """Fetches at one time, in all and of each host. The host's turn comes first: many requests for
    one slow host take nothing from others.
    """  # noqa: D205

    def __init__(self, at_once: int, per_host: int) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._per_host = per_host
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._waiting: Counter[str] = Counter()
        self.taken = 0

    @asynccontextmanager
    async def of(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        turn = self._hosts.setdefault(host, asyncio.Semaphore(self._per_host))
        self._waiting[host] += 1
        try:
            async with turn, self._all:
                self.taken += 1
                try:
                    yield
                finally:
                    self.taken -= 1
        finally:
            self._waiting[host] -= 1
            if not self._waiting[host]:
                del self._waiting[host], self._hosts[host]


class Fetcher:
    """Fetches files; `network` says from where. Close it at the end."""

    def __init__(
        self, limits: FetchLimits, network: Network | None = None, *, proxy: str | None = None
    ) -> None:
        self._limits = limits
        self._network = network or Network()
        self._client = open_client(
            self._network, connect_s=limits.connect_s, read_s=limits.total_s, proxy=proxy
        )
        self.slots = FetchSlots(limits.at_once, limits.per_host)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def fetch(self, address: str, use: Callable[[bytes], Awaitable[T]]) -> T:
        """Fetch a file that begins as an image of a format that we take; return what `use` makes
        of it, within the same turn: files that wait to be decoded are as few as fetches.

        Raises NoImage.
        """  # noqa: D205
        url, left_s = _parse(address), self._limits.total_s
        for _ in range(REDIRECTS_MAX + 1):
            self._network.check(url)
            async with self.slots.of(url.host):
                began_s = time.monotonic()
                found = await self._within(url, left_s)
                left_s -= time.monotonic() - began_s
                if isinstance(found, bytes):
                    return await use(found)
            url = found
        raise NoImage(REDIRECTS, f"more than {REDIRECTS_MAX} redirects")

    async def _within(self, url: httpx.URL, left_s: float) -> bytes | httpx.URL:
        try:
            async with asyncio.timeout(left_s):
                return await self._request(url)
        except (TimeoutError, httpx.TimeoutException):
            raise NoImage(TIMEOUT, f"not there within {self._limits.total_s:g} s") from None
        except httpx.HTTPError as error:
            raise NoImage(UNREACHABLE, f"{type(error).__name__}: {error}"[:200]) from None

    async def _request(self, url: httpx.URL) -> bytes | httpx.URL:
        """Return the file, or where it is expected."""
        async with self._client.stream("GET", url) as response:
            if response.has_redirect_location:
                return _parse(response.headers["location"], url)
            if response.status_code != 200:
                raise NoImage(STATUS, f"answered with {response.status_code}")
            kind = response.headers.get("content-type", "").strip().lower()
            if kind.startswith(_NO_IMAGES):
                raise NoImage(TYPE, f"content type {kind[:64]}")
            return await self._read(response)

    async def _read(self, response: httpx.Response) -> bytes:
        """Read a body as far as it may go."""
        most = self._limits.max_bytes
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"", "identity", "gzip", "x-gzip"}:
            raise NoImage(ENCODING, f"content encoding {coding[:32]}")
        inflater = Inflater(most + 1) if coding.endswith("gzip") else None
        length = response.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length[:20]) > most:
            raise _too_large(most)
        body, received = bytearray(), 0
        async for piece in response.aiter_raw(64 * 1024):
            received += len(piece)
            body += piece if inflater is None else _inflated(inflater, piece)
            if received > most or len(body) > most:
                raise _too_large(most)
            if len(body) >= _SNIFFED and not is_image(bytes(body[:_SNIFFED])):
                break
        if not is_image(bytes(body[:_SNIFFED])):
            raise NoImage(TYPE, "neither PNG, JPEG, WebP nor GIF")
        return bytes(body)


def is_image(head: bytes) -> bool:
    """Return whether a file begins as one of the formats that are decoded."""
    return head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")) or (
        head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    )


def _inflated(inflater: Inflater, piece: bytes) -> bytes:
    try:
        return inflater.feed(piece)
    except zlib.error:
        raise NoImage(ENCODING, "not gzip, though it says so") from None


def _too_large(most: int) -> NoImage:
    return NoImage(TOO_LARGE, f"more than {most} bytes")


def _parse(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """Read an address, one of a redirect relative to where it came from. Raises NoImage."""
    if len(text) > URL_MAX:
        raise NoImage(BAD_URL, f"more than {URL_MAX} characters")
    try:
        return httpx.URL(text) if base is None else base.join(text)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise NoImage(BAD_URL, "not an address of the web") from None
