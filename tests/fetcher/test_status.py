"""What `/health` shows of a source."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeAsyncRedis

from services.fetcher.status import SourceStatus, StatusBoard, state_of
from shared.keys import Keys
from shared.redis.connect import Redis


@pytest.fixture
def redis() -> Redis:
    """Plain commands in one transaction: no server is needed."""
    return FakeAsyncRedis()


@pytest.fixture
def keys() -> Keys:
    return Keys("")


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ("o", "ok"),
        ("f", "degraded"),
        ("ff", "down"),
        ("fo", "degraded"),
        ("ooooofffff", "down"),
        ("oooooffff", "degraded"),
        ("fooooooooo", "ok"),
        ("foooooooof", "degraded"),
    ],
)
def test_a_source_is_judged_by_its_latest_calls(outcomes: str, state: str) -> None:
    assert state_of([each == "o" for each in outcomes]) == state


def test_an_error_is_short_and_printable() -> None:
    status = SourceStatus()

    status.failed(5, "x\n\x1b[31m" + "é" * 500)

    assert status.facts["last_error"] == "x??[31m" + "?" * 113


async def test_replicas_add_up_their_counts(redis: Redis, keys: Keys) -> None:
    one, two = StatusBoard(), StatusBoard()
    one["s"].succeeded(1_000, tokens=30, refused={"shape": 2})
    two["s"].succeeded(2_000, tokens=20, refused={"shape": 1, "chain": 4})
    two["s"].failed(3_000, "s /x: HTTP 500")

    await one.write(redis, keys)
    await two.write(redis, keys)
    await two.write(redis, keys)  # nothing new

    assert await redis.hgetall(keys.fetch_status("s")) == {
        b"state": b"degraded",
        b"last_ok_ms": b"2000",
        b"last_error": b"s /x: HTTP 500",
        b"last_error_ms": b"3000",
        b"calls": b"3",
        b"errors": b"1",
        b"tokens": b"50",
        b"refused:shape": b"3",
        b"refused:chain": b"4",
    }


async def test_what_could_not_be_written_is_written_later(redis: Redis, keys: Keys) -> None:
    board = StatusBoard()
    board["s"].succeeded(1_000, tokens=5, refused={})
    await redis.set(keys.fetch_status("s"), "in the way")

    with pytest.raises(Exception, match="WRONGTYPE"):
        await board.write(redis, keys)
    await redis.delete(keys.fetch_status("s"))
    board["s"].succeeded(2_000, tokens=5, refused={})
    await board.write(redis, keys)

    assert await redis.hmget(keys.fetch_status("s"), "calls", "tokens", "last_ok_ms") == [
        b"2", b"10", b"2000",
    ]  # fmt: skip


async def test_calls_go_on_while_statuses_are_written(redis: Redis, keys: Keys) -> None:
    board = StatusBoard()
    board["first"].succeeded(1_000, tokens=1, refused={})

    writing = asyncio.ensure_future(board.write(redis, keys))
    await asyncio.sleep(0)
    board["second"].succeeded(1_000, tokens=1, refused={})
    board["first"].succeeded(1_000, tokens=1, refused={})
    await writing
    await board.write(redis, keys)

    assert await redis.hget(keys.fetch_status("first"), "calls") == b"2"
    assert await redis.hget(keys.fetch_status("second"), "calls") == b"1"
