"""Each answer has the fields and the JSON types of the recordings, for generated tokens too."""

from __future__ import annotations

from typing import Any

from services.replay.routes import load_payloads
from tests.testkit.replay import Shape, misfits, replay, shape_of

RECORDED = load_payloads()
NONE: frozenset[str] = frozenset()
# Documented without being in a recording.
SOCIALS = frozenset({".info.socials.[].platform", ".info.socials.[].handle"})
GECKO = "/geckoterminal/api/v2"
USD1 = "USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB"


def recorded(name: str) -> Any:  # noqa: ANN401 - JSON
    return RECORDED[name]


def recorded_pairs() -> list[Any]:
    bodies = [
        recorded("dexscreener/latest-dex-search_usd1_2025-11-06.json")["pairs"],
        recorded("dexscreener/latest-dex-tokens_solana-usd1_2025-11-06.json")["pairs"],
        recorded("dexscreener/token-pairs-v1_solana-usd1_2025-11-06.json"),
        recorded("dexscreener/tokens-v1_solana-rugged-dead-pairs_2026-10-08.json"),
    ]
    return [pair for body in bodies for pair in body]


def pair_shape() -> Shape:
    """The shape of recorded pairs; a social is `{type, url}` or, as documented, otherwise."""
    shape = shape_of(recorded_pairs())
    shape.fields["info"].fields["socials"].fields["[]"].always = set()
    return shape


def pool_shape() -> Shape:
    """The shape of recorded pools, with the recorded way of a token along its curve."""
    shape = shape_of(recorded_pools())
    multi = recorded("geckoterminal/tokens-multi_solana_docs-example_2026-06.json")
    (climbing,) = (t for t in multi["data"] if "launchpad_details" in t["attributes"])
    details = shape_of([climbing["attributes"]["launchpad_details"]])
    for name in ("completed_at", "migrated_destination_pool_address"):
        details.fields[name].types.add("string")
    shape.fields["attributes"].fields["launchpad_details"] = details
    return shape


def recorded_pools() -> list[Any]:
    names = (
        "new_pools_solana_nan_2025-09",
        "new_pools_eth_docs-example_2026-06",
        "trending_pools_solana_2025-11-07",
        "trending_pools_all-networks_docs-example_2026-06",
        "pools_solana_rugged_first8_2026-10-08",
    )
    return [pool for name in names for pool in recorded(f"geckoterminal/{name}.json")["data"]]


async def test_tokens_v1_is_a_bare_list_of_pairs_as_recorded() -> None:
    async with replay(tokens=2000) as it:
        profiles = await it.get("/dexscreener/token-profiles/latest/v1")
        mints = [p["tokenAddress"] for p in profiles if p["chainId"] == "solana"]
        pairs = await it.get(f"/dexscreener/tokens/v1/solana/{','.join(mints)}")
    assert len(pairs) > 5
    assert misfits(shape_of(pairs), pair_shape(), known=SOCIALS) == []


async def test_token_pairs_has_pools_of_both_sides_and_at_most_thirty() -> None:
    async with replay() as it:
        pairs = await it.get(f"/dexscreener/token-pairs/v1/solana/{USD1}")
    assert len(pairs) == 30
    assert {pair["baseToken"]["symbol"] == "USD1" for pair in pairs} == {True, False}
    assert misfits(shape_of(pairs), pair_shape(), known=SOCIALS) == []


async def test_search_and_latest_tokens_wrap_their_pairs() -> None:
    async with replay(tokens=500) as it:
        found = await it.get("/dexscreener/latest/dex/search?q=usd1")
        latest = await it.get(f"/dexscreener/latest/dex/tokens/{USD1}")
        nothing = await it.get("/dexscreener/latest/dex/tokens/unknown")
    theirs = shape_of([recorded("dexscreener/latest-dex-search_usd1_2025-11-06.json")])
    theirs.fields["pairs"].fields["[]"] = pair_shape()
    known = frozenset(f".pairs.[]{place}" for place in SOCIALS)
    assert misfits(shape_of([found, latest]), theirs, known=known) == []
    assert nothing == {"schemaVersion": "1.0.0", "pairs": None}


async def test_profiles_and_boosts_are_as_recorded() -> None:
    async with replay(tokens=2000) as it:
        profiles = await it.get("/dexscreener/token-profiles/latest/v1")
        boosts = await it.get("/dexscreener/token-boosts/latest/v1")
        top = await it.get("/dexscreener/token-boosts/top/v1")
    their_profiles = recorded("dexscreener/token-profiles-latest-v1_2025-11-06.json")
    their_boosts = recorded("dexscreener/token-boosts-latest-v1_2025-11-06.json")
    links = frozenset({".links.[].label"})  # boosts of that day had none
    assert misfits(shape_of(boosts), shape_of(their_boosts), known=links) == []
    # Of profiles, generated ones may lack the icon, as boosts do.
    assert misfits(shape_of(profiles), shape_of(their_profiles), known=NONE) in (
        [],
        [".icon is absent"],
    )
    assert {len(profiles), len(boosts), len(top)} == {30}
    assert all("amount" not in boost and boost["totalAmount"] > 0 for boost in top)


async def test_jupiter_items_are_as_recorded() -> None:
    async with replay(tokens=2000) as it:
        items = [
            *await it.get("/jupiter/tokens/v2/toptraded/24h?limit=100"),
            *await it.get("/jupiter/tokens/v2/recent"),
            *await it.get("/jupiter/tokens/v2/search?query=bonk"),
        ]
    theirs = shape_of(recorded("jupiter/tokens-v2-search_bonk-wif-popcat_2026-09-18.json"))
    # Documented as absent, null or only there when it matters; the three recorded are blue chips.
    optional = {"fdv", "mcap", "usdPrice", "priceBlockId", "liquidity", "isVerified"}
    stats = {"stats5m", "stats1h", "stats6h", "stats24h"}
    theirs.always = (theirs.always or set()) - optional - stats
    audit = theirs.fields["audit"]
    audit.always = (audit.always or set()) - {"mintAuthorityDisabled", "freezeAuthorityDisabled"}
    for name in stats:
        theirs.fields[name].always = set()
    known = frozenset(
        {".launchpad", ".graduatedAt", ".graduatedPool", ".mintAuthority", ".freezeAuthority"}
        | {".audit.isSus", ".icon", ".website", ".twitter", ".telegram"}
    )
    assert misfits(shape_of(items), theirs, known=known) == []


async def test_jupiter_prices_are_numbers_and_unknown_mints_are_omitted() -> None:
    bonk = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
    sol = "So11111111111111111111111111111111111111112"
    async with replay() as it:
        prices = await it.get(f"/jupiter/price/v3?ids={bonk},{sol},unknown")
    theirs = recorded("jupiter/price-v3_btc-eth-sol_2026-08.json")
    assert set(prices) == {bonk, sol}
    assert misfits(shape_of(prices.values()), shape_of(theirs.values()), known=NONE) == []


async def test_geckoterminal_pools_are_as_recorded_with_every_figure_a_string() -> None:
    paths = ("trending_pools", "new_pools", "solana/new_pools", "base/trending_pools", "eth/pools")
    async with replay(tokens=2000) as it:
        bodies = [await it.get(f"{GECKO}/networks/{path}") for path in paths]
    pools = [pool for body in bodies for pool in body["data"]]
    assert {len(body["data"]) for body in bodies} == {20}
    assert {tuple(body) for body in bodies} == {("data",)}  # nothing included unless requested
    assert misfits(shape_of(pools), pool_shape(), known=NONE) == []
    assert {p["attributes"]["market_cap_usd"] is None for p in pools} == {True, False}
    assert {p["id"].rsplit("_", 1)[0] for p in pools} >= {"eth", "base", "solana"}


async def test_geckoterminal_includes_what_is_requested() -> None:
    async with replay(tokens=2000) as it:
        path = f"{GECKO}/networks/solana/new_pools?include=base_token,quote_token,dex"
        body = await it.get(path)
    theirs = shape_of([recorded("geckoterminal/new_pools_solana_nan_2025-09.json")])
    theirs.fields["data"].fields["[]"] = pool_shape()
    assert misfits(shape_of([body]), theirs, known=NONE) == []
    named = {item["id"] for item in body["included"]}
    assert all(p["relationships"]["base_token"]["data"]["id"] in named for p in body["data"])


async def test_geckoterminal_tokens_are_as_recorded() -> None:
    async with replay(tokens=2000) as it:
        fresh = await it.get("/jupiter/tokens/v2/recent")
        mints = ",".join(item["id"] for item in fresh)
        multi = await it.get(f"{GECKO}/networks/solana/tokens/multi/{mints}?include=top_pools")
        one = await it.get(f"{GECKO}/networks/solana/tokens/{USD1}?include=top_pools")
    theirs = shape_of([recorded("geckoterminal/tokens-multi_solana_docs-example_2026-06.json")])
    theirs.fields["included"].fields["[]"] = pool_shape()
    theirs.fields["data"].fields["[]"].fields["attributes"].fields["launchpad_details"] = (
        pool_shape().fields["attributes"].fields["launchpad_details"]
    )
    known = frozenset({".data.[].attributes.image_url"})  # null in other recordings
    assert misfits(shape_of([multi]), theirs, known=known) == []
    their_one = recorded("geckoterminal/tokens_solana-usd1_2025-11-07.json")
    assert misfits(shape_of([one["data"]]), shape_of([their_one["data"]]), known=NONE) == []
    priceless = [item for item in multi["data"] if item["attributes"]["price_usd"] is None]
    assert priceless
    assert all("launchpad_details" in item["attributes"] for item in priceless)
    assert all(item["relationships"]["top_pools"]["data"] == [] for item in priceless)


async def test_cross_prices_are_the_string_nan_now_and_then() -> None:
    async with replay(tokens=2000) as it:
        pages = [
            await it.get(f"{GECKO}/networks/solana/new_pools?page={page}") for page in range(1, 11)
        ]
    prices = [p["attributes"]["base_token_price_native_currency"] for b in pages for p in b["data"]]
    assert 1 <= prices.count("NaN") <= len(prices) // 10
