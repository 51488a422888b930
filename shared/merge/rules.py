"""Merging across sources (docs/DATA.md): one row from what each source says of a token.

A row is a function of the readings, the time and the rules, and of nothing else: what was committed
before has no say, so a restart cannot be seen. Figures of different sources are of the same trades,
so a figure is chosen, never added across sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct

from shared.launchpads import canonical_launchpad
from shared.merge.ages import Ages, find_ages
from shared.merge.consensus import Consensus
from shared.merge.drained import believe
from shared.merge.names import shown
from shared.merge.policy import MergeRules, in_order
from shared.merge.pools import (
    Cutoffs,
    Pools,
    PricePool,
    Union,
    join,
    last_resort,
    look_at_pools,
    outvoted_pools,
    price_pool,
    totals,
    without,
)
from shared.merge.price_candidates import (
    BESIDE,
    WINDOW_CHANGES,
    Chosen,
    PriceCandidate,
    choose,
    find_price_candidates,
    label,
)
from shared.merge.prices import (
    Blend,
    SourcePrice,
    are_near,
    blend,
    find_opinions,
    find_outvoted,
    settle,
    settle_sums,
    source_prices,
    spread_pct,
)
from shared.merge.readings import SourceReading, pool_created_ms, token_created_ms
from shared.merge.signals import Signals, choose_signals, find_drained, find_suspicious, flags_of
from shared.merge.stages import find_graduated, find_stage
from shared.model import ROW_FIELDS, fields_of

Values: TypeAlias = Mapping[str, Any]  # by field
# The largest fresh figure stands: each source sees a part of the trades, so each is a lower bound.
LARGEST: Final = fields_of("sum", "trades")
# They come from the source that gives the transactions.
FROM_ONE_SOURCE: Final = fields_of("side")
FIGURES: Final = frozenset(fields_of("sum", "trades", "side", "holders"))
SHOWN_TEXTS: Final = fields_of("text")
_LARGEST: Final = frozenset(LARGEST)
# The row in its order, around what most rows have little of.
_SIGNALS: Final = ROW_FIELDS[ROW_FIELDS.index("holders") + 1 : ROW_FIELDS.index("flags")]
_HEAD: Final = ROW_FIELDS[: ROW_FIELDS.index("holders") + 1]
_TAIL: Final = ("sources", "stale", "observed_ms")
POOLS: Final = ""  # stands for the sums over pools among the sources that give figures


class Merged(Struct, frozen=True):
    """A merged row and how long it holds.

    `values`: the row without `rv`; unknown is absent. `next_ms`: with no new reading the values
    stay as they are before this time; None for ever. `dead`: no source has anything young enough to
    keep the token.
    """

    values: dict[str, Any]
    next_ms: int | None
    dead: bool


class Case(Struct, frozen=True):
    """What was decided of a token. The row is made of it, and an explanation puts it into words.

    `believed`: the readings without what drained sources say of price and trades. `pools`: all that
    are fresh; `union`: those that count, untraded ones only where nothing else gives a price.
    `best`: the pool that gives the price, or would. `prices`: every source's own, `agreed`: those
    that do not contradict the consensus. `chosen`: whose price is taken by the order; `pick`: by
    the rule that is set.
    """

    ages: Ages
    believed: Mapping[str, SourceReading]
    pools: Pools
    union: Union
    best: PricePool | None
    ranked: tuple[str, ...]  # sources in name order
    candidates: list[PriceCandidate]
    prices: list[SourcePrice]
    agreed: list[SourcePrice]
    consensus: Consensus | None
    outvoted: frozenset[str]  # sources whose own price contradicts the consensus
    of_sums: Consensus | None  # as `consensus`, with all pools as one voter
    outvoted_pools: frozenset[str]  # addresses of pools that contradict it; they add nothing
    chosen: Chosen | None
    pick: PricePick | None


class PricePick(Struct, frozen=True):
    """The price, its label (`price_source`), and who gives what goes with it."""

    value: float
    label: str
    chosen: Chosen  # gives the changes, and the price itself unless it is a blend
    blend: Blend | None = None  # of what the price is the mean


def examine(readings: Mapping[str, SourceReading], now_ms: int, rules: MergeRules) -> Case | None:
    """Return what a token's row is decided from, None when it is dead."""
    ages = find_ages(readings, now_ms, rules)
    if ages is None or now_ms >= ages.newest_ms + rules.dead_after_ms:
        return None
    cut = ages.cut
    believed = believe(readings, cut)
    pools = look_at_pools(believed, rules, cut)
    opinions = find_opinions(believed, pools, rules, cut)
    prices = source_prices(opinions, None)
    consensus = of_sums = None
    if not are_near(opinions, pools, rules):
        consensus = settle(opinions, rules)
        of_sums = settle_sums(opinions, pools.traded, rules, cut)
    best = price_pool(pools, consensus)
    outvoted = find_outvoted(opinions, consensus)
    candidates = find_price_candidates(believed, best, rules, outvoted)
    chosen, union = choose(candidates, "price", cut), pools.traded
    if chosen is None and pools.untraded.sums:
        best = last_resort(pools, rules) or best
        candidates = find_price_candidates(believed, best, rules, outvoted)
        chosen = choose(candidates, "price", cut)
        union = join(union, pools.untraded)
    contradicting = outvoted_pools(union, of_sums, rules)
    agreed = prices if consensus is None else source_prices(opinions, consensus)
    return Case(
        ages=ages,
        believed=believed,
        pools=pools,
        union=without(union, contradicting),
        best=best,
        ranked=in_order(rules.name_order, tuple(readings)),
        candidates=candidates,
        prices=prices,
        agreed=agreed,
        consensus=consensus,
        outvoted=outvoted,
        of_sums=of_sums,
        outvoted_pools=contradicting,
        chosen=chosen,
        pick=_pick_price(chosen, candidates, agreed, cut, rules),
    )


def merge_token(
    chain: str, address: str, readings: Mapping[str, SourceReading], now_ms: int, rules: MergeRules
) -> Merged:
    """Return the row of a token at a time; names canonical, `readings` by source."""
    row: dict[str, Any] = {"id": f"{chain}:{address}", "token_address": address, "chain": chain}
    case = examine(readings, now_ms, rules)
    if case is None:
        return Merged({**row, "sources": sorted(readings), "stale": True}, None, dead=True)
    for field in SHOWN_TEXTS:
        text = choose_text(field, readings, case)
        if text is not None:
            row[field] = text[1]
    created_ms = find_created(readings, rules)
    if created_ms is not None:
        row["created_ms"] = created_ms
    _set_price(row, case)
    row.update(choose_figures(fresh_figures(case))[0])
    signals = _signals(readings, case, row)
    if case.best is not None:
        row["pool_address"] = case.best.view.pool.pool_address
    if case.union.sums:
        row["pool_count"] = len(case.union.sums)
    row["sources"] = case.ages.sources
    row["stale"] = case.ages.stale
    row["observed_ms"] = case.ages.newest_ms
    values: dict[str, Any] = {name: row[name] for name in _HEAD if name in row}
    values |= signals
    values |= {name: row[name] for name in _TAIL}
    return Merged(values, case.ages.next_ms, dead=False)


# -- who and since when ---------------------------------------------------------------------------
def choose_text(
    field: str, readings: Mapping[str, SourceReading], case: Case
) -> tuple[str, str, int] | None:
    """Return source, text and time (ms) of a name, ticker or protocol; None: nobody knows it.

    From the first source that knows it; a protocol from the pool that gives the price, if it does.
    They do not grow old.
    """
    if field == "protocol" and case.best is not None:
        view = case.best.view
        if view.pool.protocol is not None:
            return view.source, view.pool.protocol, view.observed_ms
    for source in case.ranked:
        stamped = readings[source].fields.get(field)
        if stamped is not None and isinstance(stamped.value, str):
            text = read_text(field, stamped.value)
            if text is not None:
                return source, text, stamped.observed_ms
    return None


def read_text(field: str, text: str) -> str | None:
    """Return a name, ticker, protocol or launchpad as the row has it; None: nothing can be seen."""
    seen = shown(field, text)
    return canonical_launchpad(seen) if field == "launchpad" and seen else seen


def find_created(readings: Mapping[str, SourceReading], rules: MergeRules) -> int | None:
    """Return the earliest known creation that can be true, of the token or of a live pool."""
    true: list[int] = []
    for source, reading in readings.items():
        stamped = reading.fields.get("created_ms")
        if stamped is not None and (created_ms := token_created_ms(stamped)) is not None:
            true.append(created_ms)
        if source in rules.pool_sources:
            born = [pool_created_ms(pool) for pool in reading.pools.values()]
            true += [created_ms for created_ms in born if created_ms is not None]
    return min(true) if true else None


# -- signals --------------------------------------------------------------------------------------
def find_signals(case: Case) -> Signals:
    """Return what is known of a token's safety, people and links, and whose it is."""
    return choose_signals(case.believed, case.ranked, case.union.sums, case.ages.cut)


def find_flags(readings: Mapping[str, SourceReading], case: Case, found: Signals) -> dict[str, str]:
    """Return the row's flags but for `copycat`, and the source of each."""
    pick = case.pick
    return flags_of(
        found,
        drained="+".join(find_drained(readings, case.believed, case.pools)),
        suspicious=find_suspicious(readings),
        thin=pick.chosen.candidate.source if pick and pick.label.endswith(":thin") else None,
    )


def _signals(
    readings: Mapping[str, SourceReading], case: Case, row: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the signals in the order of the row, then its flags but for `copycat`."""
    found = find_signals(case)
    flags = list(find_flags(readings, case, found))
    values = found.values
    launchpad: str | None = row.get("launchpad")
    if launchpad is not None or any(reading.signals for reading in readings.values()):
        stage = find_stage(readings, launchpad, case.ages.cut)
        if stage is not None:
            values["stage"] = stage.stage
            graduated = find_graduated(readings) if stage.stage == "graduated" else None
            if graduated is not None:
                values["graduated_ms"] = graduated[0]
        if launchpad is not None:
            values["launchpad"] = launchpad
    signals = {name: values[name] for name in _SIGNALS if name in values} if values else values
    if flags:
        signals["flags"] = flags
    return signals


# -- the price and what goes with it --------------------------------------------------------------
def _set_price(row: dict[str, Any], case: Case) -> None:
    """Set what is chosen in the order of the price; price and changes come from one candidate."""
    for field, chosen in choose_beside_price(case):
        row[field] = chosen.value
    pick = case.pick
    if pick is None:
        return
    row["price"], row["price_source"] = pick.value, pick.label
    spread = spread_pct(case.prices)
    if spread is not None:
        row["price_spread_pct"] = spread


def choose_beside_price(case: Case) -> Iterator[tuple[str, Chosen]]:
    """Yield name and choice of what is known beside the price: cap, fdv and changes."""
    cut, pick = case.ages.cut, case.pick
    for field in BESIDE:
        chosen = choose(case.candidates, field, cut)
        if chosen is not None:
            yield field, chosen
    if pick is None:
        return
    oldest_ms = min(cut.price, pick.chosen.observed_ms - 1)
    candidate = pick.chosen.candidate
    for field in WINDOW_CHANGES:
        offer = candidate.offer(field)
        if offer is not None and offer[0] > oldest_ms:
            yield field, Chosen(candidate, *offer)


def _pick_price(
    chosen: Chosen | None,
    candidates: list[PriceCandidate],
    agreed: list[SourcePrice],
    cut: Cutoffs,
    rules: MergeRules,
) -> PricePick | None:
    """Decide the price by the rule that is set; None when nobody gives one."""
    if chosen is None:
        return None
    blended = blend(agreed, rules.outlier_pct) if rules.price_rule == "weighted" else None
    if blended is None:
        return PricePick(
            chosen.value, label(chosen.candidate.source, chosen.candidate.thin), chosen
        )
    kept = blended.kept
    names = {price.source for price in kept}
    of_kept = [candidate for candidate in candidates if candidate.source in names]
    return PricePick(
        blended.value,
        "weighted" if len(kept) > 1 else label(kept[0].source, kept[0].thin),
        choose(of_kept, "price", cut) or chosen,
        blended,
    )


# -- figures --------------------------------------------------------------------------------------
def fresh_figures(case: Case) -> dict[str, Values]:
    """Return the fresh figures by source: the pools as one first, then in name order."""
    by_source: dict[str, Values] = {POOLS: totals(case.union)}
    oldest_ms = case.ages.cut.sums
    for source in case.ranked:
        fields = case.believed[source].fields
        if not FIGURES.isdisjoint(fields):
            by_source[source] = {
                name: stamped.value
                for name, stamped in fields.items()
                if name in FIGURES and stamped.observed_ms > oldest_ms and stamped.value is not None
            }
    return by_source


def choose_figures(by_source: Mapping[str, Values]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return each known figure, and its source: of most the largest stands, of equals the first.

    Holders are of the first to know them. Buys and sells go with the transactions, or are unknown.
    """
    values = dict(by_source[POOLS])
    taken = dict.fromkeys(values, POOLS)
    for source, figures in by_source.items():
        if source != POOLS:
            for field, value in figures.items():
                if field not in values or (value > values[field] and field in _LARGEST):
                    values[field], taken[field] = value, source
    most = taken.get("transactions_24h")
    for side in FROM_ONE_SOURCE:
        if taken.get(side) != most:
            values.pop(side, None)
            taken.pop(side, None)
            if most is not None and side in by_source[most]:
                values[side], taken[side] = by_source[most][side], most
    return values, taken
