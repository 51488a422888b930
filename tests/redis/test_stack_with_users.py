"""The real services, each under its own user, on a server where `default` is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.testkit.process import Process
from tests.testkit.redis_servers import Guarded, password
from tests.testkit.reference_client import following
from tests.testkit.stack import Stack, post, price_of
from tests.testkit.wait import eventually


@pytest.mark.timeout(180)
async def test_every_service_works_with_the_rights_of_its_user_and_asks_for_no_other(
    guarded: Guarded, spawn_dexwire: Callable[..., Process]
) -> None:
    stack = Stack(spawn_dexwire, guarded.environ)
    stack.start("replay", "aggregator", "aggregator", "fetcher", "api", "ws")
    follower = stack.follower()

    async with stack.client() as client, following(follower):
        page = await stack.shows(client, 20)
        second = await client.get(f"/discover?limit=5&cursor={await cursor(client)}")
        token = page["tokens"][0]
        detail = await client.get(f"/tokens/{token['chain']}/{token['token_address']}")
        health = await eventually(lambda: fetched(client), timeout_s=30)
        posted = await post(client, "Mine", 7.5)
        await eventually(lambda: price_of(follower.state, "Mine") == 7.5, timeout_s=30)
        keyed = await client.post(
            "/ingest",
            json={"source": "bot", "tokens": [{"token_address": "Mine", "price": 8}]},
            headers={"idempotency-key": "one"},
        )
    audit = stack.verify()

    assert audit.wait(60) == 0, audit.output()
    assert (second.status_code, detail.status_code) == (200, 200)
    assert health["redis"]["ok"] is True
    assert (posted.status_code, keyed.status_code) == (200, 202)
    assert guarded.refused() == []
    output = "".join(p.output() for some in stack.processes.values() for p in some)
    for user in ("fetcher", "aggregator", "api", "ws"):
        assert password(user) not in output


async def cursor(client: httpx.AsyncClient) -> str:
    found: str = (await client.get("/discover?limit=5")).json()["nextCursor"]
    return found


async def fetched(client: httpx.AsyncClient) -> dict[str, Any] | None:
    """What is reported of the pipeline, once a fetcher has reported a source."""
    health: dict[str, Any] = (await client.get("/health")).json()
    return health if health["sources"]["dexscreener"]["state"] == "ok" else None
