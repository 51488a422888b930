"""The page over HTTP: what is kept by browsers, what is asked for again, where the stream is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from services.api.settings import ApiSettings
from tests.api.conftest import Start


async def test_the_page_is_asked_for_again_its_assets_are_kept(start: Start) -> None:
    served = await start()

    page = await served.client.get("/?window=1h")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    names = re.findall(r'"(/assets/[^"]+)"', page.text)
    assert len(names) == 3
    for name in names:
        asset = await served.client.get(name)
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]
        assert asset.headers["x-content-type-options"] == "nosniff"


async def test_an_unknown_asset_is_404_whatever_it_is_called(start: Start) -> None:
    served = await start()

    for name in ("nothing.js", "%2e%2e%2fsettings.py", "..%5csettings.py"):
        assert (await served.client.get(f"/assets/{name}")).status_code == 404


async def test_the_page_runs_nothing_but_its_own_files(start: Start) -> None:
    served = await start()

    policy = (await served.client.get("/")).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy


async def test_the_page_learns_where_the_stream_is(start: Start) -> None:
    served = await start(demo=True, ws_public_url=":9001/ws")

    config: dict[str, Any] = (
        await served.client.get("/config.json", headers={"host": "dex.example:8000"})
    ).json()

    assert config["ws_url"] == "//dex.example:9001/ws"
    assert config["demo"] is True


@pytest.mark.parametrize(
    "url", [":8001/ws", "/ws", "wss://stream.example/ws", "ws://[::1]:8001/ws"]
)
def test_a_stream_address_that_browsers_can_open_is_taken(url: str) -> None:
    assert ApiSettings(ws_public_url=url).ws_public_url == url


@pytest.mark.parametrize(
    "url", ["", "ws", "http://x/ws", "//x/ws", ":port/ws", ":99999/ws", "ws://x/w s", "ws://x;y/ws"]
)
def test_any_other_stream_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="ws_public_url"):
        ApiSettings(ws_public_url=url)
