"""`/ingest?ack=commit` with a real aggregator: nothing that was accepted vanishes silently."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.aggregator.app import run as run_aggregator
from services.aggregator.settings import AggregatorSettings
from shared.keys import Keys
from shared.model import PoolReading, Reading, ReadingBatch
from shared.redis.connect import Redis
from tests.testkit.api import Served, Start
from tests.testkit.proxy import proxy
from tests.testkit.wait import eventually

CASES = Path(__file__).parent.parent / "cases"
DAY_MS = 86_400_000


@pytest.fixture
async def served(redis_url: str, redis_prefix: str, start: Start) -> AsyncIterator[Served]:
    """An api beside an aggregator that leads and keeps three tokens."""
    stop = asyncio.Event()
    settings = AggregatorSettings(
        redis_url=redis_url, redis_prefix=redis_prefix, window_ms=20, max_tokens=3,
        producer_tokens_pct=100,
    )  # fmt: skip
    running = asyncio.create_task(run_aggregator(settings, stop))
    served = await start()

    async def committed() -> bool:
        first = {"source": "other", "tokens": [{"token_address": "First", "price": 1}]}
        return (await served.client.post("/ingest?ack=commit", json=first)).status_code == 200

    await eventually(committed)
    yield served
    stop.set()
    await running


async def post(served: Served, *tokens: dict[str, Any], key: str = "") -> dict[str, Any]:
    """Post as `mybot`; return the answer of a committed batch."""
    headers = {"idempotency-key": key} if key else {}
    body = {"source": "mybot", "tokens": [{"token_address": "Abc", **token} for token in tokens]}
    answer = await served.client.post("/ingest?ack=commit", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def entries(answer: dict[str, Any]) -> list[tuple[int, str, list[str]]]:
    return [(each["index"], each["code"], each["fields"]) for each in answer["unchanged"]]


async def hear(redis: Redis, keys: Keys, source: str, reading: Reading) -> None:
    """Publish a reading of a source, as a fetcher does."""
    batch = ReadingBatch(
        source=source, batch_id="b", sent_ms=reading.observed_ms, tokens=(reading,)
    )
    await redis.publish(keys.raw_tokens, msgspec.json.encode(batch))


def now_ms() -> int:
    return int(time.time() * 1000)


async def test_what_the_row_shows_is_not_mentioned(served: Served) -> None:
    answer = await post(served, {"price": 1.5, "volume": 20, "token_name": "A\u200bbc"})

    assert answer["accepted"] == 1
    assert answer["unchanged"] == []


@pytest.mark.usefixtures("served")
async def test_a_commit_that_came_by_the_log_after_a_silence_is_shown(
    redis_url: str, start: Start
) -> None:
    """The feed of the api was half-open for longer than its copy is vouched for."""
    async with proxy(redis_url) as link:
        behind = await start(redis_url=link.url)
        await eventually(lambda: behind.api.live.stamp is not None, timeout_s=10)
        link.freeze()
        answer = await eventually(lambda: first_answer(behind), timeout_s=20)

    assert answer["unchanged"] == []


async def first_answer(served: Served) -> dict[str, Any] | None:
    """Post a new token; None: it was refused, since connections do not answer."""
    body = {"source": "mybot", "tokens": [{"token_address": "New", "price": 1.5}]}
    answer = await served.client.post("/ingest?ack=commit", json=body)
    content: dict[str, Any] = answer.json()
    return content if answer.status_code == 200 else None


async def test_a_value_below_the_noise_floor_is_unchanged_with_the_reason(served: Served) -> None:
    await post(served, {"price": 1.0, "liquidity": 5_000})

    answer = await post(served, {"price": 1.00005, "liquidity": 6_000})

    assert entries(answer) == [(0, "noise", ["price"])]
    assert answer["unchanged"][0]["detail"] == (
        "price: 1.00005 is within the noise floor of the committed 1 (docs/DATA.md, Noise)"
    )


async def test_the_value_that_the_row_has_already_is_unchanged_too(served: Served) -> None:
    await post(served, {"price": 1.0})

    answer = await post(served, {"price": 1.0, "volume": 7}, {"price": 1.0})

    assert entries(answer) == [(0, "same", ["price"]), (1, "same", ["price"])]


async def test_an_older_reading_of_the_same_producer_is_unchanged(served: Served) -> None:
    await post(served, {"price": 2.0})

    answer = await post(served, {"price": 1.0, "observed_ms": now_ms() - 7_150_000})

    assert entries(answer) == [(0, "older", ["price"])]
    assert "a reading of yours observed 119 min later stands: 2" in answer["unchanged"][0]["detail"]


async def test_what_a_producer_says_after_others_who_come_first_is_unchanged(
    redis: Redis, keys: Keys, served: Served
) -> None:
    pool = PoolReading(pool_address="Pool", price=3.0, liquidity=50_000.0, volume_24h=900.0)
    reading = Reading(
        chain="solana", token_address="Abc", observed_ms=now_ms(), token_name="Abc", pools=(pool,)
    )
    await hear(redis, keys, "dexscreener", reading)
    await eventually(lambda: "solana:Abc" in served.api.live.replica.rows)

    answer = await post(served, {"price": 1.0, "volume": 700, "token_name": "Mine", "holders": 4})

    assert entries(answer) == [
        (0, "lower_rank", ["token_name", "price"]),
        (0, "smaller", ["volume_24h"]),
    ]
    assert "dexscreener" in answer["unchanged"][0]["detail"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"price": 0}, "impossible"),
        ({"price_change_24h": -150, "price": 1}, "impossible"),
        ({"token_name": "\u200b"}, "unreadable"),
        ({"price": 2.0, "observed_ms": now_ms() - 30 * DAY_MS}, "too_old"),
        ({"created_ms": now_ms() + 3_600_000, "price": 1}, "impossible"),
    ],
)
async def test_what_is_not_believed_is_unchanged(
    served: Served, fields: dict[str, Any], code: str
) -> None:
    answer = await post(served, fields)

    assert [each["code"] for each in answer["unchanged"]] == [code]


async def test_a_token_for_which_there_is_no_room_is_rejected(served: Served) -> None:
    await post(served, {"price": 1}, {"price": 1, "token_address": "Def"})

    answer = await post(
        served, {"price": 1, "token_address": "Ghi"}, {"price": 2, "token_address": "Def"}
    )

    full = {"index": 0, "code": "list_full", "detail": "the list is full (MAX_TOKENS)"}
    assert (answer["accepted"], answer["rejected"], answer["unchanged"]) == (1, [full], [])


async def test_a_reading_too_old_for_a_price_is_unchanged(served: Served) -> None:
    await post(served, {"price": 1})

    body = {"token_address": "Abc", "price": 5, "observed_ms": now_ms() - 300_000}
    answer = await served.client.post(
        "/ingest?ack=commit", json={"source": "late", "tokens": [body]}
    )

    assert [each["code"] for each in answer.json()["unchanged"]] == ["stale"]


async def test_what_is_no_longer_known_to_one_is_unchanged_while_another_says_it(
    served: Served,
) -> None:
    other = {"source": "other", "tokens": [{"token_address": "Abc", "liquidity": 5_000}]}
    await served.client.post("/ingest?ack=commit", json=other)

    unknown_to_all = await post(served, {"volume": None, "price": 1})
    unknown_to_one = await post(served, {"liquidity": None})

    assert entries(unknown_to_all) == [(0, "same", ["volume_24h"])]
    assert [each["code"] for each in unknown_to_one["unchanged"]] == ["lower_rank"]
    assert "ingest:other gives 5,000" in unknown_to_one["unchanged"][0]["detail"]


async def test_a_repeat_gets_the_first_answer(served: Served) -> None:
    await post(served, {"price": 1.0})

    first = await post(served, {"price": 1.00005}, key="k")
    again = await post(served, {"price": 1.00005}, key="k")

    assert again == first
    assert entries(again) == [(0, "noise", ["price"])]


async def test_of_one_token_that_is_there_twice_the_first_values_are_unchanged(
    served: Served,
) -> None:
    answer = await post(served, {"price": 1.0, "volume": 5}, {"price": 2.0})

    assert entries(answer) == [(0, "older", ["price"])]
    assert "of the same time stands: 2" in answer["unchanged"][0]["detail"]


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("h3-38-evm-address-on-solana", "bad_address"),
        ("h3-40-observed-in-seconds", "out_of_range"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(served: Served, case: str, code: str) -> None:
    body = (CASES / case / "body.json").read_bytes()

    answer = await served.client.post(
        "/ingest?ack=commit", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == 422
    assert [each["code"] for each in answer.json()["rejected"]] == [code]


async def test_a_signal_is_reported_as_shown_or_why_not(served: Served) -> None:
    signals = {
        "mint_revoked": True,
        "suspicious": True,
        "stage": "curve",
        "links": {"website": "https://first.example/"},
        "image": "https://first.example/a.png",
    }
    assert entries(await post(served, {"price": 1, **signals})) == []
    again = {"mint_revoked": True, "suspicious": True, "stage": "curve"}
    assert entries(await post(served, again)) == [
        (0, "same", ["mint_revoked", "stage", "suspicious"])
    ]
    other = {"token_address": "Abc", "mint_revoked": True, "suspicious": False}
    body = {"source": "other", "tokens": [{**other, "mint_revoked": False}]}
    answer = (await served.client.post("/ingest?ack=commit", json=body)).json()
    assert entries(answer) == [(0, "safer", ["suspicious"])]
    assert entries(await post(served, {"mint_revoked": True})) == [(0, "safer", ["mint_revoked"])]


async def test_an_address_that_is_none_of_the_web_is_refused_in_words(served: Served) -> None:
    tokens = [
        {"token_address": "Abc", "image": "http://first.example/a.png"},
        {"token_address": "Abc", "links": {"x": "javascript:alert(1)"}},
    ]
    answer = await served.client.post("/ingest", json={"source": "mybot", "tokens": tokens})
    assert [(each["code"], each["detail"]) for each in answer.json()["rejected"]] == [
        (
            "bad_url",
            "expected an https address of a host with a name - at $.tokens[0].image",
        ),
        (
            "bad_url",
            "expected an http or https address of a host with a name - at $.tokens[1].links.x",
        ),
    ]
