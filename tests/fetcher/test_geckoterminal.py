"""Every recorded GeckoTerminal body, read as the fetcher reads it."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from services.fetcher.source import ParsedBody
from services.fetcher.sources.geckoterminal import read_page, tokens_call
from shared.errors import MalformedBody
from shared.model import PoolReading, Reading
from tests.testkit.recordings import figures, recorded, the_pool, the_reading

AT = 1_700_000_000_000


def page_of(name: str) -> ParsedBody:
    return read_page(recorded("geckoterminal", name), AT)


# -- the recordings -------------------------------------------------------------------------------
def test_tokens_by_address_are_token_wide_and_bring_their_pools() -> None:
    page = page_of("tokens-multi_solana_docs-example_2026-06")

    assert page.refused == {}
    assert tuple(map(figures, page.readings)) == (
        Reading(
            chain="solana",
            token_address="6p6xgHyF7AeE6TZkSmFsko444wqoP15icUSqi2jfGiPN",
            observed_ms=AT,
            token_name="OFFICIAL TRUMP",
            token_ticker="TRUMP",
            price=2.0174050182,
            market_cap=478960276.377951,
            fdv=2017403219.4789,
            liquidity=38853273.6350283264,
            volume_24h=2099707.5067169,
            pools=(
                PoolReading(
                    pool_address="9d9mb8kooFfaD3SctgZtkxQypkshx6ezhbKio89ixyy2",
                    protocol="meteora",
                    created_ms=1737196771000,
                    price=2.01740501818281139,
                    liquidity=34848559.9613,
                    market_cap=478960276.377951,
                    fdv=2017403219.49608,
                    volume_5m=0,
                    volume_1h=22383.1305344185,
                    volume_6h=149655.009727483,
                    volume_24h=524824.856290105,
                    price_change_5m=0,
                    price_change_1h=0.023,
                    price_change_6h=0.217,
                    price_change_24h=-0.584,
                    transactions_5m=0,
                    transactions_1h=32,
                    transactions_6h=151,
                    transactions_24h=579,
                    buys_24h=252,
                    sells_24h=327,
                ),
            ),
        ),
        Reading(
            chain="solana",
            token_address="2g4LS3y2myPe6vj9wTvoBE1wKqxvhnZPoZA9QU9upump",
            observed_ms=AT,
            token_name="SORACAT",
            token_ticker="SORACAT",
            price=None,
            market_cap=None,
            fdv=None,
            liquidity=5234.61248798976042,
            volume_24h=0,
        ),
    )


def test_a_token_without_price_may_have_a_market_cap() -> None:
    page = page_of("tokens_eth-latoken_2026-01")

    assert tuple(map(figures, page.readings)) == (
        Reading(
            chain="ethereum",
            token_address="0xe50365f5d679cb98a1dd62d6f6e58e59321bcddf",
            observed_ms=AT,
            token_name="LAToken",
            token_ticker="LAToken",
            price=None,
            market_cap=13935293.8718526,
            fdv=None,
            liquidity=26809.363965104,
            volume_24h=0,
        ),
    )


def test_in_an_answer_about_one_token_another_tokens_pool_loses_the_requested_tokens_figures() -> (
    None
):
    page = page_of("tokens_solana-usd1_2025-11-07")
    usd1 = the_reading(page, "USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB")
    one = the_reading(page, "GMvCfcZg8YvkkQmwDaAzCtHDrrEtgE74nQpQ7xNabonk")

    assert (usd1.price, usd1.market_cap) == (1.0013523439, 2931667386.81036)
    assert [pool.pool_address for pool in usd1.pools] == [
        "AQAGYQsdU853WAKhXM79CgNdoyhrRwXvYHX6qrDyC1FS",
        "BCDdHonby65iduz3Ev3c9v5XjNkzyu5e56KRFHpBM4T9",
    ]
    # As sent, this pool has the market cap (2.9 billion), fdv and changes of USD1, its quote side.
    assert one == Reading(
        chain="solana",
        token_address="GMvCfcZg8YvkkQmwDaAzCtHDrrEtgE74nQpQ7xNabonk",
        observed_ms=AT,
        token_ticker="1",
        pools=(
            PoolReading(
                pool_address="6sEkZ73vph5AFYmQTzaV6H5vAQQLZ2C8WqeCQ6MhLqFk",
                protocol="raydium",
                created_ms=1758148287000,
                price=0.02337649490908179612,
                liquidity=888501.744,
                volume_5m=8595.260978721,
                volume_1h=87558.1469410525,
                volume_6h=428262.149076218,
                volume_24h=1774363.53040024,
                transactions_5m=32,
                transactions_1h=369,
                transactions_6h=1611,
                transactions_24h=6675,
                buys_24h=3090,
                sells_24h=3585,
            ),
        ),
    )


def test_pools_of_one_requested_token_are_read_the_same_way() -> None:
    page = page_of("tokens-pools_eth-weth_2024-05-13")
    link = the_reading(page, "0x514910771af9ca656af840dff83e8264ecf986ca")
    weth = the_pool(page, "0x0d4a11d5eeaac28ec3f61d100daf4d40471f1852")
    (pool,) = link.pools

    assert (len(page.readings), page.refused) == (12, {})
    assert (link.chain, link.token_ticker, link.token_name) == ("ethereum", "LINK", UNSET)
    assert (pool.price, pool.liquidity) == (13.4857958256569, 23912590.9988)
    assert (pool.fdv, pool.price_change_24h, pool.transactions_24h) == (None, None, 212)
    assert (weth.price, weth.fdv, weth.price_change_24h) == (2957.33492289341, 9170782118, 0.82)


def test_a_price_of_nan_elsewhere_in_the_record_does_no_harm() -> None:
    page = page_of("new_pools_solana_nan_2025-09")

    assert (len(page.readings), page.refused) == (20, {})
    assert the_reading(page, "huGbvMBsED85Z2P2S5bkiJkRbL7RSaqzd1iZ39qpump") == Reading(
        chain="solana",
        token_address="huGbvMBsED85Z2P2S5bkiJkRbL7RSaqzd1iZ39qpump",
        observed_ms=AT,
        token_name="GREG",
        token_ticker="GREG",
        pools=(
            PoolReading(
                pool_address="HwXZkhyeGPaLurvrkM29rFrVYomih5M6kfJZtw5PGTBg",
                protocol="pump-fun",
                created_ms=1757382131000,
                price=0.0000566673284218277368707532612867,
                liquidity=0,
                volume_5m=7662.1937296048,
                volume_1h=7662.1937296048,
                volume_6h=7662.1937296048,
                volume_24h=7662.1937296048,
                price_change_5m=93.594,
                price_change_1h=93.594,
                price_change_6h=93.594,
                price_change_24h=93.594,
                transactions_5m=20,
                transactions_1h=20,
                transactions_6h=20,
                transactions_24h=20,
                buys_24h=20,
                sells_24h=0,
            ),
        ),
    )


def test_a_negative_reserve_is_unknown() -> None:
    page = page_of("new_pools_eth_docs-example_2026-06")
    goslings = the_reading(page, "0xd4c24d1172813702439ab03b914a7c6e1c65b110")
    (pool,) = goslings.pools

    assert (goslings.token_name, goslings.token_ticker) == ("Justice for Goslings", "GOSLINGS")
    assert (pool.liquidity, pool.fdv, pool.market_cap) == (None, 46060.39188, None)
    assert (pool.price, pool.protocol) == (0.0000462785114387554, "uniswap-v4-ethereum")
    assert (pool.price_change_24h, pool.volume_24h) == (46.095, 1522.0126601069)


def test_a_network_name_with_an_underscore_is_split_off_whole() -> None:
    page = page_of("new_pools_all-networks_2024-05-13")
    bonk = the_reading(page, "0x9eda15d065a836529382f882abcba86e27531d12")
    (pool,) = bonk.pools

    assert (len(page.readings), page.refused) == (20, {})
    assert {each.chain for each in page.readings} == {
        "base", "bsc", "ethereum", "polygon", "solana",
    }  # fmt: skip
    assert (bonk.chain, bonk.token_ticker) == ("polygon", "BONK")
    assert pool.pool_address == "0xf540c2b9a9529662842c46b7a4b427c2a5e4fd68"
    assert (pool.price, pool.liquidity) == (4.00524041629832e-10, 7.3751)
    assert (pool.transactions_24h, pool.transactions_6h, pool.created_ms) == (
        5,
        None,
        1715612894000,
    )


def test_trending_pools_over_all_networks_come_with_names() -> None:
    page = page_of("trending_pools_all-networks_docs-example_2026-06")
    gitlawb = the_reading(page, "0x5f980dcfc4c0fa3911554cf5ab288ed0eb13dba3")
    (pool,) = gitlawb.pools

    assert (gitlawb.chain, gitlawb.token_name, gitlawb.token_ticker) == (
        "base", "gitlawb", "GITLAWB",
    )  # fmt: skip
    assert (pool.price, pool.market_cap) == (0.0000738759066917531, 7387590.669)
    assert (pool.price_change_24h, pool.buys_24h, pool.sells_24h) == (-30.893, 1827, 1119)


def test_without_included_names_the_ticker_comes_from_the_pools_name() -> None:
    page = page_of("trending_pools_solana_2025-11-07")
    pengu = the_reading(page, "2zMMhcVQEXDtdE6vsFS7S7D5oUodfJHE8vd1gnBouauv")
    sol = the_reading(page, "So11111111111111111111111111111111111111112")
    (pool,) = sol.pools

    assert (len(page.readings), page.refused) == (20, {})
    assert (pengu.token_name, pengu.token_ticker) == (UNSET, "PENGU")
    assert (pool.price, pool.market_cap) == (151.518709868456984, 1925888869.05475)
    assert (pool.liquidity, pool.transactions_24h) == (42163221.2236, 73083)


def test_pools_by_address_are_read_like_lists() -> None:
    page = page_of("pools-multi_eth_docs-example_2026-06")
    pool = the_pool(page, "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640")

    assert (pool.price, pool.liquidity) == (2087.84394126108, 99172790.7747)
    assert (pool.market_cap, pool.fdv) == (4714036496.09939, 4706853532.94868)
    assert (pool.volume_24h, pool.transactions_24h) == (126282664.514509, 4852)


def test_the_windows_of_the_old_schema_are_unknown() -> None:
    page = page_of("pools_eth_2023-07")
    pepe = the_pool(page, "0x076a3e1500f3110d8f4445d396a3d7ca6d0ca269")

    assert (sum(len(each.pools) for each in page.readings), page.refused) == (20, {})
    assert (pepe.price, pepe.market_cap, pepe.fdv) == (4.20187699799945e-8, 24565072, 17676876)
    assert (pepe.volume_5m, pepe.volume_24h) == (None, 8309815.5254879138)
    assert (pepe.price_change_6h, pepe.price_change_24h) == (None, -51.9)
    assert (pepe.transactions_24h, pepe.created_ms) == (3642, 1687902563000)


def test_a_pool_whose_age_is_null_has_none() -> None:
    page = page_of("dexes-pools_eth-sushiswap_2023-07")
    sushi = the_pool(page, "0x795065dcc9f64b5614c407a6efdc400da6221fb0")

    assert (sum(len(each.pools) for each in page.readings), page.refused) == (20, {})
    assert (sushi.price, sushi.protocol, sushi.created_ms) == (0.704039776575929, "sushiswap", None)
    assert (sushi.market_cap, sushi.transactions_24h) == (121699990, 64)


def test_rugged_pools_keep_cents_of_liquidity_and_unknown_reserves() -> None:
    page = page_of("pools_solana_rugged_first8_2026-10-08")

    assert (len(page.readings), page.refused) == (7, {})
    assert the_pool(page, "A7cJ8yHXpkgPSGG31TAgvqjgx7AfrXNtsMZSZAxsYw3m").liquidity == 0.0115
    assert the_pool(page, "8sjV1AqBFvFuADBCQHhotaRq5DFFYSjjg1jMyVWMqXvZ").liquidity is None
    assert the_pool(page, "7DvJmm1mAsDWjrBUeAsiDvSPZVLBTCezYtATCXdBpQiR").liquidity == 397100.1128


def test_metadata_gives_names_and_nothing_else() -> None:
    page = page_of("tokens_info_recently_updated_solana_2025-09")

    assert (len(page.readings), page.refused) == (100, {})
    assert figures(page.readings[0]) == Reading(
        chain="solana",
        token_address="SW1TCHLmRGTfW5xZknqQdpdarB8PD95sJYWpNp9TbFx",
        observed_ms=AT,
        token_name="Switchboard",
        token_ticker="SWTCH",
    )


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("networks_2025-11-07", 100),
        ("ohlcv_15m_2025-08", 1),
        ("simple-token_price_eth_docs-example_2026-06", 1),
    ],
)
def test_records_that_are_neither_pools_nor_tokens_are_refused_by_type(
    name: str, records: int
) -> None:
    assert page_of(name) == ParsedBody((), (), {"type": records})


# -- what may come --------------------------------------------------------------------------------
def pool(**attributes: object) -> dict[str, object]:
    return {
        "id": "eth_0xaaaa",
        "type": "pool",
        "attributes": {"address": "0xaaaa", "name": "WETH / PEPE 0.3%", **attributes},
        "relationships": {
            "base_token": {"data": {"id": "eth_0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"}},
            "quote_token": {"data": {"id": "eth_0xbbbb"}},
        },
    }


def test_a_quote_side_token_takes_its_own_price_and_its_part_of_the_name() -> None:
    record = pool(
        base_token_price_usd="2000",
        quote_token_price_usd="0.5",
        fdv_usd="7",
        price_change_percentage={"h24": "3"},
        transactions={"h24": {"buys": 1, "sells": 4}},
    )

    (reading,) = read_page(msgspec.json.encode({"data": [record]}), AT).readings

    assert (reading.token_address, reading.token_ticker) == ("0xbbbb", "PEPE")
    assert reading.pools == (
        PoolReading(
            pool_address="0xaaaa",
            side="quote",
            price=0.5,
            transactions_24h=5,
            buys_24h=4,
            sells_24h=1,
        ),
    )


def test_bad_records_are_refused_alone() -> None:
    records = [
        pool(),
        pool(address="other"),
        {"id": "eth_0xaaaa", "type": "pool"},
        {"id": "x"},
        7,
        {"id": "eth_x", "type": "token", "attributes": {"address": "y"}},
        {"id": "e h_x", "type": "token", "attributes": {"address": "x"}},
        {"id": "eth_a/b", "type": "token", "attributes": {"address": "a/b"}},
    ]

    page = read_page(msgspec.json.encode({"data": records}), AT)

    assert len(page.readings) == 1
    assert page.refused == {"id": 2, "shape": 3, "chain": 1, "address": 1}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":', b'{"data":[' + b"[" * 10_000])
def test_a_body_without_data_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_page(body, AT)


@pytest.mark.parametrize("body", [b'{"data":null}', b'{"data":5}'])
def test_data_that_is_no_record_is_refused(body: bytes) -> None:
    assert read_page(body, AT).refused == {"shape": 1}


def test_calls_name_the_network_as_the_source_does() -> None:
    call = tokens_call("ethereum", ["0xa", "0xb"])

    assert call.path == "/networks/eth/tokens/multi/0xa,0xb"
    assert call.query == (("include", "top_pools"),)


def test_a_pool_name_of_one_part_gives_no_ticker() -> None:
    (reading,) = read_page(msgspec.json.encode({"data": [pool(name="odd")]}), AT).readings

    assert reading.token_ticker is UNSET


def test_a_pool_of_an_impossible_network_is_refused() -> None:
    record = {**pool(), "id": "e h_0xaaaa"}

    assert read_page(msgspec.json.encode({"data": record}), AT).refused == {"chain": 1}
