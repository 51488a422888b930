"""Whole paths: the same prices as moment by moment, the candles' endpoint, a demo's own past."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from services.replay.market import moves
from services.replay.market.market import Market
from services.replay.market.paths import bars, prices, volumes
from services.replay.past import past_of
from services.replay.routes import load_payloads
from tests.testkit.replay import NOON, replay

HOUR = 3_600
NOW_S = NOON // 1000


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(1, load_payloads(), 500)


def test_a_path_is_what_the_market_says_at_each_moment(market: Market) -> None:
    moments = np.arange(NOON - 86_400_000, NOON, 1_777_000)
    tokens = (*market.listed["all"][::9], *market.at(NOON).newcomers)

    for token in tokens:
        whole = prices(token, moments)
        single = [moves.price(token, int(at)) for at in moments]
        np.testing.assert_allclose(whole, single, rtol=1e-12)


def test_volumes_are_what_the_market_says_of_each_interval(market: Market) -> None:
    minute = 60_000
    starts = np.arange(NOON - 86_400_000, NOON, minute)
    tokens = (*market.listed["all"][::40], *market.at(NOON).newcomers[::3])
    pools = [pool for token in tokens for pool in market.pools_of(token)]

    for pool in pools:
        single = [moves.volume_between(pool, int(at), minute) for at in starts]
        np.testing.assert_allclose(volumes(pool, starts, minute), single, rtol=1e-9, atol=1e-9)
    assert sum(pool.created_ms > NOON - 86_400_000 for pool in pools) > 3


def test_bars_follow_each_other_and_hold_their_prices(market: Market) -> None:
    token = market.leaders["all"][0]

    found = bars(token, market.pools_of(token), NOW_S - 6 * HOUR, NOW_S, 60)

    assert [bar.t for bar in found] == list(range(NOW_S - 6 * HOUR, NOW_S, 60))
    assert all(bar.l <= min(bar.o, bar.c) <= max(bar.o, bar.c) <= bar.h for bar in found)
    assert all(left.c == right.o for left, right in pairwise(found))


def test_the_minutes_of_an_hour_add_up_to_its_volume(market: Market) -> None:
    token = market.leaders["all"][0]
    pools = market.pools_of(token)

    minutes = bars(token, pools, NOW_S - HOUR, NOW_S, 60)
    (hour,) = bars(token, pools, NOW_S - HOUR, NOW_S, HOUR)

    assert sum(bar.volume for bar in minutes) == pytest.approx(hour.volume)
    assert hour.volume > 0


def test_a_newcomer_has_no_bar_of_before_its_birth(market: Market) -> None:
    token = market.at(NOON).newcomers[0]

    found = bars(token, market.pools_of(token), NOW_S - HOUR, NOW_S, 60)

    assert all(bar.t * 1000 >= token.born_ms for bar in found)


def test_the_past_of_a_demo_is_marked_closed_and_of_its_hours(market: Market) -> None:
    past = list(past_of(market, NOON + 90_000, 3))

    assert {entry.origin for entry in past} == {"replay"}
    hours = {entry.id: entry for entry in past if entry.tier == "1h"}
    minutes = {entry.id: entry for entry in past if entry.tier == "1m"}
    leader = market.leaders["all"][0]
    name = f"{leader.chain}:{leader.canonical}"
    assert len(hours) >= 100
    assert len(hours[name].bars) == 3
    assert hours[name].bars[-1].t == NOW_S - HOUR
    assert len(minutes[name].bars) == 180
    assert minutes[name].bars[-1].t == NOW_S
    assert max(len(entry.bars) for entry in past) == 180


async def test_candles_of_a_pool_are_those_of_the_market(market: Market) -> None:
    token = market.leaders["all"][0]
    pool = next(each for each in market.pools_of(token) if each.token is token)
    network = {"ethereum": "eth"}.get(token.chain, token.chain)
    async with replay(tokens=500) as one:
        base = f"/geckoterminal/api/v2/networks/{network}/pools/{pool.address}/ohlcv"

        answer = await one.get(f"{base}/hour?limit=24&token={token.canonical}")

        rows = answer["data"]["attributes"]["ohlcv_list"]
        assert answer["data"]["type"] == "ohlcv_request_response"
        starts = [row[0] for row in rows]
        assert starts == sorted(starts, reverse=True)
        assert len(rows) > 12
        row = rows[-1]
        assert row[1] == pytest.approx(moves.price(token, row[0] * 1000))
        for wrong in ("hour?limit=1001", "hour?aggregate=7", "week", "hour?token=0x00"):
            assert (await one.client.get(f"{base}/{wrong}")).status_code == 400
        missing = f"/geckoterminal/api/v2/networks/{network}/pools/none/ohlcv/hour"
        assert (await one.client.get(missing)).status_code == 404
