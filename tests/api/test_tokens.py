"""`GET /tokens/{chain}/{address}`."""

from __future__ import annotations

import msgspec
import pytest

from services.api.tokens import describe
from shared.merge.policy import MergeRules
from shared.merge.readings import encode_source_reading, merge_reading
from shared.model import PoolReading, Reading
from tests.testkit.api import Start
from tests.testkit.commits import Writer, row

SEEN_MS = 1_790_000_000_000


async def test_a_token_comes_with_its_sources_and_its_pools(writer: Writer, start: Start) -> None:
    reading = Reading(
        chain="solana",
        token_address="Token00001",
        observed_ms=SEEN_MS,
        price=1.5,
        pools=(PoolReading(pool_address="Pool1", price=1.5, liquidity=2_000.0),),
    )
    stored = encode_source_reading(merge_reading(None, reading))
    token = row(1)
    await writer.begin()
    version = await writer.commit([token], readings={token["id"]: {"dexscreener": stored}})
    served = await start()

    answer = await served.client.get("/tokens/SOLANA/Token00001")

    assert answer.status_code == 200
    content = answer.json()
    assert (content["epoch"], content["version"]) == ("e1", version)
    assert content["token"] == token | {"rv": version}
    of_source = content["readings"]["dexscreener"]
    assert of_source["observed_ms"] == SEEN_MS
    assert of_source["age_ms"] > 0
    assert of_source["fields"]["price"]["value"] == 1.5
    (pool,) = content["pools"]
    assert (pool["source"], pool["pool_address"], pool["liquidity"]) == (
        "dexscreener",
        "Pool1",
        2_000.0,
    )
    assert pool["age_ms"] == of_source["age_ms"]
    assert (pool["role"], pool["adds"]) == ("price", True)
    assert pool["why"] == "the deepest pool by what is traded (1,000 USD): its price is the token's"
    explained = content["explanation"]["price"]
    assert (explained["value"], explained["source"], explained["pool"]) == (
        1.5,
        "dexscreener",
        "Pool1",
    )
    assert explained["age_ms"] == of_source["age_ms"]


async def test_a_copy_of_a_ticker_is_explained_among_its_flags(
    writer: Writer, start: Start
) -> None:
    reading = Reading(
        chain="solana", token_address="Token00001", observed_ms=SEEN_MS, price=1.5, boosts=10
    )
    stored = encode_source_reading(merge_reading(None, reading))
    token = row(1) | {"flags": ["boosted", "copycat"]}
    await writer.begin()
    await writer.commit([token], readings={token["id"]: {"dexscreener": stored}})
    served = await start()

    answer = await served.client.get("/tokens/solana/Token00001")

    explained = answer.json()["explanation"]["flags"]
    assert explained["value"] == ["boosted", "copycat"]
    assert explained["rule"] == (
        "copycat: another row of this ticker is older or more liquid; boosted: dexscreener"
    )


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("solana/Nobody", 404, "unknown_token"),
        ("so%20lana/Abc", 400, "bad_chain"),
        ("solana/a%20b", 400, "bad_address"),
        ("solana/%ff", 400, "bad_address"),
        ("solana/%00", 400, "bad_address"),
        ("solana/" + "A" * 257, 400, "bad_address"),
        ("solana/a%2Fb", 400, "bad_address"),
        ("osmosis/a%2F..%2Fb", 400, "bad_address"),
        ("solana/", 400, "bad_address"),
        ("solana/Token00001?x=1", 400, "unknown_parameter"),
    ],
)
async def test_what_is_no_token_is_a_problem(
    writer: Writer, start: Start, path: str, status: int, code: str
) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    served = await start()

    answer = await served.client.get(f"/tokens/{path}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(answer.content) <= 1_024


@pytest.mark.parametrize(
    ("ident", "paths"),
    [
        (
            "osmosis:ibc/" + "AB" * 32,
            ["osmosis/ibc%2F" + "AB" * 32, "osmosis/ibc/" + "ab" * 32, "osmo/ibc/" + "AB" * 32],
        ),
        (
            "osmosis:factory/osmo1xyz/alloyed/allTOK",
            [
                "osmosis/factory/osmo1xyz/alloyed/allTOK",
                "osmosis/factory%2Fosmo1xyz/alloyed/allTOK",
            ],
        ),
        (
            "ton:EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
            [
                "ton/UQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_p0p",
                "ton/EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id%2FsDs",
                "ton/0:b113a994b5024a16719f69139328eb759596c38a25f59028b146fecdc3621dfe",
            ],
        ),
        (
            "sui:0x2::lp::LP<0x2::a::A,0x3::b::B>",
            ["sui-network/0x02::lp::LP%3C0x2::a::A,%200x03::b::B%3E"],
        ),
    ],
)
async def test_any_spelling_of_an_address_finds_its_token(
    writer: Writer, start: Start, ident: str, paths: list[str]
) -> None:
    await writer.begin()
    await writer.commit([row(1) | {"id": ident}])
    served = await start()

    answers = [await served.client.get(f"/tokens/{path}") for path in paths]

    assert [answer.status_code for answer in answers] == [200] * len(paths)


def test_a_reading_that_cannot_be_read_does_not_hide_the_others() -> None:
    good = b'{"fields":{"price":[1.5,1000]},"pools":{}}'
    stored = {"bad": b"{", "good": good, "worse": b"\xff"}

    shown = msgspec.json.decode(msgspec.json.encode(describe(stored, 3_000, MergeRules())))

    assert shown["readings"] == {
        "good": {
            "observed_ms": 1_000,
            "age_ms": 2_000,
            "fields": {"price": {"value": 1.5, "observed_ms": 1_000, "age_ms": 2_000}},
        }
    }
    assert shown["explanation"]["price"]["source"] == "good"
    assert shown["pools"] == []
