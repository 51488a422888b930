"""The page over HTTP: what is kept by browsers, what is requested again, where the stream is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from services.api.settings import ApiSettings
from services.api.webpage import accepts_gzip
from tests.testkit.api import Start


async def test_the_page_is_requested_again_its_assets_are_kept(start: Start) -> None:
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


async def test_files_come_compressed_for_those_who_take_that(start: Start) -> None:
    served = await start()
    page = (await served.client.get("/")).text
    for path in (
        "/",
        *(name for name in re.findall(r'"(/assets/[^"]+)"', page) if "svg" not in name),
    ):
        packed = await served.client.get(path, headers={"accept-encoding": "br, gzip"})
        plain = await served.client.get(path, headers={"accept-encoding": "identity"})

        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content  # the client has unpacked it
        assert int(packed.headers["content-length"]) < 0.75 * int(plain.headers["content-length"])
        assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
        assert packed.headers["etag"] != plain.headers["etag"]
        assert not packed.headers["etag"].startswith("W/")


async def test_a_file_that_compression_does_not_make_smaller_is_sent_as_it_is(start: Start) -> None:
    served = await start()
    page = (await served.client.get("/")).text
    icon = re.findall(r'"(/assets/[^"]+svg)"', page)[0]

    answer = await served.client.get(icon, headers={"accept-encoding": "gzip"})
    assert ("content-encoding" in answer.headers) == (
        int(answer.headers["content-length"]) < 0.9 * len(answer.content)
    )


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_what_a_browser_has_already_is_not_sent_again(start: Start, coding: str) -> None:
    served = await start()
    page = (await served.client.get("/")).text
    for path in ("/", *re.findall(r'"(/assets/[^"]+)"', page)):
        first = await served.client.get(path, headers={"accept-encoding": coding})
        held = {"accept-encoding": coding, "if-none-match": f'"other", {first.headers["etag"]}'}
        again = await served.client.get(path, headers=held)
        other = await served.client.get(path, headers={**held, "if-none-match": '"other"'})

        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "vary", "cache-control", "content-security-policy"):
            assert again.headers[name] == first.headers[name]
        assert "content-encoding" not in again.headers
        assert other.status_code == 200


async def test_head_has_the_length_of_what_get_sends(start: Start) -> None:
    served = await start()

    head = await served.client.head("/", headers={"accept-encoding": "gzip"})
    got = await served.client.get("/", headers={"accept-encoding": "gzip"})
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        (b"", False),
        (b"gzip", True),
        (b"deflate, GZIP;q=0.5", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000, *", False),
        (b"*", True),
        (b"*;q=0", False),
        (b"br;q=1.0", False),
        (b"x-gzip", True),
    ],
)
def test_gzip_is_taken_by_those_who_say_so(accept: bytes, taken: bool) -> None:  # noqa: FBT001
    assert accepts_gzip(accept) is taken


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


async def test_the_page_learns_what_the_sources_declare(start: Start) -> None:
    served = await start()

    sources = (await served.client.get("/config.json")).json()["sources"]

    assert [(each["name"], each["letter"]) for each in sources] == [
        ("dexscreener", "D"),
        ("jupiter", "J"),
        ("geckoterminal", "G"),
    ]
    assert sources[1] == {
        "name": "jupiter",
        "title": "Jupiter",
        "letter": "J",
        "website": "https://jup.ag",
        "link": "https://jup.ag/tokens/{address}",
        "credit": "Powered by Jupiter",
        "chain_names": {},
    }
    assert sources[2]["chain_names"]["ethereum"] == "eth"


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
