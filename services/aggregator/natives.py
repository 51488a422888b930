"""USD prices of the chains' own coins, read beside the tokens and never listed. Pure.

Quote assets are no rows. What sources say of SOL, ETH, BNB … is kept here, and the chosen prices go
out with commits, so that every reader knows them at each exact version (docs/DATA.md, "Native
prices").
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from services.aggregator.noise import NoiseFloors
from shared.merge.policy import MergeRules
from shared.model import Reading
from shared.quotes import is_native
from shared.sources import is_polled
from shared.state.messages import NativePrice


class Natives:
    """What each polled source reported last of each chain's own coin."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, NativePrice]] = {}  # chain → source → price

    def add(self, source: str, reading: Reading) -> None:
        """Take in a reading of a quote asset; only that of the chain's own coin is kept."""
        price = reading.price
        if not is_polled(source) or not isinstance(price, float) or price <= 0:
            return
        if not is_native(reading.chain, reading.token_address):
            return
        by_source = self._held.setdefault(reading.chain, {})
        held = by_source.get(source)
        if held is None or (reading.observed_ms, price) > (held.observed_ms, held.price):
            by_source[source] = NativePrice(price, reading.observed_ms)

    def changes(
        self,
        committed: Mapping[str, NativePrice],
        now_ms: int,
        rules: MergeRules,
        floors: NoiseFloors,
    ) -> dict[str, NativePrice | None]:
        """Return what differs from the committed prices by more than noise; None: unknown now."""
        changed: dict[str, NativePrice | None] = {}
        for chain in sorted({*self._held, *committed}):
            before, after = committed.get(chain), self._price(chain, now_ms, rules)
            if after is None:
                if before and before.observed_ms <= now_ms - rules.sums_stale_ms:
                    changed[chain] = None
            elif before is None or _counts(before, after, floors):
                changed[chain] = after
        return changed

    def _price(self, chain: str, now_ms: int, rules: MergeRules) -> NativePrice | None:
        """Return the median of the sources' fresh prices; without any, the newest for a while."""
        held = self._held.get(chain, {}).values()
        fresh = [each for each in held if each.observed_ms > now_ms - rules.price_stale_ms]
        if fresh:
            price = float(median(each.price for each in fresh))
            return NativePrice(price, max(each.observed_ms for each in fresh))
        kept = [each for each in held if each.observed_ms > now_ms - rules.sums_stale_ms]
        return max(kept, key=lambda each: each.observed_ms, default=None)


def _counts(before: NativePrice, after: NativePrice, floors: NoiseFloors) -> bool:
    later_ms = after.observed_ms - before.observed_ms
    moved = abs(after.price - before.price) > floors.price * before.price
    return moved or abs(later_ms) > floors.observed_ms
