"""What most sources say a price is about, where they contradict each other (docs/DATA.md).

The order of prices decides between prices of one market. Two prices that are far apart are of
different markets, or one is made up: then sources are counted, so that one never outvotes two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from msgspec import Struct


class Consensus(Struct, frozen=True):
    """The prices, in order, that the most sources agree with.

    `sources`: how many agree with each of `prices`, of `voters` that have a say. `factor`: prices
    whose ratio is at most this agree.
    """

    prices: tuple[float, ...]
    sources: int
    voters: int
    factor: float

    def contradicts(self, price: float) -> bool:
        """Return whether a price agrees with none of the prices that most sources agree with."""
        place = bisect_left(self.prices, price)  # if any agrees with it, one beside it does
        if place < len(self.prices) and agree(price, self.prices[place], self.factor):
            return False
        return place == 0 or not agree(price, self.prices[place - 1], self.factor)


def agree(a: float, b: float, factor: float) -> bool:
    """Return whether two prices may be of one market."""
    return max(a, b) <= min(a, b) * factor


def find_consensus(opinions: Mapping[str, Iterable[float]], factor: float) -> Consensus | None:
    """Return what most sources agree on; None when no two sources agree on anything.

    `opinions`: by source, every price that it gives. A source agrees with a price when any of its
    own is near, so one with an honest pool beside a fake one supports both.
    """
    claims = sorted((price, source) for source, prices in opinions.items() for price in prices)
    support = _count_support(claims, factor)
    most = max(support, default=0)
    if most < 2:
        return None
    prices = {price for (price, _), count in zip(claims, support, strict=True) if count == most}
    return Consensus(tuple(sorted(prices)), most, len(opinions), factor)


def _count_support(claims: list[tuple[float, str]], factor: float) -> list[int]:
    """Return, for each of some ordered prices, how many sources have one near it."""
    support = []
    near: dict[str, int] = {}  # source → how many of its prices are in the window
    first = after = 0
    for price, _ in claims:
        while after < len(claims) and claims[after][0] <= price * factor:
            source = claims[after][1]
            near[source] = near.get(source, 0) + 1
            after += 1
        while price > claims[first][0] * factor:
            source = claims[first][1]
            near[source] -= 1
            if not near[source]:
                del near[source]
            first += 1
        support.append(len(near))
    return support
