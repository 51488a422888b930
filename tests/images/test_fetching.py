"""What other hosts may do to the image service: nothing but give it a picture."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from dataclasses import replace

import pytest

from services.images.errors import NoImage
from services.images.failures import Failures
from services.images.fetch import Fetcher, FetchLimits
from services.images.network import Network
from services.images.settings import ImagesSettings
from tests.testkit.images import (
    INTERNET,
    RED,
    Internet,
    ServedImages,
    Start,
    animation,
    colour_of,
    opened,
    picture,
    png_bomb,
    serve_images,
)
from tests.testkit.upstream import Upstream
from tests.testkit.wait import PATIENCE_S

MIB = 1024 * 1024
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!doctype html><script>alert(1)</script>"


# -- what is taken ---------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_picture_of_each_format_is_made_small(
    served: ServedImages, internet: Internet, kind: str
) -> None:
    internet.upstream.answer("/a", picture(kind), content_type=f"image/{kind.lower()}")

    shown = await served.show(internet.url("/a"))

    assert shown.headers["content-type"] == "image/webp"
    assert opened(shown.content).size == (64, 64)
    assert colour_of(shown.content) == pytest.approx(RED, abs=6)


async def test_of_an_animation_the_first_picture_is_shown(
    served: ServedImages, internet: Internet
) -> None:
    internet.upstream.answer("/a", animation(), content_type="image/gif")

    shown = await served.show(internet.url("/a"))

    assert getattr(opened(shown.content), "n_frames", 1) == 1
    assert colour_of(shown.content) == pytest.approx(RED, abs=6)


@pytest.mark.parametrize("reported", ["image/jpeg", "application/octet-stream", ""])
async def test_the_content_decides_not_its_name(
    served: ServedImages, internet: Internet, reported: str
) -> None:
    internet.upstream.answer("/a", picture("PNG"), content_type=reported)

    assert (await served.show(internet.url("/a"))).status_code == 200


# -- what is not -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "reported"),
    [
        (SVG, "image/svg+xml"), (SVG, "image/png"), (HTML, "image/png"), (b"", "image/png"),
        (picture(), "text/html"), (b"\x89PNG", "image/png"), (b"BM" + bytes(60), "image/bmp"),
    ],
)  # fmt: skip
async def test_what_is_no_picture_of_these_formats_is_none(
    served: ServedImages, internet: Internet, body: bytes, reported: str
) -> None:
    internet.upstream.answer("/a", body, content_type=reported)

    assert await served.reason(internet.url("/a")) == "type"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (png_bomb(), "too_costly"),
        (picture("PNG", (200, 200))[:-60], "not_decoded"),
        (picture("JPEG", (200, 200))[:400], "not_decoded"),
        (picture("WEBP")[:40], "not_decoded"),
        (b"\xff\xd8\xff" + bytes(100), "not_decoded"),
    ],
)
async def test_a_hostile_or_damaged_file_ends_in_its_own_process(
    served: ServedImages, internet: Internet, body: bytes, reason: str
) -> None:
    internet.upstream.answer("/a", body, content_type="image/png")
    internet.upstream.answer("/b", picture(), content_type="image/png")

    assert await served.reason(internet.url("/a")) == reason
    assert (await served.show(internet.url("/b"), "B")).status_code == 200
    assert served.images.workers.ended == 0


async def test_20_mb_are_not_fetched(served: ServedImages, internet: Internet) -> None:
    big = picture() + bytes(20 * MIB)
    internet.upstream.answer("/a", big, content_type="image/png")

    assert await served.reason(internet.url("/a")) == "too_large"


async def test_a_body_without_a_length_is_read_up_to_the_bound(
    served: ServedImages, internet: Internet
) -> None:
    sent = 0

    async def endless(_: str, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n" + picture())
        while sent < 40 * MIB:
            writer.write(bytes(64 * 1024))
            await writer.drain()
            sent += 64 * 1024

    internet.upstream.handlers["/a"] = endless

    assert await served.reason(internet.url("/a")) == "too_large"
    assert sent < 20 * MIB  # 5 are read; the kernel takes some more


async def test_a_compressed_body_is_counted_as_it_comes_out(
    served: ServedImages, internet: Internet
) -> None:
    bomb = gzip.compress(picture() + bytes(50 * MIB))
    internet.upstream.answer("/a", bomb, content_type="image/png", content_encoding="gzip")
    internet.upstream.answer_gzip("/b", picture(size=(400, 400)))

    assert len(bomb) < MIB
    assert await served.reason(internet.url("/a")) == "too_large"
    assert await served.reason(internet.url("/b"), "B") == "type"  # application/json

    internet.upstream.answer("/c", b"?", content_type="image/png", content_encoding="br")
    assert await served.reason(internet.url("/c"), "C") == "encoding"


async def test_a_slow_drip_is_cut(start: Start, internet: Internet) -> None:
    fast = await start(images_fetch_s=0.3)

    async def drip(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n")
        for byte in picture():
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.05)

    internet.upstream.handlers["/a"] = drip

    assert await fast.reason(internet.url("/a")) == "timeout"


async def test_a_deadline_within_the_handshake_closes_the_connection(internet: Internet) -> None:
    closed = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until its end
        writer.close()
        closed.set()

    async def use(file: bytes) -> bytes:
        return file

    async with await asyncio.start_server(silent, INTERNET, 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        limits = FetchLimits(total_s=0.3, connect_s=PATIENCE_S)
        fetcher = Fetcher(limits, replace(internet.network, ports=(port,)))

        with pytest.raises(NoImage, match="timeout"):
            await fetcher.fetch(f"https://cdn.example:{port}/a", use)

        await asyncio.wait_for(closed.wait(), PATIENCE_S)
        await fetcher.aclose()


async def test_a_body_that_ends_early_is_none(served: ServedImages, internet: Internet) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 5000\r\n\r\n"
    internet.upstream.raw("/a", head + picture(), close=True)

    assert await served.reason(internet.url("/a")) == "unreachable"


# -- where from ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("https://127.0.0.1:{port}/secret", "private_address"),
        ("https://169.254.169.254:{port}/latest/meta-data", "private_address"),
        ("https://[::1]:{port}/", "private_address"),
        ("https://[::ffff:127.0.0.2]:{port}/", "private_address"),
        ("https://inside.example:{port}/secret", "private_address"),
        ("https://cdn.example:22/", "bad_url"),
        ("https://user:password@cdn.example:{port}/", "bad_url"),
        ("http://cdn.example:{port}/", "bad_url"),
        ("file:///etc/passwd", "bad_url"),
        ("https://cdn.example:99999/", "bad_url"),
        ("https://nowhere.example:{port}/", "unreachable"),
    ],
)
@pytest.mark.parametrize("by", ["row", "redirect"])
async def test_only_public_addresses_are_reached_by_https(
    served: ServedImages, internet: Internet, by: str, to: str, reason: str
) -> None:
    internet.addresses |= {"inside.example": ["10.1.2.3", "127.0.0.1"], "nowhere.example": []}
    to = to.format(port=internet.port)
    internet.upstream.answer("/go", b"", status=302, location=to)
    internet.upstream.answer("/secret", picture(), content_type="image/png")

    assert await served.reason(to if by == "row" else internet.url("/go")) == reason
    assert internet.upstream.calls["/secret"] == 0


async def test_of_a_name_with_several_addresses_the_public_one_is_used(
    served: ServedImages, internet: Internet
) -> None:
    internet.addresses["cdn.example"] = ["127.0.0.1", INTERNET]
    internet.upstream.answer("/a", picture(), content_type="image/png")

    assert (await served.show(internet.url("/a"))).status_code == 200


async def test_a_name_is_looked_at_once_for_each_connection(
    served: ServedImages, internet: Internet
) -> None:
    internet.upstream.answer("/a", picture(), content_type="image/png")
    await served.show(internet.url("/a"))
    internet.addresses["cdn.example"] = ["127.0.0.1"]  # rebound

    assert internet.resolved["cdn.example"] == 1
    assert await served.reason(internet.url("/b"), "B") == "private_address"


async def test_the_certificate_must_be_of_the_name(
    served: ServedImages, internet: Internet
) -> None:
    internet.upstream.answer("/a", picture(), content_type="image/png")

    assert await served.reason(internet.url("/a", "other.test")) == "unreachable"


async def test_three_redirects_are_followed_and_no_fourth(
    served: ServedImages, internet: Internet
) -> None:
    for at in range(4):
        internet.upstream.answer(f"/{at}", b"", status=301, location=f"/{at + 1}")
    internet.upstream.answer("/4", picture(), content_type="image/png")

    assert (await served.show(internet.url("/1"))).status_code == 200
    assert await served.reason(internet.url("/0"), "B") == "redirects"


async def test_no_setting_opens_the_way_to_this_machine(redis_url: str, redis_prefix: str) -> None:
    settings = ImagesSettings(redis_url=redis_url, redis_prefix=redis_prefix)

    async with serve_images(settings) as served:
        assert await served.reason("https://localhost/a.png") == "private_address"
        assert await served.reason("https://127.0.0.1/a.png") == "private_address"

    assert Network().ports == (443,)
    assert not {"permits", "ports", "network"} & set(ImagesSettings.model_fields)


async def test_neither_cookies_nor_proxies_of_the_environment_are_used(
    served: ServedImages, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    picture_ = picture()
    internet.upstream.answer("/a", picture_, content_type="image/png", set_cookie="id=1; Path=/")
    internet.upstream.answer("/b", picture_, content_type="image/png")

    assert (await served.show(internet.url("/a"))).status_code == 200
    assert (await served.show(internet.url("/b"), "B")).status_code == 200
    assert "cookie" not in internet.upstream.headers[-1].lower()


# -- how often -------------------------------------------------------------------------------------
async def test_concurrent_requests_share_one_fetch(
    served: ServedImages, internet: Internet
) -> None:
    internet.upstream.answer("/a", picture(), content_type="image/png")
    await served.put("A", internet.url("/a"))
    await served.put("B", internet.url("/a"))

    shown = await asyncio.gather(*(served.get(name) for name in "ABABABABAB"))

    assert {answer.status_code for answer in shown} == {200}
    assert internet.upstream.calls["/a"] == 1


async def test_an_address_that_failed_is_not_requested_again(
    served: ServedImages, internet: Internet
) -> None:
    internet.upstream.answer("/a", b"", status=500)

    assert [await served.reason(internet.url("/a")) for _ in range(3)] == ["status"] * 3
    assert internet.upstream.calls["/a"] == 1


def test_a_failure_is_forgotten_after_its_time_and_the_oldest_of_too_many_before() -> None:
    failures, error = Failures(keep_s=300, names_max=2), NoImage("status", "500")
    for name, now_s in (("a", 0.0), ("b", 1.0)):
        failures.put(name, error, now_s)

    assert str(failures.find("a", 299.9)) == "status: 500"
    assert failures.find("a", 300.0) is None
    failures.put("c", error, 2.0)
    assert failures.find("a", 3.0) is None
    assert str(failures.find("b", 3.0)) == "status: 500"


async def test_a_failure_that_is_remembered_keeps_no_file(
    served: ServedImages, internet: Internet
) -> None:
    internet.upstream.answer("/a", b"\xff\xd8\xff" + bytes(100), content_type="image/jpeg")

    assert [await served.reason(internet.url("/a")) for _ in range(2)] == ["not_decoded"] * 2
    (name,) = served.images.pictures._failures._found
    error = served.images.pictures._failures.find(name, 0.0)

    assert error is not None
    assert (error.__traceback__, error.__context__) == (None, None)


async def test_one_host_gets_few_requests_at_a_time(start: Start, internet: Internet) -> None:
    served = await start(images_fetches=4, images_fetches_per_host=2)
    busy = _Busy(internet.upstream)

    async with asyncio.TaskGroup() as group:
        for at in range(6):
            for host in ("a.example", "b.example", "c.example"):
                name = f"{host[0].upper()}{at}"
                group.create_task(served.show(internet.url(f"/{name}", host), name))

    assert busy.most.pop("all") == 4
    assert max(busy.most.values()) == 2


class _Busy:
    """Answers when four requests are under way; notes how many there were at most, by host."""

    def __init__(self, upstream: Upstream) -> None:
        self.most: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._four = asyncio.Event()
        for host in "ABC":
            for at in range(6):
                upstream.handlers[f"/{host}{at}"] = self._answer

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        here = (path[1], "all")
        self._now.update(here)
        for name in here:
            self.most[name] = max(self.most[name], self._now[name])
        if self._now["all"] == 4:
            self._four.set()
        await self._four.wait()
        await asyncio.sleep(0)
        self._now.subtract(here)
        body = picture(size=(16, 16))
        head = f"HTTP/1.1 200 X\r\ncontent-type: image/png\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
