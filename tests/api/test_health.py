"""`/health`, `/livez`, `/readyz`."""

from __future__ import annotations

import time
from typing import Any

from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.api import Start
from tests.testkit.commits import Writer, row


async def test_health_reports_the_state_and_each_source(
    redis: Redis, keys: Keys, writer: Writer, start: Start
) -> None:
    served = await start()
    await writer.begin()
    await served.follows(await writer.commit([row(n) for n in range(3)]))
    await writer.heartbeat()
    now_ms = int(time.time() * 1000)
    status: dict[Any, Any] = {
        "state": "ok",
        "last_ok_ms": now_ms - 1_500,
        "calls": 7,
        "refused:nan": 2,
        "last_error": "503",
    }
    await redis.hset(keys.fetch_status("jupiter"), mapping=status)

    answer = await served.client.get("/health")

    assert answer.status_code == 200
    health = answer.json()
    assert (health["status"], health["demo"], health["warming"]) == ("ok", False, False)
    assert (health["token_count"], health["epoch"], health["version"]) == (3, "e1", 1)
    assert health["chains"] == {"solana": 3}
    assert 0 <= health["data_age_ms"] < 5_000
    jupiter = health["sources"]["jupiter"]
    assert 1_500 <= jupiter.pop("age_ms") < 10_000
    assert jupiter == {
        "state": "ok",
        "last_ok_ms": now_ms - 1_500,
        "calls": 7,
        "last_error": "503",
        "refused": {"nan": 2},
    }
    assert health["sources"]["dexscreener"] == {"state": "unknown"}
    assert health["redis"]["ok"] is True
    assert health["redis"]["version"]


async def test_health_is_degraded_while_warming_without_heartbeats_or_with_an_ailing_source(
    redis: Redis, keys: Keys, writer: Writer, start: Start
) -> None:
    served = await start()
    assert (await served.client.get("/health")).json()["status"] == "degraded"

    await writer.begin()
    await served.follows(await writer.commit([row(1)]))
    assert (await served.client.get("/health")).json()["status"] == "ok"

    await redis.hset(keys.fetch_status("jupiter"), "state", "down")
    assert (await served.client.get("/health")).json()["status"] == "degraded"
    await redis.delete(keys.fetch_status("jupiter"))

    served.api.live.feed._last_message_at -= 3.5
    assert (await served.client.get("/health")).json()["status"] == "degraded"


async def test_readings_that_cannot_be_posted_are_the_reason_while_their_sources_are_well(
    redis: Redis, keys: Keys, start: Start
) -> None:
    served = await start()
    await set_sources(redis, keys, jupiter={"state": "ok", "delivery_error": "HTTP 401"})
    await set_sources(redis, keys, dexscreener={"state": "ok", "delivery_error": ""})

    health = (await served.client.get("/health")).json()
    page = (await served.client.get("/discover")).json()

    assert health["status"] == "degraded"
    for answer in (health, page):
        assert answer["reason"] == "delivery"
        assert answer["detail"] == "readings cannot be posted: jupiter: HTTP 401"
    assert health["sources"]["jupiter"]["delivery_error"] == "HTTP 401"
    assert health["sources"]["dexscreener"] == {"state": "ok"}


async def test_readyz_says_why_not(writer: Writer, start: Start) -> None:
    served = await start()
    warming = await served.client.get("/readyz")
    await writer.begin()
    await served.follows(await writer.commit([row(1)]))
    ready = await served.client.get("/readyz")
    served.api.live.feed._last_message_at -= 3.5
    stale = await served.client.get("/readyz")
    served.api.draining = True
    draining = await served.client.get("/readyz")

    assert (warming.status_code, warming.json()["code"]) == (503, "warming")
    assert ready.status_code == 200
    assert (stale.status_code, stale.json()["code"]) == (503, "stale")
    assert (draining.status_code, draining.json()["code"]) == (503, "draining")


async def test_every_answer_while_draining_is_the_last_on_its_connection(
    writer: Writer, start: Start
) -> None:
    served = await start()
    await writer.begin()
    await served.follows(await writer.commit([row(1)]))
    before = await served.client.get("/discover")
    served.api.draining = True

    answers = [await served.client.get(path) for path in ("/discover", "/livez", "/nowhere")]

    assert "connection" not in before.headers
    assert [answer.headers["connection"] for answer in answers] == ["close"] * 3


async def test_livez_answers_whatever_else_is_wrong(start: Start) -> None:
    served = await start()
    served.api.draining = True

    answer = await served.client.get("/livez")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


FAILS: dict[Any, Any] = {"state": "degraded", "errors": 1, "last_error_ms": 1, "last_error": "x"}
NO_SOURCE = "no source answers; is this machine online?"


async def set_sources(redis: Redis, keys: Keys, **states: dict[Any, Any]) -> None:
    for name, status in states.items():
        await redis.hset(keys.fetch_status(name), mapping=status)


async def test_no_source_is_the_reason_while_there_is_no_list(
    redis: Redis, keys: Keys, start: Start
) -> None:
    served = await start()
    await set_sources(redis, keys, dexscreener=FAILS, jupiter={"state": "off"})
    await set_sources(redis, keys, geckoterminal={**FAILS, "state": "down"})

    health = (await served.client.get("/health")).json()
    pages = [
        await served.client.get(path)
        for path in ("/discover", "/discover?chain=solana", "/search?q=x", "/tokens/solana/Token1")
    ]

    assert (health["status"], health["reason"], health["detail"]) == (
        "degraded",
        "no_source",
        NO_SOURCE,
    )
    assert health["sources"]["dexscreener"].get("age_ms") is None
    for page in pages:
        assert page.status_code == 503
        assert page.headers["retry-after"] == "1"
        found = page.json()
        assert (found["code"], found["reason"], found["detail"]) == (
            "warming",
            "no_source",
            NO_SOURCE,
        )


async def test_one_source_that_answers_or_was_not_tried_yet_is_enough(
    redis: Redis, keys: Keys, start: Start
) -> None:
    served = await start()
    await set_sources(redis, keys, dexscreener=FAILS, jupiter=FAILS)
    untried = (await served.client.get("/health")).json()
    await set_sources(redis, keys, geckoterminal={**FAILS, "last_ok_ms": 1_790_000_000_000})
    answered = (await served.client.get("/health")).json()

    assert untried["reason"] == answered["reason"] == "warming"
    assert (await served.client.get("/discover")).json()["detail"].startswith("the list is being")


async def test_no_age_is_made_of_a_time_that_is_not_there(
    redis: Redis, keys: Keys, writer: Writer, start: Start
) -> None:
    served = await start()
    await writer.begin()  # an epoch in which nothing was committed
    await set_sources(redis, keys, jupiter={"state": "degraded", "last_ok_ms": 0})

    health = (await served.client.get("/health")).json()

    assert health["data_age_ms"] is None
    assert "age_ms" not in health["sources"]["jupiter"]


async def test_an_aggregator_that_was_never_seen_has_no_age(writer: Writer, start: Start) -> None:
    served = await start()
    await writer.begin()
    await served.follows(await writer.commit([row(1)]))
    served.api.live.feed._last_message_at = 0.0

    stale = await served.client.get("/readyz")

    assert stale.json()["detail"] == "no heartbeat yet"
    assert (await served.client.get("/health")).json()["reason"] == "stale"
