"""The api and a real aggregator: what is acknowledged is there to be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.aggregator.app import run as run_aggregator
from services.aggregator.settings import AggregatorSettings
from tests.testkit.api import Served, Start
from tests.testkit.wait import eventually


@pytest.fixture
async def served(redis_url: str, redis_prefix: str, start: Start) -> AsyncIterator[Served]:
    """An api beside an aggregator that leads."""
    stop = asyncio.Event()
    settings = AggregatorSettings(
        redis_url=redis_url, redis_prefix=redis_prefix, window_ms=20, max_tokens=4,
        producer_tokens_pct=75,
    )  # fmt: skip
    running = asyncio.create_task(run_aggregator(settings, stop))
    served = await start()
    # An empty list is warming until the first token is in it.
    await eventually(lambda: commits(served))
    assert (await served.client.get("/readyz")).status_code == 200
    yield served
    stop.set()
    await running


async def commits(served: Served) -> bool:
    first = {"source": "mybot", "tokens": [{"token_address": "First", "price": 1}]}
    return (await served.client.post("/ingest?ack=commit", json=first)).status_code == 200


async def test_what_is_acknowledged_is_on_the_page_and_in_the_token(served: Served) -> None:
    body = {"source": "mybot", "tokens": [{"token_address": "Abc", "price": 1.5, "volume": 20}]}

    posted = await served.client.post("/ingest?ack=commit", json=body)
    page = (await served.client.get("/discover")).json()
    token = (await served.client.get("/tokens/solana/Abc")).json()

    assert posted.status_code == 200
    assert page["version"] >= posted.json()["version"]
    (shown,) = page["tokens"]
    assert (shown["id"], shown["price"], shown["volume_24h"]) == ("solana:Abc", 1.5, 20)
    assert shown["sources"] == ["ingest:mybot"]
    assert token["token"] == shown
    assert token["readings"]["ingest:mybot"]["fields"]["price"]["value"] == 1.5


async def test_a_batch_that_changes_nothing_is_acknowledged_too(served: Served) -> None:
    body = {
        "source": "mybot",
        "tokens": [{"token_address": "Abc", "price": 1.5, "observed_ms": 1_500_000_000_000}],
    }

    first = await served.client.post("/ingest?ack=commit", json=body)
    again = await served.client.post("/ingest?ack=commit", json=body)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["version"] > first.json()["version"]


async def test_the_last_of_two_quick_posts_wins_whatever_its_value(served: Served) -> None:
    for price in (2.0, 1.0, 3.0, 1.25):
        body = {"source": "mybot", "tokens": [{"token_address": "Abc", "price": price}]}
        posted = await served.client.post("/ingest?ack=commit", json=body)
        assert posted.status_code == 200

    token = (await served.client.get("/tokens/solana/Abc")).json()["token"]
    assert token["price"] == 1.25


async def test_a_token_that_the_aggregator_refuses_is_not_acknowledged(served: Served) -> None:
    body = {
        "source": "mybot",
        "tokens": [{"token_address": name, "price": 1.5} for name in ("First", "B", "C", "D")],
    }

    posted = await served.client.post("/ingest?ack=commit", json=body)
    again = await served.client.post(
        "/ingest?ack=commit", json={"source": "other", "tokens": [body["tokens"][3]]}
    )

    assert (posted.status_code, posted.json()["accepted"]) == (200, 3)
    detail = "this producer has too many tokens (PRODUCER_TOKENS_PCT)"
    refused = {"index": 3, "code": "producer_share", "detail": detail}
    assert posted.json()["rejected"] == [refused]
    assert (again.status_code, again.json()["code"]) == (422, "none_accepted")
    assert again.json()["rejected"] == [{**refused, "index": 0}]
    assert (await served.client.get("/tokens/solana/C")).status_code == 200
    assert (await served.client.get("/tokens/solana/D")).status_code == 404
