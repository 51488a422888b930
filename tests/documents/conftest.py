"""A real stack: a server, an aggregator and an api, each a process, with some tokens posted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from shared.history.engine import open_engine
from shared.history.migrate import migrate
from tests.testkit.history import candle, record, token_row
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

AT_MS: Final = 1_795_768_390_123  # `at_ms` of the documents' examples
PAGES = 3  # of 50 rows: the examples have to walk


def token(number: int) -> dict[str, Any]:
    return {
        "chain": "base" if number % 2 else "solana",
        "token_address": f"Exampl{number:04d}" if number else "So1Example",  # as in the documents
        "token_name": f"Example number {number}",
        "token_ticker": f"EX{number}",
        "created_ms": 1_700_000_000_000 + number,
        "price": 1.5 + number,
        "market_cap": 1_000_000.0 + number,
        "liquidity": 50_000.0 + number,
        "volume_1h": 1_000.0 + number,
        "volume_24h": 20_000.0 + number,
        "price_change_1h": number - 50.5,
        "transactions_24h": number,
    }


TOKENS = [token(number) for number in range(2 * 50 * PAGES)]


async def write_history(url: str) -> None:
    """Record an hour of the documents' token, at the time that they name."""
    engine = open_engine(url, writes=True)
    await migrate(engine)
    hour = AT_MS // 3_600_000 * 3_600 - 3_600
    await record(
        engine,
        {"1h": {(1, hour): candle(hour, 1.5, volume_24h=20_000.0, last_ms=hour * 1000 + 9)}},
        tokens=[token_row(1, "So1Example", first_ms=hour * 1000)],
        at_ms=AT_MS,
    )
    await engine.dispose()


@pytest.fixture
async def stack_url(spawn_service: Callable[..., Process], tmp_path: Path) -> str:
    """The address of the api."""
    port = free_port()
    history_url = f"sqlite:///{tmp_path}/history.sqlite"
    await write_history(history_url)
    url = f"http://127.0.0.1:{port}"
    spawn_service("aggregator")
    spawn_service(
        "api",
        env={
            "API_PORT": str(port),
            "INGEST_RATE": "1000000",
            "API_RATE": "0",
            "API_COST_PCT": "0",
            "HISTORY_URL": history_url,
        },
    )
    async with httpx.AsyncClient(base_url=url) as client:

        async def posted() -> bool:
            for start in range(0, len(TOKENS), 500):
                batch = {"source": "tests", "tokens": TOKENS[start : start + 500]}
                try:
                    answer = await client.post("/ingest?ack=commit", json=batch)
                except httpx.TransportError:
                    return False
                if answer.status_code != 200:
                    return False
            return (await client.get("/readyz")).status_code == 200

        await eventually(posted, timeout_s=60, every_s=0.2)
    return url
