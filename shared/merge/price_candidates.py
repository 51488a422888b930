"""Who may set the price and what goes with it, and whose word is taken (docs/DATA.md)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from msgspec import Struct

from shared.merge.ages import PRICE_FIELDS
from shared.merge.policy import NOWHERE, MergeRules, rank
from shared.merge.pools import Cutoffs, PoolView, PricePool
from shared.merge.readings import SourceReading, Stamped
from shared.model import WINDOWS

# From what gives the price. No pool has 7 days: the first source in the order of the price does.
WINDOW_CHANGES: Final = tuple(f"price_change_{window}" for window in WINDOWS)
CHANGES: Final = frozenset((*WINDOW_CHANGES, "price_change_7d"))


class PriceCandidate(Struct, frozen=True):
    """One that may set the price: a pool (`view`), or else a source's token-wide figures."""

    rank: float
    source: str
    fields: Mapping[str, Stamped]
    view: PoolView | None = None
    thin: bool = False

    def offer(self, field: str) -> tuple[int, float] | None:
        """Return (observed_ms, value) of a figure that can be true, None when there is none."""
        if self.view is None:
            stamped = self.fields.get(field)
            if stamped is None:
                return None
            value, observed_ms = stamped.value, stamped.observed_ms
        else:
            # These describe the base token, or trades that nobody made; and a thin pool says
            # nothing of a market's size.
            alone = self.view.pool.side == "quote" or self.view.weight.standing == "untraded"
            if (alone and field != "price") or (self.thin and field == "market_cap"):
                return None
            value, observed_ms = getattr(self.view.pool, field, None), self.view.observed_ms
        if value is None or isinstance(value, str):
            return None
        # No price is 0, and none falls by more than all of itself.
        true = value >= -100 if field in CHANGES else value > 0
        return (observed_ms, value) if true else None


class Chosen(Struct, frozen=True):
    """A candidate's figure."""

    candidate: PriceCandidate
    observed_ms: int
    value: float


def find_price_candidates(
    readings: Mapping[str, SourceReading],
    best: PricePool | None,
    rules: MergeRules,
    outvoted: Container[str] = (),
) -> list[PriceCandidate]:
    """Return who may set the price, each with its place in the order; not those `outvoted`."""
    candidates = [
        PriceCandidate(place, source, reading.fields)
        for source, reading in readings.items()
        if not PRICE_FIELDS.isdisjoint(reading.fields)
        and source not in outvoted
        and (place := rank(rules.price_order, source)) != NOWHERE
    ]
    if best is not None and not best.outvoted:
        kind = "thin" if best.thin else "pools"
        if kind in rules.price_order:
            place = float(rules.price_order.index(kind))
            if best.view.steadiness == 1:  # gives way to all that are more than producers
                place = max(place, _last_place(rules.price_order))
            candidates.append(PriceCandidate(place, best.view.source, {}, best.view, best.thin))
    return candidates


def _last_place(order: tuple[str, ...]) -> float:
    return order.index("ingest") - 0.25 if "ingest" in order else float(len(order))


def choose(candidates: list[PriceCandidate], field: str, cut: Cutoffs) -> Chosen | None:
    """Return the first fresh figure in order, among equals the newest; else the last to be fresh.

    The second keeps a figure while no source has a newer one and sums are still fresh: a price does
    not vanish between two refreshes, and an older one does not come back.
    """
    least: tuple[int, float, float, str] | None = None
    chosen = None
    for candidate in candidates:
        offer = candidate.offer(field)
        if offer is None:
            continue
        observed_ms, value = offer
        if observed_ms > cut.price:
            key = (0, candidate.rank, float(-observed_ms), candidate.source)
        elif observed_ms > cut.sums:
            key = (1, float(-observed_ms), candidate.rank, candidate.source)
        else:
            continue
        if least is None or key < least:
            least, chosen = key, Chosen(candidate, observed_ms, value)
    return chosen


def label(source: str, thin: bool) -> str:  # noqa: FBT001
    return f"{source}:thin" if thin else source
