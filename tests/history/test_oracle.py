"""Every candle and outage of hostile series equals what an oracle computes from the definitions."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.history.write import Overtaken
from tests.testkit.commits import token
from tests.testkit.history import MS0
from tests.testkit.recording import Rig, expected, written

SOURCES = ("jupiter", "dexscreener", "dexscreener:thin", "ingest:bot")
PRICES = (1.0, 1.0, 1.5, 2.0, 0.0, None, 1e-12, 9e14)
# ms from one message to the next: mostly seconds, then a pause of 3 minutes, jumps of the clock.
STEPS = (200, 1_000, 4_000, 9_000, 25_000, 29_999, 30_001, 61_000, 180_000, 3_600_000, -5_000,
         -90_000, -3_600_000)  # fmt: skip
WEIGHTS = (30, 30, 20, 10, 5, 1, 1, 2, 1, 0.3, 1, 0.5, 0.2)


def changes(chance: random.Random, ts: int) -> dict[str, Any]:
    """Changed fields of one row; often not its price, and not always a new observation."""
    found: dict[str, Any] = {}
    if chance.random() < 0.5:
        found["price"] = chance.choice(PRICES)
    if chance.random() < 0.2:
        found["price_source"] = chance.choice(SOURCES)
    if chance.random() < 0.8:
        found["observed_ms"] = max(0, ts - chance.choice((0, 300, 5_000, 110_000, 500_000, -9_000)))
    if chance.random() < 0.1:
        found["stale"] = chance.random() < 0.5
    for name in ("liquidity", "market_cap", "volume_5m", "volume_1h", "volume_24h"):
        if chance.random() < 0.3:
            found[name] = chance.choice((None, 0.0, 7.0, 1e9))
    return found


async def play(rig: Rig, seed: int, messages: int) -> None:
    """Say so many things, write now and then, and crash; a second recorder tries to write too."""
    chance = random.Random(seed)
    ts = MS0 + chance.randrange(86_400_000)
    for _ in range(messages):
        ts = max(MS0, ts + chance.choices(STEPS, WEIGHTS)[0])
        what = chance.random()
        if what < 0.1:
            rig.heartbeat(ts)
        elif what < 0.12:
            rig.new_epoch(ts)
        elif what < 0.14 and rig.ledger.fields:
            rig.commit(ts, {}, [chance.choice(sorted(rig.ledger.fields))])
        else:
            put: dict[str, Any] = {}
            for name in chance.sample("ABC", chance.randint(1, 3)):
                put |= token(name, **changes(chance, ts))
            rig.commit(ts, put)
        if chance.random() < 0.1:
            await rig.write()
        if chance.random() < 0.02:
            await rig.crash()
        if chance.random() < 0.02:
            await overtake(rig)


async def overtake(rig: Rig) -> None:
    """A recorder that slept while another led wakes up and writes: it is refused."""
    sleeper, batch = rig.storage, rig.recording.take()
    rig.recording.put_back(batch)
    await rig.crash()
    await rig.write()
    with pytest.raises(Overtaken):
        await sleeper.write(batch)


SEEDS = int(os.environ.get("HISTORY_SEEDS", "3"))  # 60 were tried


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_no_candle_of_a_hostile_series_differs_from_the_oracle(
    engine: AsyncEngine, seed: int
) -> None:
    rig = Rig(engine)
    await rig.start()
    await play(rig, seed, 400)
    await rig.write()

    candles, gaps = await written(engine)
    wanted, outages = expected(rig.said)

    assert candles == wanted
    assert gaps == outages
    assert {tier for tier, _, _ in candles} == {"1m", "1h", "1d"}
