"""Who may set the price and what goes with it, and whose word is taken (docs/DATA.md)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from shared.merge.ages import PRICE_FIELDS
from shared.merge.policy import NOWHERE, MergeRules, rank
from shared.merge.pools import RARE, Cutoffs, PoolView, PricePool
from shared.merge.readings import SourceReading, Stamped
from shared.merge.verdicts import Reason
from shared.model import WINDOWS, fields_of

# From what gives the price. No pool has 7 days: the first source in the order of the price does.
WINDOW_CHANGES: Final = tuple(f"price_change_{window}" for window in WINDOWS)
# What every candidate may give for itself; the rest goes with the price.
BESIDE: Final = tuple(name for name in fields_of("size", "change") if name not in WINDOW_CHANGES)
_BESIDE: Final = PRICE_FIELDS - {"price"}
_CAP: Final = frozenset(("market_cap",))
FRESH: Final = 0
KEPT: Final = 1  # while there is no fresh one
# The lesser comes first; of figures that are fresh, and of those that are kept.
Place: TypeAlias = tuple[int, float, float, str]
_CRITERIA: Final[tuple[tuple[Reason, ...], ...]] = (
    ("stale", "lower_rank", "older", "older"),
    ("stale", "older", "lower_rank", "older"),
)
CHANGES: Final = frozenset(fields_of("change"))


class PriceCandidate(Struct, frozen=True):
    """One that may set the price: a pool (`view`), or else a source's token-wide figures.

    `withheld`: fields that a pool does not give beside its price, all for one `reason`.
    """

    rank: float
    source: str
    fields: Mapping[str, Stamped]
    view: PoolView | None = None
    thin: bool = False
    withheld: frozenset[str] = frozenset()
    reason: Reason | None = None

    def offer(self, field: str) -> tuple[int, float] | None:
        """Return (observed_ms, value) of a figure that can be true, None when there is none."""
        if self.view is None:
            stamped = self.fields.get(field)
            if stamped is None:
                return None
            value, observed_ms = stamped.value, stamped.observed_ms
        else:
            if field in self.withheld:
                return None
            value, observed_ms = getattr(self.view.pool, field, None), self.view.observed_ms
        if value is None or isinstance(value, str | dict):
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
            if best.view.steadiness == RARE:  # gives way to all that are more than producers
                place = max(place, _last_place(rules.price_order))
            view, withheld = best.view, _withhold(best)
            candidates.append(PriceCandidate(place, view.source, {}, view, best.thin, *withheld))
    return candidates


def _withhold(best: PricePool) -> tuple[frozenset[str], Reason | None]:
    """Return the fields that a pool does not give beside its price, and why."""
    if best.view.pool.side == "quote":
        return _BESIDE, "quote_side"  # they describe the base token
    if best.view.weight.standing == "untraded":
        return _BESIDE, "untraded"  # they are of trades that nobody made
    # A thin pool says nothing of a market's size.
    return (_CAP, "thin") if best.thin else (frozenset(), None)


def _last_place(order: tuple[str, ...]) -> float:
    return order.index("ingest") - 0.25 if "ingest" in order else float(len(order))


def choose(candidates: list[PriceCandidate], field: str, cut: Cutoffs) -> Chosen | None:
    """Return the first fresh figure in order, among equals the newest; else the last to be fresh.

    The second keeps a figure while no source has a newer one and sums are still fresh: a price does
    not vanish between two refreshes, and an older one does not come back.
    """
    least: Place | None = None
    chosen = None
    for candidate in candidates:
        offer = candidate.offer(field)
        if offer is None:
            continue
        place = find_place(candidate, offer[0], cut)
        if place is not None and (least is None or place < least):
            least, chosen = place, Chosen(candidate, *offer)
    return chosen


def find_place(candidate: PriceCandidate, observed_ms: int, cut: Cutoffs) -> Place | None:
    """Return the order of a figure, by `_CRITERIA`; None: it is too old in any case."""
    if observed_ms > cut.price:
        return (FRESH, candidate.rank, -observed_ms, candidate.source)
    if observed_ms > cut.sums:
        return (KEPT, -observed_ms, candidate.rank, candidate.source)
    return None


def lost_by(place: Place, chosen: Chosen, cut: Cutoffs) -> Reason | None:
    """Return by what a figure lost to the one that `choose` took; None: it did not lose."""
    taken = find_place(chosen.candidate, chosen.observed_ms, cut)
    if taken is None or place <= taken:
        return None
    reasons = zip(_CRITERIA[taken[0]], taken, place, strict=True)
    return next(reason for reason, mine, other in reasons if mine != other)


def label(source: str, thin: bool) -> str:  # noqa: FBT001
    return f"{source}:thin" if thin else source
