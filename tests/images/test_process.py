"""The image service as a process, behind the proxy of deploy/Caddyfile."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.entries import start_caddy, wait_for
from tests.testkit.images import opened
from tests.testkit.metrics import scrape
from tests.testkit.process import Process, free_port


async def test_it_serves_behind_the_proxy_and_ends_by_sigterm(
    redis: Redis, keys: Keys, spawn_service: Callable[..., Process], tmp_path: Path
) -> None:
    store: Any = redis
    await store.hset(keys.token("solana:A"), "price", b"1")
    port, metrics_port = free_port(), free_port()
    env = {"IMAGES_PORT": str(port), "IMAGES": "made", "METRICS_PORT": str(metrics_port)}
    process = spawn_service("images", env={**env, "IMAGES_DRAIN_GRACE_S": "0"})
    await asyncio.to_thread(wait_for, port, process)
    proxy, entry = start_caddy(tmp_path, {}, IMAGES_UPSTREAM=f"127.0.0.1 {port}")
    try:
        await asyncio.to_thread(wait_for, entry, proxy, "/images/solana/A")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{entry}") as client:
            image = await client.get("/images/solana/A")
            unknown = await client.get("/images/solana/B")
            posted = await client.post("/images/solana/A", content=b"x")
    finally:
        proxy.kill()

    assert image.headers["content-type"] == "image/webp"
    assert opened(image.content).size == (64, 64)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_token")
    assert (posted.status_code, posted.json()["code"]) == (400, "proxy")
    assert scrape(metrics_port).value("dexwire_images_served_total", result="made") == 1
    process.send(signal.SIGTERM)
    assert process.wait(15) == 0
    for event in ("images_listening", "images_draining", "service_stopped"):
        assert event in process.output()
