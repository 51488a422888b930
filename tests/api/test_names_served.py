"""Names of real bodies, from a source to `/discover` and `/search` (tests/cases, h3-30 to 37)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.aggregator.app import run as run_aggregator
from services.aggregator.settings import AggregatorSettings
from services.fetcher.sources import dexscreener
from shared.keys import Keys
from shared.model import ReadingBatch
from shared.redis.connect import Redis
from tests.testkit.api import Served, Start
from tests.testkit.wait import eventually

CASES = Path(__file__).parents[1] / "cases"
FAMILY = "👨\u200d👩\u200d👧"

Feed = Callable[[str], Awaitable[Served]]
Named = tuple[str | None, str | None]


@pytest.fixture
async def feed(
    redis: Redis, redis_url: str, redis_prefix: str, keys: Keys, start: Start
) -> AsyncIterator[Feed]:
    """Start an aggregator and an api; `await feed(case)` publishes DexScreener's body to them."""
    stop = asyncio.Event()
    settings = AggregatorSettings(redis_url=redis_url, redis_prefix=redis_prefix, window_ms=20)
    running = asyncio.create_task(run_aggregator(settings, stop))
    served = await start()

    async def publish(case: str) -> Served:
        now_ms = int(time.time() * 1000)
        page = dexscreener.read_pairs((CASES / case / "body.json").read_bytes(), now_ms)
        batch = ReadingBatch(
            source="dexscreener", batch_id=case, sent_ms=now_ms, tokens=tuple(page.readings)
        )
        body = msgspec.json.encode(batch)

        async def is_served() -> bool:
            await redis.publish(keys.raw_tokens, body)  # nobody may have listened before
            answer = await served.client.get("/discover")
            return answer.status_code == 200 and answer.json()["total"] == len(page.readings)

        await eventually(is_served)
        return served

    yield publish
    stop.set()
    await running


async def rows(served: Served, path: str, **given: str) -> list[dict[str, Any]]:
    answer = await served.client.get(path, params=given)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return sorted(answer.json()["tokens"], key=lambda row: str(row["id"]))


def names(found: list[dict[str, Any]]) -> list[Named]:
    return [(row.get("token_name"), row.get("token_ticker")) for row in found]


async def test_two_tokens_of_one_ticker_are_two_rows(feed: Feed) -> None:
    served = await feed("h3-30-same-ticker")

    listed = await rows(served, "/discover")
    found = await rows(served, "/search", q="case")

    assert names(listed) == names(found) == [("Case A", "CASE"), ("Case B", "CASE")]
    assert [row["same_ticker"]["count"] for row in found] == [2, 2]
    assert [row["liquidity"] for row in found] == [5000.0, 5000.0]


async def test_a_tiny_price_is_served_with_its_digits(feed: Feed) -> None:
    served = await feed("h3-34-tiny-price")

    assert [row["price"] for row in await rows(served, "/discover")] == [1.234e-12, 1.23e-20]
    assert [row["price"] for row in await rows(served, "/search", q="tok")] == [1.234e-12, 1.23e-20]


@pytest.mark.parametrize("text", [FAMILY, "family", "می\u200cرود", "میرود", "👨👩👧"])
async def test_joiners_are_kept_and_search_does_not_need_them(feed: Feed, text: str) -> None:
    served = await feed("h3-36-zwj-in-names")
    whole = (f"Family {FAMILY} 🏳\ufe0f\u200d🌈 می\u200cرود", FAMILY)

    assert names(await rows(served, "/discover")) == [whole]
    assert names(await rows(served, "/search", q=text)) == [whole]


HOSTILE: list[Named] = [
    ("<img src=x onerror=alert(1)>", "<b>X</b>"),
    ("constructor", "__proto__"),
    ("undefined", "NaN"),
    ('=HYPERLINK("http://x","y")', "=1+1"),
    ("agnp.exe", "BD"),
    ("W" * 63 + "…", "W" * 23 + "…"),
    (None, None),
]


async def test_hostile_names_are_served_as_text(feed: Feed) -> None:
    served = await feed("h3-37-hostile-names")

    assert names(await rows(served, "/discover")) == HOSTILE
    for name, ticker in HOSTILE[:6]:
        assert (name, ticker) in names(await rows(served, "/search", q=str(ticker))), ticker
        assert (name, ticker) in names(await rows(served, "/search", q=str(name)[:64])), name
