"""Tokens of the replayed market are born, climb a curve, graduate or stall, and may be drained."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.replay.market import signals
from services.replay.market.market import Market
from services.replay.market.model import DAY_MS, HOUR_MS, MINUTE_MS, WINDOW_MS, MarketToken
from services.replay.market.moves import progress
from services.replay.market.newcomers import generate_newcomer
from services.replay.routes import load_payloads
from tests.testkit.replay import NOON, Replay, replay

GECKO = "/geckoterminal/api/v2"
DEMO = Market(1, load_payloads(), 500)  # what `make demo` plays
STEP_MS = 30_000

births = st.integers(NOON // STEP_MS, (NOON + 400 * DAY_MS) // STEP_MS)


def graduate(now_ms: int = NOON) -> MarketToken:
    """A token of Solana that is born about now and graduates four minutes later."""
    birth = now_ms // STEP_MS // 4 * 4
    return generate_newcomer(1, birth, STEP_MS)


def stages(now_ms: int) -> dict[str, int]:
    """How many newcomers are where on their way."""
    found = {"none": 0, "curve": 0, "completed": 0, "graduated": 0}
    for token in DEMO.at(now_ms).newcomers:
        launch = token.launch
        if launch is None:
            found["none"] += 1
        elif 0 < launch.graduates_ms <= now_ms:
            found["graduated"] += 1
        else:
            found["completed" if progress(launch, now_ms) == 1 else "curve"] += 1
    return found


@given(st.integers(NOON - 400 * DAY_MS, NOON + 400 * DAY_MS))
@settings(max_examples=60, deadline=None)
def test_at_any_time_there_are_new_climbing_and_graduated_tokens(now_ms: int) -> None:
    found = stages(now_ms // 1000 * 1000)
    assert found["none"] >= 20
    assert found["curve"] >= 25
    assert found["graduated"] >= 20


@given(st.integers(NOON - 400 * DAY_MS, NOON + 400 * DAY_MS))
@settings(max_examples=60, deadline=None)
def test_within_any_minute_a_token_graduates(now_ms: int) -> None:
    launches = [t.launch for t in DEMO.at(now_ms // 1000 * 1000).newcomers if t.launch]
    assert any(now_ms < launch.graduates_ms <= now_ms + 60_000 for launch in launches)


@given(births)
@settings(max_examples=200, deadline=None)
def test_a_climb_rises_and_ends_at_its_end(birth: int) -> None:
    token = generate_newcomer(1, birth, STEP_MS)
    launch = token.launch
    if launch is None:
        assert birth % 4 == 3
        return
    sold = [progress(launch, token.born_ms + minute * MINUTE_MS) for minute in range(40)]
    assert sold[0] == 0
    # The market itself keeps setbacks below this, whatever the birth.
    assert all(later > earlier - 0.08 for earlier, later in pairwise(sold))
    assert (max(sold) == 1) == (launch.completes_ms > 0)


def test_the_price_goes_on_from_the_end_of_the_curve() -> None:
    token = graduate()
    assert token.launch is not None
    end_ms = token.launch.completes_ms
    prices = [DEMO.at(NOON).price(token, end_ms + step) for step in (-1_000, 0, 1_000)]
    assert prices == pytest.approx([prices[1]] * 3, rel=0.05)
    born = DEMO.at(NOON).price(token, token.born_ms)
    assert prices[1] > 10 * born


async def answers(it: Replay, mint: str) -> tuple[Any, Any, Any]:
    """What the three sources say of a token of Solana."""
    (item,) = await it.get(f"/jupiter/tokens/v2/search?query={mint}")
    pairs = await it.get(f"/dexscreener/token-pairs/v1/solana/{mint}")
    token = await it.get(f"{GECKO}/networks/solana/tokens/{mint}?include=top_pools")
    return item, pairs, token


async def climbing(it: Replay, first_ms: int) -> tuple[str, int, int]:
    """A Solana token that graduates within the next minutes: mint, end of its curve, graduation."""
    newcomers = Market(1, load_payloads(), 500).at(first_ms).newcomers
    token = next(
        t
        for t in newcomers
        if t.chain == "solana"
        and t.launch
        and first_ms < t.launch.completes_ms
        and t.launch.launchpad.name == "pump.fun"
    )
    assert token.launch is not None
    it.clock.now_ms = first_ms
    return token.address, token.launch.completes_ms, token.launch.graduates_ms


async def test_every_source_sees_a_token_climb() -> None:
    async with replay(tokens=500) as it:
        mint, _, _ = await climbing(it, NOON)
        item, pairs, token = await answers(it, mint)
    assert mint.endswith("pump")
    assert item["launchpad"] == "pump.fun"
    assert {"graduatedAt", "graduatedPool"} & set(item) == set()
    assert item["audit"]["mintAuthorityDisabled"] is True
    assert [(pair["dexId"], "liquidity" in pair) for pair in pairs] == [("pumpfun", False)]
    details = token["data"]["attributes"]["launchpad_details"]
    assert 0 < details["graduation_percentage"] < 100
    assert details["completed"] is False
    assert token["data"]["attributes"]["price_usd"] is None
    assert token["included"] == []


async def test_a_complete_curve_waits_for_its_pool() -> None:
    async with replay(tokens=500) as it:
        mint, completes_ms, _ = await climbing(it, NOON)
        it.clock.now_ms = completes_ms + 5_000
        item, pairs, token = await answers(it, mint)
    details = token["data"]["attributes"]["launchpad_details"]
    assert details["graduation_percentage"] == 100
    assert details["completed"] is True
    assert details["completed_at"] is not None
    assert details["migrated_destination_pool_address"] is None
    assert "graduatedAt" not in item
    assert [pair["dexId"] for pair in pairs] == ["pumpfun"]


async def test_every_source_sees_a_token_graduate_into_one_new_pool() -> None:
    async with replay(tokens=500) as it:
        mint, _, graduates_ms = await climbing(it, NOON)
        it.clock.now_ms = graduates_ms + 60_000
        item, pairs, token = await answers(it, mint)
    details = token["data"]["attributes"]["launchpad_details"]
    assert [pair["dexId"] for pair in pairs] == ["pumpswap", "pumpfun"]
    assert item["graduatedPool"] == pairs[0]["pairAddress"]
    assert details["migrated_destination_pool_address"] == pairs[0]["pairAddress"]
    assert item["graduatedAt"] > details["completed_at"]
    assert pairs[0]["liquidity"]["usd"] > 10_000
    assert pairs[0]["txns"]["m5"]["buys"] > 0
    assert token["data"]["attributes"]["price_usd"] is not None
    assert [p["attributes"]["name"] for p in token["included"]] == [f"{item['symbol']} / SOL"]


@given(births)
@settings(max_examples=200, deadline=None)
def test_there_are_never_more_traders_than_trades_and_never_fewer_than_buyers(birth: int) -> None:
    token = generate_newcomer(1, birth, STEP_MS)
    for buys, sells in ((1, 0), (7, 3), (400, 350), (50_000, 10)):
        traders = signals.distinct(token, buys + sells)
        buyers, sellers = signals.distinct(token, buys), signals.distinct(token, sells)
        assert max(buyers, sellers) <= traders <= buys + sells
        assert traders <= buyers + sellers + 1
    assert signals.distinct(token, 50_000) < 12 or not token.washed


async def test_figures_of_one_token_agree_with_each_other() -> None:
    async with replay(tokens=2000) as it:
        items = await it.get("/jupiter/tokens/v2/toptraded/24h?limit=100")
        items += await it.get("/jupiter/tokens/v2/recent")
    for item in items:
        stats, audit = item.get("stats24h", {}), item["audit"]
        trades = stats.get("numBuys", 0) + stats.get("numSells", 0)
        assert stats.get("numTraders", 0) <= trades
        assert stats.get("numOrganicBuyers", 0) <= stats.get("numTraders", 0)
        assert stats.get("buyOrganicVolume", 0) <= stats.get("buyVolume", 0)
        assert 0 <= audit.get("devBalancePercentage", 0) <= audit["topHoldersPercentage"] <= 100
        assert 0 <= item["organicScore"] <= 100
        assert ("mintAuthority" in item) == (not audit.get("mintAuthorityDisabled"))


async def test_a_change_of_holders_is_what_their_number_did() -> None:
    async with replay(tokens=2000) as it:
        before = {t["id"]: t for t in await it.get("/jupiter/tokens/v2/recent")}
        it.clock.now_ms += 5 * MINUTE_MS
        found = await it.get(f"/jupiter/tokens/v2/search?query={','.join(before)}")
    grown = [item for item in found if item["stats5m"].get("holderChange", 0) > 0]
    assert len(grown) > 10
    for item in grown:
        earlier = before[item["id"]]["holderCount"]
        change = item["stats5m"]["holderChange"]
        assert item["holderCount"] == round(earlier * (1 + change / 100))


def test_every_kind_of_token_is_there() -> None:
    tokens = [*DEMO.listed["all"], *DEMO.at(NOON).newcomers]
    kinds = {
        "washed": sum(t.washed for t in tokens),
        "drained": sum(0 < t.drained_ms <= NOON for t in tokens),
        "suspicious": sum(map(signals.suspicious, tokens)),
        "mintable": sum(signals.authorities(t, NOON).mint is not None for t in tokens),
        "freezable": sum(signals.authorities(t, NOON).freeze is not None for t in tokens),
        "boosted": sum(signals.boosts(t) > 0 for t in tokens),
        "verified": sum(map(signals.verified, tokens)),
        "linked": sum(signals.presence(t) is not None for t in tokens),
    }
    assert {name for name, count in kinds.items() if count < 5} == set()


def test_some_newcomers_give_their_authority_away_while_one_watches() -> None:
    tokens = [generate_newcomer(1, 4 * birth + 3, STEP_MS) for birth in range(1_000_000, 1_000_100)]
    first = [signals.authorities(t, t.born_ms).mint is not None for t in tokens]
    later = [signals.authorities(t, t.born_ms + HOUR_MS).mint is not None for t in tokens]
    assert sum(first) > sum(later) > 5
    assert all(early or not late for early, late in zip(first, later, strict=True))


async def test_wash_traded_tokens_have_few_traders_of_many_trades() -> None:
    washed = next(
        t
        for t in DEMO.listed["solana"]
        if t.washed and DEMO.at(NOON).states(t)[0].flows["h24"].trades > 500
    )
    async with replay(tokens=500) as it:
        (item,) = await it.get(f"/jupiter/tokens/v2/search?query={washed.address}")
        body = await it.get(f"{GECKO}/networks/solana/tokens/{washed.address}/pools")
    assert item["stats24h"]["numTraders"] < 12
    assert item["organicScore"] < 10
    assert "isSus" in item["audit"]
    windows = body["data"][0]["attributes"]["transactions"]
    assert set(windows) == set(WINDOW_MS)
    assert windows["h24"]["buyers"] < 12 < windows["h24"]["buys"]


async def test_only_what_is_paid_for_is_boosted() -> None:
    async with replay(tokens=500) as it:
        listed = await it.get("/dexscreener/token-boosts/top/v1")
        shown = 0
        for boost in listed:
            path = f"/dexscreener/tokens/v1/{boost['chainId']}/{boost['tokenAddress']}"
            for pair in await it.get(path):
                assert pair["boosts"]["active"] == boost["totalAmount"]
                shown += 1
    assert shown > 15


async def test_geckoterminal_escapes_names_for_html() -> None:
    async with replay(tokens=2000) as it:
        path = f"{GECKO}/networks/solana/new_pools?include=base_token&page="
        bodies = [await it.get(f"{path}{page}") for page in range(1, 11)]
    names = [item["attributes"]["name"] for body in bodies for item in body["included"]]
    assert any("&amp;" in name for name in names)
    assert any("&#39;" in name for name in names)
    assert not any("'" in name for name in names)
