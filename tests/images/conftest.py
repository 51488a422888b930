"""An internet of one host, and image services that fetch from it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.images.settings import ImagesSettings
from tests.testkit.certificates import Authority
from tests.testkit.images import INTERNET, Internet, ServedImages, Start, serve_images
from tests.testkit.upstream import upstream
from tests.testkit.wait import PATIENCE_S


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    names = ",".join(
        [f"IP:{INTERNET}", *(f"DNS:{name}.example" for name in ("cdn", "a", "b", "c"))]
    )
    return Authority(tmp_path_factory.mktemp("authority") / "ca", names)


@pytest.fixture
async def internet(authority: Authority) -> AsyncIterator[Internet]:
    tls: ssl.SSLContext = authority.for_server()
    async with upstream(host=INTERNET, tls=tls) as one:
        yield Internet(one, authority.for_client())


@pytest.fixture
async def start(
    redis_url: str, redis_prefix: str, internet: Internet, tmp_path: Path
) -> AsyncIterator[Start]:
    """`await start(images_fetches=1)`: a service on the test's server, prefix and internet."""
    async with AsyncExitStack() as stack:

        async def begin(**settings: object) -> ServedImages:
            given: dict[str, object] = {
                "redis_url": redis_url,
                "redis_prefix": redis_prefix,
                "images_dir": tmp_path / "images",
                "images_workers": 1,
                "images_fetch_s": PATIENCE_S,
                "images_connect_s": PATIENCE_S,
                **settings,
            }
            chosen = ImagesSettings.model_validate(given)
            return await stack.enter_async_context(serve_images(chosen, internet.network))

        yield begin


@pytest.fixture
async def served(start: Start) -> ServedImages:
    return await start()
