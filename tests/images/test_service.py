"""The image service over HTTP: answers, limits, its three ways to have images."""

from __future__ import annotations

import asyncio
import sys

import pytest

from services.images import workers
from services.images.errors import NoImage
from services.images.made import drawn
from services.images.workers import Workers
from tests.testkit.images import Internet, ServedImages, Start, opened, picture
from tests.testkit.wait import PATIENCE_S


# -- answers ---------------------------------------------------------------------------------------
async def test_a_browser_keeps_an_image_and_gets_304_while_it_is_the_same(
    served: ServedImages, internet: Internet
) -> None:
    internet.upstream.answer("/a", picture(), content_type="image/png")
    first = await served.show(internet.url("/a"))

    again = await served.get("A", **{"if-none-match": first.headers["etag"]})

    assert first.headers["cache-control"] == "public, max-age=3600, stale-while-revalidate=604800"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["content-security-policy"].startswith("default-src 'none'")
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    head = await served.client.head("/images/solana/A")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(first.content)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/images/solana/Unknown", 404, "unknown_token"),
        ("/images/solana/Bare", 404, "no_image"),
        ("/images/solana/Bare?size=640", 400, "unknown_parameter"),
        ("/images/sol%20ana/Bare", 400, "bad_chain"),
        ("/images/solana/..%2F..%2Fetc%2Fpasswd", 400, "bad_address"),
        ("/images/solana/", 400, "bad_address"),
        ("/images/solana", 404, "not_found"),
        ("/metrics", 404, "not_found"),
    ],
)
async def test_what_is_no_image_is_a_problem(
    served: ServedImages, path: str, status: int, code: str
) -> None:
    await served.put("Bare")

    answer = await served.client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_token_without_an_image_is_not_requested_again_for_a_minute(
    served: ServedImages,
) -> None:
    await served.put("Bare")

    assert (await served.get("Bare")).headers["cache-control"] == "max-age=60"
    assert (await served.get("Unknown")).headers["cache-control"] == "no-cache"


async def test_posts_are_refused_and_probes_answered(served: ServedImages) -> None:
    assert (await served.client.post("/images/solana/A")).status_code == 405
    assert (await served.client.get("/livez")).json() == {"status": "alive"}
    assert (await served.client.get("/readyz")).json() == {"status": "ready"}


async def test_one_address_may_request_so_many(start: Start) -> None:
    served = await start(images_rate=0.001, images_burst=2)

    answers = [(await served.get("A")).status_code for _ in range(3)]

    assert answers == [404, 404, 429]
    assert (await served.client.get("/livez")).status_code == 200


async def test_an_image_that_takes_long_is_there_a_little_later(
    served: ServedImages, internet: Internet
) -> None:
    gate, body = asyncio.Event(), picture()
    served.images.pictures._wait_s = 0.05

    async def late(_: str, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        head = f"HTTP/1.1 200 X\r\ncontent-type: image/png\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    internet.upstream.handlers["/a"] = late

    answer = await served.show(internet.url("/a"))

    assert (answer.status_code, answer.json()["code"]) == (503, "pending")
    assert answer.headers["retry-after"] == "2"
    gate.set()
    served.images.pictures._wait_s = 5
    assert (await served.get("A")).status_code == 200
    assert internet.upstream.calls["/a"] == 1


# -- the modes -------------------------------------------------------------------------------------
async def test_in_a_demo_images_are_drawn_and_nothing_is_fetched(
    start: Start, internet: Internet
) -> None:
    served = await start(demo=True)
    await served.put("A", internet.url("/a"))
    await served.put("B")

    first, again, other = [await served.get(name) for name in "AAB"]

    assert first.content == again.content == drawn("solana:A")
    assert other.content != first.content
    assert opened(first.content).size == (64, 64)
    assert internet.upstream.calls.total() == 0
    assert (await served.get("Unknown")).status_code == 404


async def test_images_may_be_off(start: Start, internet: Internet) -> None:
    served = await start(images="off")

    answer = await served.show(internet.url("/a"))

    assert (answer.status_code, answer.json()["code"]) == (404, "no_image")


# -- the processes that decode ---------------------------------------------------------------------
def hostile(job: str) -> tuple[str, ...]:
    """A decoder whose pictures are made by this job."""
    program = (
        "import os, time\n"
        "from services.images import decoder\n"
        f"decoder._JOBS[b'S'] = lambda data: {job}\n"
        "decoder.CPU_S = 1\n"
        "decoder.main()\n"
    )
    return (sys.executable, "-I", "-B", "-c", program)


@pytest.mark.parametrize(
    ("job", "detail"),
    [
        ("bytes(600 * 1024 * 1024)", "MemoryError"),
        ("any(iter(int, 1))", "ended by signal"),  # for ever
        ("os.kill(os.getpid(), 11)", "ended by signal 11"),
        ("[open('/dev/null') for _ in range(64)]", "Too many open files"),
        ("' '.join(sorted(set(os.environ) - {'LC_CTYPE'})).encode()", ""),
    ],
)
async def test_a_file_that_breaks_the_decoder_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, job: str, detail: str
) -> None:
    monkeypatch.setattr(workers, "_COMMAND", hostile(job))
    pool = Workers(1, answer_s=PATIENCE_S)  # the bound on processor time counts, however late
    try:
        try:
            found = (await pool.small(b"file")).decode()
        except NoImage as error:
            found = error.detail
        assert detail in found
        assert len(await pool.drawn("solana:A")) > 100  # it goes on
        assert pool.ended == 0
    finally:
        await pool.close()


async def test_a_decoder_that_hangs_is_ended_and_another_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_COMMAND", hostile("time.sleep(60)"))
    pool = Workers(1, answer_s=0.3)
    try:
        with pytest.raises(NoImage, match="too_costly"):
            await pool.small(b"file")
        assert pool.ended == 1
        monkeypatch.undo()
        pool._answer_s = 10
        assert len(await pool.drawn("solana:A")) > 100
    finally:
        await pool.close()
