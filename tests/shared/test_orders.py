"""Orders of the replica: those of Redis, ties included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.redis.connect import Redis
from shared.state import orders as orders_
from shared.state.orders import Orders

addresses = st.text("abAB01", min_size=1, max_size=3)
ids = st.builds(lambda chain, address: f"{chain}:{address}", st.sampled_from("xyz"), addresses)
scores = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.5, 1e14]), st.floats(-1e6, 1e6))
steps = st.lists(st.tuples(ids, st.one_of(st.just("remove"), scores)), max_size=40)


def put(orders: Orders, token_id: str, volume: float | None) -> None:
    value = b"null" if volume is None else repr(volume).encode()
    orders.put(token_id, {"volume_24h": value}, whole=False)


def test_chains_are_counted_the_one_with_the_most_rows_first() -> None:
    orders = Orders()
    for token_id in ("base:a", "solana:a", "solana:b", "bsc:a"):
        put(orders, token_id, 1.0)
    orders.remove("bsc:a")

    assert list(orders.chain_counts().items()) == [("solana", 2), ("base", 1)]


@given(steps, st.sampled_from([None, "x", "z", "unseen"]), st.booleans())
def test_an_order_is_that_of_all_scores_ever_put(
    steps: list[tuple[str, float | str | None]],
    chain: str | None,
    descending: bool,  # noqa: FBT001
) -> None:
    orders = Orders()
    truth: dict[str, float | None] = {}
    for token_id, step in steps:
        if step == "remove":
            orders.remove(token_id)
            truth.pop(token_id, None)
        else:
            assert not isinstance(step, str)
            put(orders, token_id, step)
            truth[token_id] = step
        orders.order("volume_24h", chain, descending=descending)  # fills the cache, to be dropped

    expected = sorted(
        (score, token_id)
        for token_id, score in truth.items()
        if score is not None and (chain is None or token_id.startswith(f"{chain}:"))
    )
    found = orders.order("volume_24h", chain, descending=descending)
    assert found == [token_id for _, token_id in (expected[::-1] if descending else expected)]
    assert len(orders) == len(truth)


@given(st.dictionaries(ids, scores, min_size=1), st.booleans())
def test_the_first_of_some_rows_is_by_score_and_of_equals_by_id(
    held: dict[str, float | None],
    descending: bool,  # noqa: FBT001
) -> None:
    orders = Orders()
    put(orders, "x:another", 1e15 if descending else -1e15)  # is not asked about
    for token_id, score in held.items():
        put(orders, token_id, score)

    known = [(-s if descending else s, i) for i, s in held.items() if s is not None]
    expected = min(known)[1] if known else None
    assert orders.first(held, "volume_24h", descending=descending) == expected


def test_more_rows_than_the_first_columns_hold() -> None:
    orders = Orders()
    for number in range(3000):
        put(orders, f"x:{number:05}", float(number % 7))

    ascending = orders.order("volume_24h", descending=False)

    assert len(ascending) == 3000
    assert ascending[0] == "x:00000"
    assert ascending[-1] == "x:02995"
    assert ascending == orders.order("volume_24h")[::-1]


def test_a_whole_row_forgets_the_scores_that_it_does_not_have() -> None:
    orders = Orders()
    orders.put("x:a", {"volume_24h": b"5", "liquidity": b"7"}, whole=True)
    orders.put("x:a", {"liquidity": b"8"}, whole=True)

    assert orders.order("volume_24h") == []
    assert orders.order("liquidity") == ["x:a"]
    assert orders.score("x:a", "liquidity") == 8.0
    assert orders.score("x:a", "volume_24h") is None


def test_changed_since_names_rows_by_version_and_chain() -> None:
    orders = Orders()
    for token_id, rv in (("x:a", b"3"), ("x:b", b"4"), ("y:c", b"5")):
        orders.put(token_id, {"rv": rv}, whole=True)
    orders.remove("x:b")

    assert sorted(orders.changed_since(2)) == ["x:a", "y:c"]
    assert orders.changed_since(3) == ["y:c"]
    assert orders.changed_since(0, "x") == ["x:a"]
    assert orders.changed_since(0, "unseen") == []


async def test_an_order_equals_zrevrange_and_zrange(redis: Redis, redis_prefix: str) -> None:
    members = {f"x:{chr(65 + n % 40)}{n}": float(n * 7919 % 13) for n in range(500)}
    orders = Orders()
    for token_id, score in members.items():
        put(orders, token_id, score)
    key = f"{redis_prefix}index"
    await redis.zadd(key, members)

    descending = await redis.zrange(key, 0, -1, desc=True)
    ascending = await redis.zrange(key, 0, -1)

    assert [member.encode() for member in orders.order("volume_24h")] == descending
    assert [m.encode() for m in orders.order("volume_24h", descending=False)] == ascending


@given(
    st.dictionaries(ids, scores, max_size=30),
    st.sampled_from([None, "x", "unseen"]),
    st.booleans(),
)
def test_a_top_is_the_beginning_of_its_order(
    given_scores: dict[str, float | None],
    chain: str | None,
    descending: bool,  # noqa: FBT001
) -> None:
    orders = Orders()
    for token_id, score in given_scores.items():
        put(orders, token_id, score)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders_, "TOP", 4)
        top = orders.top("volume_24h", chain, descending=descending)
        again = orders.top("volume_24h", chain, descending=descending)

    assert top == orders.order("volume_24h", chain, descending=descending)[:4]
    assert again is top


def test_a_top_follows_every_change_and_few_are_kept() -> None:
    orders = Orders()
    put(orders, "x:a", 1.0)
    assert orders.top("volume_24h") == ["x:a"]

    put(orders, "x:b", 2.0)
    orders.remove("x:a")
    for number in range(300):
        orders.top("volume_24h", f"chain{number}")
        put(orders, "x:b", float(number))

    assert orders.top("volume_24h") == ["x:b"]
    assert len(orders._tops) <= 257


def test_a_rows_version_is_that_of_its_last_change() -> None:
    orders = Orders()
    orders.put("x:a", {"rv": b"7"}, whole=True)

    assert orders.row_version("x:a") == 7
