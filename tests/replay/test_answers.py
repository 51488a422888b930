"""What the endpoints answer: limits, quirks, one market behind three APIs."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from html import unescape
from statistics import median

import httpx
import pytest
from starlette.routing import Mount

from services.replay.app import build_app, run
from services.replay.market.market import Market
from services.replay.routes import load_payloads
from services.replay.settings import ReplaySettings
from shared.errors import CannotListen
from shared.quotes import is_quote_asset
from shared.sources import POLLED
from tests.testkit.process import free_port
from tests.testkit.replay import NOON, SLOWNESS, Replay, replay
from tests.testkit.wait import eventually

GECKO = "/geckoterminal/api/v2"
USD1 = "USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB"
TALUS = "Dc26VNVhXVSZXGmCR92yTMhQx6ZygLz5NLMv9zSyg6Fp"


async def mints_of(it: Replay, count: int) -> list[str]:
    items = await it.get("/jupiter/tokens/v2/toptraded/24h?limit=100")
    return [item["id"] for item in items][:count]


async def test_health_says_that_the_market_is_replayed() -> None:
    async with replay(tokens=500, seed=7) as it:
        assert await it.get("/health") == {
            "status": "ok",
            "replay": True,
            "seed": 7,
            "tokens": 500,
            "calls": {},
        }


def test_it_stands_in_for_each_source_that_is_declared_as_replayed() -> None:
    routes = build_app(ReplaySettings(replay_tokens=1), lambda: NOON).routes

    mounted = {route.path.split("/")[1] for route in routes if isinstance(route, Mount)}
    assert mounted == {name for name, each in POLLED.items() if each.replayed}


async def test_health_reports_how_often_each_api_was_called() -> None:
    async with replay(tokens=10) as it:
        await it.get("/dexscreener/token-boosts/top/v1")
        await it.get("/dexscreener/token-boosts/latest/v1")
        await it.get("/geckoterminal/api/v2/networks/trending_pools")
        assert (await it.get("/health"))["calls"] == {
            "dexscreener/token-boosts": 2,
            "geckoterminal/networks": 1,
        }


async def test_one_token_is_the_same_in_all_three() -> None:
    # Not on the hour: trading may have begun again within GeckoTerminal's lag.
    async with replay(tokens=1000, now_ms=NOON + 7 * 60_000) as it:
        mints = await mints_of(it, 30)
        pairs = await it.get(f"/dexscreener/tokens/v1/solana/{','.join(mints)}")
        prices = await it.get(f"/jupiter/price/v3?ids={','.join(mints)}")
        body = await it.get(f"{GECKO}/networks/solana/tokens/multi/{','.join(mints)}")
    gecko = {item["attributes"]["address"]: item["attributes"] for item in body["data"]}
    compared = 0
    for pair in pairs:
        mint = pair["baseToken"]["address"]
        if mint in prices and gecko.get(mint, {}).get("price_usd"):
            seen = (pair["priceUsd"], prices[mint]["usdPrice"], gecko[mint]["price_usd"])
            assert len(set(map(str, seen))) == 3
            assert [float(p) for p in seen] == pytest.approx(
                [prices[mint]["usdPrice"]] * 3, rel=0.05
            )
            assert pair["baseToken"]["name"] == unescape(gecko[mint]["name"])
            compared += 1
    assert compared > 15


async def test_a_pool_has_the_same_address_in_dexscreener_and_geckoterminal() -> None:
    async with replay(tokens=1000) as it:
        body = await it.get(f"{GECKO}/networks/base/trending_pools")
        link = body["data"][0]["relationships"]
        sides = [
            link[f"{side}_token"]["data"]["id"].removeprefix("base_") for side in ("base", "quote")
        ]
        token = next(a for a in sides if a != "0x4200000000000000000000000000000000000006")
        pairs = await it.get(f"/dexscreener/token-pairs/v1/base/{token}")
        pools = await it.get(f"{GECKO}/networks/base/tokens/{token}/pools")
    theirs = {pair["pairAddress"].lower() for pair in pairs}
    assert theirs == {pool["attributes"]["address"] for pool in pools["data"]}
    assert body["data"][0]["attributes"]["address"] in theirs
    assert all("token_price_usd" in pool["attributes"] for pool in pools["data"])


async def test_evm_addresses_are_mixed_case_in_dexscreener_and_found_in_any() -> None:
    async with replay(tokens=1000) as it:
        profiles = await it.get("/dexscreener/token-profiles/latest/v1")
        address = next(p["tokenAddress"] for p in profiles if p["chainId"] == "bsc")
        upper = await it.get(f"/dexscreener/token-pairs/v1/bsc/{address}")
        lower = await it.get(f"/dexscreener/token-pairs/v1/bsc/{address.lower()}")
    assert address != address.lower()
    assert upper == lower
    assert upper[0]["url"] == upper[0]["url"].lower()


async def test_several_chains_are_on_the_first_lists() -> None:
    async with replay(tokens=500) as it:
        profiles = await it.get("/dexscreener/token-profiles/latest/v1")
        pools = await it.get(f"{GECKO}/networks/trending_pools")
    assert {p["chainId"] for p in profiles} >= {"solana", "ethereum", "base", "bsc"}
    assert len({pool["id"].rsplit("_", 1)[0] for pool in pools["data"]}) >= 2


async def test_tokens_v1_gives_one_pair_a_token_and_leaves_out_the_unknown() -> None:
    async with replay() as it:
        pairs = await it.get(f"/dexscreener/tokens/v1/solana/{USD1},{TALUS},unknown")
        nothing = await it.get("/dexscreener/tokens/v1/pulsechain/unknown")
    assert [pair["baseToken"]["address"] for pair in pairs] == [USD1, TALUS]
    assert nothing == []


async def test_a_token_without_pools_has_no_pair() -> None:
    async with replay() as it:
        usdc = "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"
        assert await it.get(f"/dexscreener/tokens/v1/polygon/{usdc}") == []


async def test_pools_of_a_bridged_asset_are_those_of_the_chain_requested() -> None:
    async with replay() as it:
        usdc = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
        weth = "0x4200000000000000000000000000000000000006"
        pairs = [
            *await it.get(f"/dexscreener/token-pairs/v1/base/{weth}"),
            *await it.get(f"/dexscreener/token-pairs/v1/base/{usdc}"),
        ]
    assert {pair["chainId"] for pair in pairs} == {"base"}


async def test_latest_tokens_has_thirty_pairs_in_the_whole_answer() -> None:
    async with replay() as it:
        mints = await mints_of(it, 28)
        body = await it.get(f"/dexscreener/latest/dex/tokens/{USD1},{','.join(mints)}")
    assert len(body["pairs"]) == 30


async def test_organic_scores_are_in_order() -> None:
    async with replay() as it:
        items = await it.get("/jupiter/tokens/v2/toporganicscore/6h")
    scores = [item["organicScore"] for item in items]
    assert scores == sorted(scores, reverse=True)


async def test_a_geckoterminal_token_has_pools_only_on_request() -> None:
    async with replay() as it:
        body = await it.get(f"{GECKO}/networks/solana/tokens/{USD1}")
    assert set(body) == {"data"}


async def test_search_for_a_quote_asset_shows_what_trades_against_it() -> None:
    async with replay(tokens=1000) as it:
        first = (await it.get("/dexscreener/latest/dex/search?q=sol"))["pairs"]
        it.clock.now_ms += 10_000
        second = (await it.get("/dexscreener/latest/dex/search?q=sol"))["pairs"]
    assert len(first) == len(second) == 30
    assert {pair["quoteToken"]["symbol"] for pair in first} >= {"SOL"}
    assert {p["pairAddress"] for p in first} != {p["pairAddress"] for p in second}


async def test_an_address_on_two_chains_is_searched_on_both() -> None:
    async with replay() as it:
        body = await it.get(
            "/dexscreener/latest/dex/tokens/0x8d0d000ee44948fc98c9b98a4fa4921476f08b0d"
        )
    assert {pair["chainId"] for pair in body["pairs"]} >= {"bsc"}


@pytest.mark.parametrize("listing", ["trending_pools", "new_pools", "pools"])
async def test_pages_follow_each_other_and_end(listing: str) -> None:
    async with replay() as it:
        path = f"{GECKO}/networks/eth/{listing}?page="
        pages = [(await it.get(f"{path}{page}"))["data"] for page in range(1, 11)]
    assert len(pages[0]) == 20
    assert len(pages[1]) == 20
    assert pages[1] != pages[0]
    assert pages[-1] == []


async def test_the_top_pools_are_by_the_volume_of_a_day() -> None:
    async with replay(tokens=1000) as it:
        body = await it.get(f"{GECKO}/networks/solana/pools")
    volumes = [float(pool["attributes"]["volume_usd"]["h24"]) for pool in body["data"]]
    assert volumes == sorted(volumes, reverse=True)


async def test_the_network_is_included_on_request() -> None:
    async with replay() as it:
        body = await it.get(f"{GECKO}/networks/trending_pools?include=network")
    networks = {item["id"] for item in body["included"] if item["type"] == "network"}
    linked = {pool["relationships"]["network"]["data"]["id"] for pool in body["data"]}
    assert linked == networks


async def test_jupiter_finds_by_text_and_leaves_prices_it_does_not_trust_out() -> None:
    async with replay(tokens=2000) as it:
        found = await it.get("/jupiter/tokens/v2/search?query=golden")
        by_mint = await it.get(f"/jupiter/tokens/v2/search?query={found[0]['id']}")
        items = [
            item
            for window in ("5m", "1h", "6h", "24h")
            for item in await it.get(f"/jupiter/tokens/v2/toptraded/{window}?limit=100")
        ]
        untrusted = [item["id"] for item in items if "usdPrice" not in item]
        prices = await it.get(f"/jupiter/price/v3?ids={','.join(untrusted[:50])}")
    assert 10 < len(found) <= 20
    assert all("golden" in item["name"].lower() for item in found)
    assert by_mint == found[:1]
    assert untrusted
    assert prices == {}


async def test_a_rugged_pool_stays_rugged() -> None:
    async with replay() as it:
        (pair,) = await it.get(f"/dexscreener/tokens/v1/solana/{TALUS}")
    assert pair["pairAddress"] == "A7cJ8yHXpkgPSGG31TAgvqjgx7AfrXNtsMZSZAxsYw3m"
    assert pair["liquidity"]["usd"] == 0


async def test_curves_have_no_liquidity_and_quiet_windows_no_change() -> None:
    async with replay(tokens=2000) as it:
        fresh = await it.get("/jupiter/tokens/v2/recent")
        older = await it.get("/jupiter/tokens/v2/toptraded/24h?limit=60")
        both = [",".join(item["id"] for item in items) for items in (fresh, older[-30:])]
        pairs = [p for ids in both for p in await it.get(f"/dexscreener/tokens/v1/solana/{ids}")]
    curves = [pair for pair in pairs if pair["dexId"] in {"pumpfun", "meteoradbc"}]
    assert curves
    assert all("liquidity" not in pair for pair in curves)
    quiet = [pair for pair in pairs if sum(pair["txns"]["m5"].values()) == 0]
    assert quiet
    assert all("m5" not in pair["priceChange"] for pair in quiet)


async def test_the_market_moves_between_two_polls() -> None:
    async with replay() as it:
        before = await it.get(f"/dexscreener/token-pairs/v1/solana/{USD1}")
        it.clock.now_ms += 60_000
        after = await it.get(f"/dexscreener/token-pairs/v1/solana/{USD1}")
    assert before != after


async def test_two_replays_of_one_seed_agree_to_the_byte() -> None:
    path = f"{GECKO}/networks/trending_pools?include=base_token,quote_token,dex"
    async with replay(tokens=500) as one, replay(tokens=500) as two, replay(seed=2) as other:
        assert (await one.client.get(path)).content == (await two.client.get(path)).content
        assert (await one.client.get(path)).content != (await other.client.get(path)).content


async def test_polling_the_profiles_finds_every_token_that_stays_and_many_newcomers() -> None:
    staying = {t.address.lower() for t in Market(1, load_payloads(), 600).listed["all"]}
    found: set[str] = set()
    async with replay(tokens=600) as it:
        for poll in range(90):
            it.clock.now_ms = NOON + poll * 10_000
            profiles = await it.get("/dexscreener/token-profiles/latest/v1")
            found |= {item["tokenAddress"].lower() for item in profiles}
    assert len(staying) == 480
    assert staying <= found
    assert len(found - staying) > 70


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/dexscreener/tokens/v1/solana/" + ",".join(f"a{n}" for n in range(31)), 400),
        ("/dexscreener/latest/dex/tokens/" + ",".join(f"a{n}" for n in range(31)), 400),
        ("/dexscreener/latest/dex/search", 400),
        ("/dexscreener/nothing", 404),
        ("/jupiter/tokens/v2/search", 400),
        ("/jupiter/price/v3?ids=" + ",".join(f"a{n}" for n in range(51)), 400),
        ("/jupiter/tokens/v2/search?query=" + ",".join(f"a{n}" for n in range(101)), 400),
        ("/jupiter/tokens/v2/toptraded/2h", 404),
        ("/jupiter/tokens/v2/toptraded/1h?limit=101", 400),
        ("/jupiter/tokens/v2/toptraded/1h?limit=x", 400),
        (f"{GECKO}/networks/nowhere/pools", 404),
        (f"{GECKO}/networks/ethereum/pools", 404),
        (f"{GECKO}/networks/eth/pools?page=11", 400),
        (f"{GECKO}/networks/eth/tokens/0xnobody", 404),
        (f"{GECKO}/networks/eth/tokens/multi/" + ",".join(f"a{n}" for n in range(31)), 400),
    ],
)
async def test_what_upstream_refuses_is_refused_in_json(path: str, status: int) -> None:
    async with replay() as it:
        answer = await it.client.get(path)
    assert answer.status_code == status
    assert set(answer.json()) & {"error", "errors", "message"}


async def test_jupiter_reports_its_rate_limit() -> None:
    async with replay() as it:
        answer = await it.client.get("/jupiter/tokens/v2/recent")
    assert answer.headers["x-ratelimit-remaining"] == "29"
    assert int(answer.headers["x-ratelimit-reset"]) == NOON // 1000 + 2


async def test_jupiter_times_have_nanoseconds() -> None:
    async with replay() as it:
        (item,) = (await it.get("/jupiter/tokens/v2/search?query=dogwifhat"))[:1]
    assert item["updatedAt"] == "2026-11-21T12:00:00.000777777Z"
    assert item["symbol"] == "$WIF"


async def test_jupiter_lists_have_the_length_requested_and_no_quote_assets() -> None:
    async with replay(tokens=1000) as it:
        items = await it.get("/jupiter/tokens/v2/toptrending/1h?limit=100")
    assert len(items) == 100
    # By address: recorded copycats call themselves SOL and USD1.
    assert not any(is_quote_asset("solana", item["id"]) for item in items)


async def test_thirty_of_twenty_thousand_are_answered_quickly() -> None:
    async with replay(tokens=20_000) as it:
        mints = ",".join(await mints_of(it, 30))
        spent = []
        for _ in range(10):
            it.clock.now_ms += 1000
            began = time.process_time()
            assert len(await it.get(f"/dexscreener/tokens/v1/solana/{mints}")) == 30
            spent.append(time.process_time() - began)
    assert median(spent) < 0.01 * SLOWNESS  # measured: 6 ms


async def test_run_serves_until_it_is_stopped() -> None:
    stop, port = asyncio.Event(), free_port()
    settings = ReplaySettings(replay_port=port, replay_latency_ms=1)
    running = asyncio.create_task(run(settings, stop))

    def listening() -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False

    assert await eventually(listening)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/health")).json()["replay"] is True
    stop.set()
    await asyncio.wait_for(running, 6)


async def test_a_taken_port_is_one_clear_error() -> None:
    port = free_port()
    async with await asyncio.start_server(lambda _, __: None, "127.0.0.1", port):
        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}"):
            await run(ReplaySettings(replay_port=port), asyncio.Event())
