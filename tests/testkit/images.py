"""The image service in this process, and the internet that it fetches from: one host with TLS.

The internet is 127.0.0.2. 127.0.0.1 stays as private as it is for a service.
"""

from __future__ import annotations

import ssl
import struct
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from ipaddress import ip_address
from typing import Any, Final, Protocol

import httpx
import msgspec
from PIL import Image

from services.images.addresses import IpAddress, is_public
from services.images.app import ImageParts, build_images
from services.images.network import Network
from services.images.settings import ImagesSettings
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from tests.testkit.upstream import Upstream
from tests.testkit.wait import PATIENCE_S

INTERNET: Final = "127.0.0.2"
RED: Final = (255, 0, 0)


class Internet:
    """What names resolve to, and how often each was resolved; all of them lead to one upstream."""

    def __init__(self, upstream: Upstream, trusted: ssl.SSLContext) -> None:
        self.upstream = upstream
        self.port = int(upstream.url.rpartition(":")[2])
        self.addresses: dict[str, list[str]] = {}
        self.resolved: Counter[str] = Counter()
        self.network = Network(
            permits=_permits, ports=(self.port,), resolve=self._resolve, tls=trusted
        )

    def url(self, path: str, host: str = "cdn.example") -> str:
        """Return an address of this internet."""
        return f"https://{host}:{self.port}{path}"

    async def _resolve(self, host: str, _port: int) -> list[str]:
        self.resolved[host] += 1
        return self.addresses.get(host, [INTERNET])


def _permits(address: IpAddress) -> bool:
    return address == ip_address(INTERNET) or is_public(address)


class Start(Protocol):
    """`served = await start(images="off")`: a service on the test's server and internet."""

    async def __call__(self, **settings: object) -> ServedImages: ...


class ServedImages:
    """A service and a client of it; `show` requests the image of a token with this address."""

    def __init__(self, images: ImageParts, client: httpx.AsyncClient, redis: Redis) -> None:
        self.images, self.client = images, client
        self._redis: Any = redis
        self._keys = Keys(images.settings.redis_prefix)

    async def put(self, name: str, image: str | None = None) -> None:
        """Commit a row of a token of Solana."""
        row = {"token_ticker": name} | ({} if image is None else {"image": image})
        encoded = {field: msgspec.json.encode(value) for field, value in row.items()}
        await self._redis.hset(self._keys.token(f"solana:{name}"), mapping=encoded)

    async def get(self, name: str, **headers: str) -> httpx.Response:
        return await self.client.get(f"/images/solana/{name}", headers=headers)

    async def show(self, image: str, name: str = "A") -> httpx.Response:
        """Commit a row with this image, and request it."""
        await self.put(name, image)
        return await self.get(name)

    async def reason(self, image: str, name: str = "A") -> str:
        """Why there is no image: the last word of the problem."""
        answer = await self.show(image, name)
        assert answer.status_code == 404, (answer.status_code, answer.content[:100])
        assert answer.json()["code"] == "no_image"
        return str(answer.json()["detail"]).rpartition(": ")[2]


@asynccontextmanager
async def serve_images(
    settings: ImagesSettings, network: Network | None = None
) -> AsyncIterator[ServedImages]:
    """Run an image service without a socket."""
    redis = open_redis(settings.redis_url)
    images = build_images(settings, redis, network=network)
    # A busy machine may be slow; tests of a deadline set their own.
    images.pictures._wait_s = images.workers._answer_s = PATIENCE_S
    await images.cache.open()
    transport = httpx.ASGITransport(
        images.app, raise_app_exceptions=False, client=("192.0.2.1", 40_000)
    )
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield ServedImages(images, client, redis)
    finally:
        await images.close()
        await redis.aclose()


# -- files -----------------------------------------------------------------------------------------
def picture(kind: str = "PNG", size: tuple[int, int] = (100, 80), colour: Any = RED) -> bytes:  # noqa: ANN401 - Pillow's
    """One picture of one colour."""
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def animation() -> bytes:
    """A GIF: red, then blue."""
    out = BytesIO()
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, (0, 0, 255))]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


def png_bomb(side: int = 50_000) -> bytes:
    """A PNG of side x side black pixels: a few kilobytes that announce gigabytes."""
    head = struct.pack("!2I5B", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 + side // 8) * 100)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))


def opened(webp: bytes) -> Image.Image:
    """A picture that was served."""
    found = Image.open(BytesIO(webp), formats=["WEBP"])
    found.load()
    return found


def colour_of(webp: bytes) -> tuple[int, ...]:
    """The colour in the middle of a picture that was served."""
    pixel = opened(webp).convert("RGB").getpixel((32, 32))
    assert isinstance(pixel, tuple)
    return tuple(int(part) for part in pixel)
