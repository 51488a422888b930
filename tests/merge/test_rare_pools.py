"""A pool that is seen more rarely than its price is fresh does not lend it and take it back."""

from shared.merge.explain import explain
from shared.merge.policy import MergeRules
from tests.testkit.hostile import MINT, T0, Seen, dex, gecko, gecko_pool, jup, pair, posted, row_of

CAT = f"solana:{MINT}"
MIN = 60_000


def source_at(now_ms: int, *seen: Seen) -> object:
    return row_of(seen, CAT, now_ms, MergeRules())[0].get("price_source")


def test_looks_four_minutes_apart_leave_the_price_with_who_is_steady() -> None:
    first, again = dex(pair(), at_ms=T0), dex(pair(), at_ms=T0 + 4 * MIN)
    steady = [jup(T0 + minute * MIN) for minute in range(9)]
    assert source_at(T0 + MIN, first, *steady[:2]) == "dexscreener"
    assert source_at(T0 + 3 * MIN, first, *steady[:4]) == "jupiter"
    assert source_at(T0 + 4 * MIN, first, again, *steady[:5]) == "jupiter"


def test_looks_one_minute_apart_bring_the_price_back() -> None:
    looks = [dex(pair(), at_ms=T0 + minute * MIN) for minute in (0, 4, 5)]
    steady = [jup(T0 + minute * MIN) for minute in range(6)]
    assert source_at(T0 + 5 * MIN, *looks, *steady) == "dexscreener"


def test_a_rarely_seen_deep_pool_still_stands_before_producers() -> None:
    looks = [dex(pair(), at_ms=T0), dex(pair(), at_ms=T0 + 4 * MIN)]
    assert source_at(T0 + 4 * MIN, *looks, posted(at_ms=T0 + 4 * MIN, price=9.0)) == "dexscreener"


def test_the_same_pool_is_taken_from_who_sees_it_steadily() -> None:
    looks = [dex(pair(), at_ms=T0), dex(pair(), at_ms=T0 + 4 * MIN)]
    views = [gecko(gecko_pool(), at_ms=T0 + minute * MIN) for minute in range(5)]
    assert source_at(T0 + 4 * MIN, *looks, *views) == "geckoterminal"


def test_a_return_after_the_bound_for_sums_starts_over() -> None:
    looks = [dex(pair(), at_ms=T0), dex(pair(), at_ms=T0 + 11 * MIN)]
    assert source_at(T0 + 11 * MIN, *looks, jup(T0 + 11 * MIN)) == "dexscreener"


def test_the_explanation_says_that_it_is_seen_rarely() -> None:
    looks = (dex(pair(), at_ms=T0), dex(pair(), at_ms=T0 + 4 * MIN), jup(T0 + 4 * MIN))
    _, readings = row_of(looks, CAT, T0 + 4 * MIN, MergeRules())
    (passed,) = explain(readings, T0 + 4 * MIN, MergeRules()).fields["price"].passed_over
    assert (passed.source, passed.reason) == ("dexscreener", "rare")
    assert passed.why == "not seen for 4 min before; it would come and go"


OLD = pair(pairCreatedAt=T0 - 60 * MIN)


def looks_of_a_curve(*minutes: float) -> list[Seen]:
    curve = pair("Curve", liquidity=None, priceUsd="1.9")
    return [dex(curve, at_ms=T0 + int(minute * MIN)) for minute in minutes]


def test_one_look_at_an_old_pool_leaves_the_price_with_who_is_steady() -> None:
    curve = looks_of_a_curve(0, 0.5, 1)
    looks = [*curve, jup(T0 + MIN), dex(OLD, at_ms=T0 + MIN)]
    _, readings = row_of(tuple(looks), CAT, T0 + MIN, MergeRules())
    price = explain(readings, T0 + MIN, MergeRules()).fields["price"]
    (passed,) = [each for each in price.passed_over if each.pool == "PoolA"]
    assert (price.source, passed.reason) == ("jupiter", "rare")
    assert passed.why == "seen only once in 10 min; dexscreener sees other pools steadily"


def test_a_pool_that_returns_after_long_is_not_called_new() -> None:
    curve = looks_of_a_curve(11, 11.5, 12)
    looks = [dex(OLD, at_ms=T0), *curve, dex(OLD, at_ms=T0 + 12 * MIN), jup(T0 + 12 * MIN)]
    _, readings = row_of(tuple(looks), CAT, T0 + 12 * MIN, MergeRules())
    price = explain(readings, T0 + 12 * MIN, MergeRules()).fields["price"]
    (passed,) = [each for each in price.passed_over if each.pool == "PoolA"]
    assert passed.why == "seen only once in 10 min; dexscreener sees other pools steadily"


def test_a_second_look_at_an_old_pool_gives_it_the_price() -> None:
    again = dex(OLD, at_ms=T0 + MIN)
    looks = [*looks_of_a_curve(0, 0.5, 1), jup(T0 + MIN), dex(OLD, at_ms=T0), again]
    assert source_at(T0 + MIN, *looks) == "dexscreener"


def test_a_pool_that_is_new_itself_sets_the_price_at_its_first_look() -> None:
    new = dex(pair(pairCreatedAt=T0 + MIN // 2), at_ms=T0 + MIN)
    assert source_at(T0 + MIN, *looks_of_a_curve(0, 0.5, 1), jup(T0 + MIN), new) == "dexscreener"


def test_untraded_pools_make_no_other_pool_rare() -> None:
    idle = {"txns": {"h24": {"buys": 0, "sells": 0}}, "volume": {"h24": 0}}
    looks = [dex(pair("Idle", **idle), at_ms=T0 + at) for at in (0, MIN)]
    assert source_at(T0 + MIN, *looks, jup(T0 + MIN), dex(OLD, at_ms=T0 + MIN)) == "dexscreener"
