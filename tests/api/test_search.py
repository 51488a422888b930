"""`GET /search`: ranking, copycats, hostile text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.search.name_index import NameIndex, parse_text
from shared.edge.http.problem import Problem
from shared.merge.names import fold, fold_ticker
from tests.testkit.api import Served, Start
from tests.testkit.commits import Writer, row

EVM = "0x" + "aB" * 20


def named(number: int, name: str | None, ticker: str | None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    made = row(number, token_name=name, token_ticker=ticker, **fields)
    return {k: v for k, v in made.items() if v is not None}


async def search(served: Served, text: str, **more: str) -> dict[str, Any]:
    answer = await served.client.get("/search", params={"q": text, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_best_match_first_then_the_most_liquid(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit(
        [
            named(1, "The Pepe Coin", "TPC", liquidity=9_000_000),
            named(2, "Whatever", "PEPE2", liquidity=5_000),
            named(3, "A frog", "PEPE", liquidity=10),
            named(4, "A toad", "$pepe", liquidity=20),
            named(5, "A newt", "Pepe", liquidity=None),
            named(6, "Pepe", "PEP", liquidity=1),
            named(7, "Popo", "POPO", liquidity=1),
        ]
    )
    served = await start()

    found = await search(served, "pepe")

    assert [(t["token_address"][-1], t["match"]) for t in found["tokens"]] == [
        ("4", "ticker"),
        ("3", "ticker"),
        ("5", "ticker"),
        ("2", "ticker_prefix"),
        ("1", "words"),
        ("6", "words"),
    ]
    assert found["total"] == 6
    assert list(found) == ["epoch", "version", "as_of_ms", "tokens", "total"]
    two = await search(served, "pepe", limit="2")
    assert two["tokens"] == found["tokens"][:2]
    assert two["total"] == 6


async def test_a_whole_address_or_id_finds_its_token_on_every_chain(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    ids = [f"{chain}:{EVM.lower()}" for chain in ("base", "ethereum")]
    rows = [row(n) | {"id": i, "chain": i.partition(":")[0]} for n, i in enumerate(ids)]
    await writer.commit([*rows, row(5)])
    served = await start()

    assert {t["id"] for t in (await search(served, EVM))["tokens"]} == set(ids)
    assert [t["id"] for t in (await search(served, f"ETH:{EVM}"))["tokens"]] == [ids[1]]
    assert [t["match"] for t in (await search(served, "Token00005"))["tokens"]] == ["address"]
    assert (await search(served, "token00005"))["total"] == 0  # not EVM: case counts


async def test_copycats_are_marked_and_never_merged(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit(
        [
            named(1, "Dog wif hat", "WIF", created_ms=1_000, liquidity=100),
            named(2, "Dog wif hat", "$WIF", created_ms=2_000, liquidity=5_000),
            named(
                3,
                "Dog wif hat",
                "\uff57\uff49\uff46",
                chain="base",
                created_ms=3_000,
                liquidity=None,
            ),
            named(4, "Dog wif hat", "WIFE", created_ms=1, liquidity=9_000),
        ]
    )
    served = await start()

    marks = {
        t["token_address"][-1]: t.get("same_ticker")
        for t in (await search(served, "dog"))["tokens"]
    }

    assert marks == {
        "1": {"count": 3, "oldest": True, "most_liquid": False},
        "2": {"count": 3, "oldest": False, "most_liquid": True},
        "3": {"count": 3, "oldest": False, "most_liquid": False},
        "4": None,
    }


async def test_a_mark_that_the_row_carries_is_left_as_it_is(writer: Writer, start: Start) -> None:
    await writer.begin()
    carried = {"count": 50, "oldest": False, "most_liquid": True}
    await writer.commit([named(1, "A", "X", same_ticker=carried), named(2, "B", "X")])
    served = await start()

    found = (await search(served, "x"))["tokens"]

    assert [t["same_ticker"]["count"] for t in found] == [50, 2]


async def test_the_index_follows_every_commit(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([named(1, "Alpha", "AAA"), named(2, "Beta", "BBB")])
    served = await start()
    assert (await search(served, "alpha"))["total"] == 1

    changes = [{"id": row(1)["id"], "token_name": "Gamma"}, named(3, "Alpha two", "CCC")]
    await served.follows(await writer.commit(changes, remove=[row(2)["id"]]))

    assert [t["token_ticker"] for t in (await search(served, "alpha"))["tokens"]] == ["CCC"]
    assert [t["token_ticker"] for t in (await search(served, "gamma"))["tokens"]] == ["AAA"]
    assert (await search(served, "bbb"))["total"] == 0


async def test_search_has_the_state_and_a_tag_and_refuses_what_it_does_not_know(
    writer: Writer, start: Start
) -> None:
    served = await start()
    assert (await served.client.get("/search?q=a")).json()["code"] == "warming"
    await writer.begin()
    version = await writer.commit([named(1, "A", "A")])
    await served.follows(version)

    answer = await served.client.get("/search?q=a")
    again = await served.client.get(
        "/search?q=a", headers={"if-none-match": answer.headers["etag"]}
    )

    assert (answer.json()["epoch"], answer.json()["version"]) == ("e1", version)
    assert (again.status_code, again.content) == (304, b"")
    for query, code in (
        ("", "bad_q"),
        ("q=", "bad_q"),
        ("q=%00", "bad_q"),
        ("q=a&limit=101", "bad_limit"),
        ("q=a&chain=base", "unknown_parameter"),
    ):
        refused = await served.client.get(f"/search?{query}")
        assert (refused.status_code, refused.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  PEPE\u200b \u202e Coin ", "pepe coin"),
        ("\uff37\uff29\uff26", "wif"),
        ("Straße", "strasse"),
        ("a\x00b\nc", "ab c"),
        ("❤\ufe0f", "❤"),
        ("\u200b\u200d", ""),
    ],
)
def test_names_are_compared_without_what_cannot_be_seen(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_a_ticker_that_is_nothing_but_a_dollar_is_one() -> None:
    assert (fold_ticker("$WIF"), fold_ticker("$"), fold_ticker("$$ $A")) == ("wif", "$", "$a")


names = st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["pepe coin", "PEPE", "$pepe"]))
steps = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), names, names), max_size=20)


@given(steps, st.text(max_size=12))
def test_an_index_after_any_changes_is_that_of_what_is_left(
    steps: list[tuple[str, bool, str | None, str | None]], text: str
) -> None:
    changed = NameIndex()
    left: dict[str, tuple[str | None, str | None]] = {}
    for token, removed, name, ticker in steps:
        if removed:
            changed.remove(f"x:{token}")
            left.pop(f"x:{token}", None)
        else:
            changed.put(f"x:{token}", name, ticker)
            left[f"x:{token}"] = (name, ticker)
        changed.find("a")  # from here on the words are kept sorted
    fresh = NameIndex()
    for token_id, called in left.items():
        fresh.put(token_id, *called)

    for wanted in (text, "pepe", "pep co", "$", "a"):
        try:
            parsed = parse_text(wanted)
        except Problem:
            continue
        assert changed.find(parsed) == fresh.find(parsed)
        assert changed.naming(parsed) == set().union(*changed.find(parsed).tiers())
    for token_id in left:
        ticker = fresh.ticker_of(token_id)
        assert changed.ticker_of(token_id) == ticker
        assert changed.of_ticker(ticker) == fresh.of_ticker(ticker)


async def test_an_address_that_has_used_up_its_share_is_429_and_cached_pages_are_not(
    start: Start, writer: Writer
) -> None:
    await writer.begin()
    version = await writer.commit([row(n) for n in range(200)])
    served = await start(api_cost_pct=0.0001)
    await served.follows(version)
    cached = await served.client.get("/discover")

    for number in range(200):
        searched = await served.client.get(f"/search?q=Token {number}")
        if searched.status_code == 429:
            break
    filtered = await served.client.get("/discover?source=dexscreener")
    again = await served.client.get("/discover")

    version = await writer.commit([row(1, price=7.5)])
    await served.follows(version)
    newer = await served.client.get("/discover")
    walked = await served.client.get(f"/discover?cursor={newer.json()['nextCursor']}")

    assert (searched.status_code, searched.json()["code"]) == (429, "rate")
    assert newer.json()["version"] == version
    assert (walked.status_code, walked.json()["code"]) == (429, "rate")
    assert int(searched.headers["retry-after"]) > 0
    assert (filtered.status_code, cached.status_code, again.status_code) == (429, 200, 200)


async def test_filters_leave_of_the_matches_what_passes_and_a_limit_of_0_counts(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    rows = [
        row(1, token_ticker="PEPE", traders_1h=500, flags=["boosted"]),
        row(2, token_ticker="PEPE", traders_1h=40, mint_revoked=True),
        row(3, token_ticker="PEPECAT", traders_1h=90, mint_revoked=True, stage="curve"),
        row(4, token_ticker="DOG", traders_1h=900, mint_revoked=True),
    ]
    served = await start()
    await served.follows(await writer.commit(rows))

    async def found(query: str) -> tuple[list[str], int]:
        page = (await served.client.get(f"/search?q=pepe&{query}")).json()
        return [token["token_address"][-1] for token in page["tokens"]], page["total"]

    assert await found("has=mint_revoked") == (["2", "3"], 2)
    assert await found("not=boosted&min_traders=50&window=1h") == (["3"], 1)
    assert await found("stage=curve,graduated") == (["3"], 1)
    assert await found("has=mint_revoked&limit=0") == ([], 2)


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("min_holders=few", "bad_number", "min_holders"),
        ("has=safe", "bad_has", "has"),
        ("window=1h", "bad_window", "window"),
        ("window=1h&min_price=1", "bad_window", "window"),
        ("sort=volume", "unknown_parameter", "sort"),
    ],
)
async def test_a_filter_of_a_search_that_cannot_be_is_named(
    start: Start, query: str, code: str, param: str
) -> None:
    served = await start()

    problem = (await served.client.get(f"/search?q=pepe&{query}")).json()

    assert (problem["status"], problem["code"], problem["param"]) == (400, code, param)
