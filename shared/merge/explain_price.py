"""Why the price, and what goes with it, is what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from shared.merge.drained import is_drained
from shared.merge.explained import (
    Clock,
    FieldExplanation,
    Passed,
    Reason,
    dead_words,
    drained_words,
    number,
    order_in_words,
    outvoted_words,
    span,
    thin_words,
    too_old,
    untraded_words,
)
from shared.merge.policy import NOWHERE, MergeRules, rank
from shared.merge.pools import PoolView
from shared.merge.price_candidates import CHANGES, WINDOW_CHANGES, Chosen, choose
from shared.merge.prices import spread_pct
from shared.merge.readings import SourceReading, is_dead
from shared.merge.rules import Case, PricePick, oldest_change_ms
from shared.merge.standing import weigh
from shared.model import PoolReading


class _Offer(Struct, frozen=True):
    """A figure that somebody gives: a pool, or a source for the whole token."""

    source: str
    pool: PoolReading | None
    value: float
    observed_ms: int


class _Verdict(Struct, frozen=True):
    reason: Reason
    why: str


class PriceExplainer:
    """Explains the fields that are chosen in the order of the price."""

    def __init__(
        self,
        readings: Mapping[str, SourceReading],
        case: Case,
        pick: PricePick | None,
        now_ms: int,
        rules: MergeRules,
    ) -> None:
        self._readings, self._case, self._pick = readings, case, pick
        self._now_ms, self._rules = now_ms, rules
        self._clock = Clock(now_ms)
        self._cut = case.ages.cut
        self._views = {(v.source, v.pool.pool_address): v for v in case.union.quotes}
        self._live = {address for _, address in self._views}
        self._deep = case.best is not None and not case.best.thin

    def fields(self) -> Iterator[tuple[str, FieldExplanation]]:
        """Yield name and explanation of every field that is known, or that somebody gives."""
        for field in ("price", "market_cap", "fdv", *sorted(CHANGES)):
            chosen = self._chosen(field)
            explained = self._explain(field, chosen)
            if explained.value is not None or explained.passed_over:
                yield field, explained
        pick = self._pick
        if pick is not None:
            yield (
                "price_source",
                FieldExplanation(
                    value=pick.label, rule="who gives the price; `:thin` marks a thin pool's"
                ),
            )
            spread = spread_pct(self._case.prices)
            if spread is not None:
                prices = ", ".join(f"{p.source} {number(p.price)}" for p in self._case.prices)
                rule = f"greatest less least price in percent of the median: {prices}"
                yield "price_spread_pct", FieldExplanation(value=spread, rule=rule)

    # -- what was taken ---------------------------------------------------------------------------
    def _chosen(self, field: str) -> Chosen | None:
        pick = self._pick
        if field not in WINDOW_CHANGES and field != "price":
            return choose(self._case.candidates, field, self._cut)
        if pick is None or field == "price":
            return pick.chosen if pick else None
        offer = pick.chosen.candidate.offer(field)
        if offer is None or offer[0] <= oldest_change_ms(pick, self._cut):
            return None
        return Chosen(pick.chosen.candidate, *offer)

    def _explain(self, field: str, chosen: Chosen | None) -> FieldExplanation:
        passed = tuple(self._passed(field, chosen))
        if field == "price" and self._pick is not None and self._pick.blended:
            return self._explain_blend(self._pick, passed)
        if chosen is None:
            return FieldExplanation(rule=self._rule(field), passed_over=passed)
        view = chosen.candidate.view
        return FieldExplanation(
            value=chosen.value,
            source=chosen.candidate.source,
            pool=view.pool.pool_address if view else None,
            observed_ms=chosen.observed_ms,
            age_ms=self._now_ms - chosen.observed_ms,
            rule=self._rule(field),
            passed_over=passed,
        )

    def _explain_blend(self, pick: PricePick, passed: tuple[Passed, ...]) -> FieldExplanation:
        parts = [f"{p.source} {number(p.price)} ({number(p.weight)} USD)" for p in pick.blended]
        rule = "mean of fresh prices by the liquidity behind them: " + ", ".join(parts)
        return FieldExplanation(
            value=pick.value,
            source="+".join(p.source for p in pick.blended),
            observed_ms=pick.chosen.observed_ms,
            age_ms=self._now_ms - pick.chosen.observed_ms,
            rule=rule,
            passed_over=passed,
        )

    def _rule(self, field: str) -> str:
        if field in WINDOW_CHANGES:
            return "from what gives the price, so that price and change are of one market"
        fresh = f"the first fresh one: {order_in_words(self._rules.price_order)}"
        return f"{fresh}; never the fully diluted value" if field == "market_cap" else fresh

    # -- what was not -----------------------------------------------------------------------------
    def _passed(self, field: str, chosen: Chosen | None) -> Iterator[Passed]:
        for offer in self._offers(field):
            verdict = self._judge(field, offer, chosen)
            if verdict is not None:
                yield self._clock.passed(
                    offer.source,
                    offer.value,
                    offer.observed_ms,
                    verdict.reason,
                    verdict.why,
                    offer.pool.pool_address if offer.pool else None,
                )

    def _offers(self, field: str) -> Iterator[_Offer]:
        """Yield what everybody gives; of pools all for the price, else the one that gives it."""
        best = self._case.best
        for source in sorted(self._readings):
            reading = self._readings[source]
            stamped = reading.fields.get(field)
            if stamped is not None and isinstance(stamped.value, int | float):
                yield _Offer(source, None, stamped.value, stamped.observed_ms)
            for pool in reading.pools.values():
                value = getattr(pool.pool, field, None)
                explained = field == "price" or (best is not None and pool.pool is best.view.pool)
                if value is not None and explained and source in self._rules.pool_sources:
                    yield _Offer(source, pool.pool, value, pool.observed_ms)

    def _judge(self, field: str, offer: _Offer, chosen: Chosen | None) -> _Verdict | None:
        """Return why a figure was not taken, None when it was."""
        if chosen is not None and self._is(offer, chosen):
            return None
        if field == "price" and self._pick is not None and self._pick.blended:
            verdict = self._judge_blend(offer)
            if verdict is not None or self._in_blend(offer):
                return verdict
        if offer.value < -100 if field in CHANGES else offer.value <= 0:
            return _Verdict("impossible", "nothing falls by more than 100 %, and no price is 0")
        if offer.pool is not None:
            verdict = self._judge_pool(field, offer, offer.pool)
        else:
            verdict = self._judge_source(offer)
        return verdict or self._judge_rank(field, offer, chosen)

    def _judge_pool(self, field: str, offer: _Offer, pool: PoolReading) -> _Verdict | None:
        age_ms = self._now_ms - offer.observed_ms
        if offer.observed_ms <= self._cut.sums:
            return _Verdict("stale", too_old(age_ms, self._rules.sums_stale_ms, "a pool"))
        if is_dead(pool):
            return _Verdict("dead_pool", dead_words(pool))
        standing = weigh(pool, self._rules).standing
        if standing == "untraded" and (
            pool.pool_address not in self._live or (offer.source, pool.pool_address) in self._views
        ):
            return _Verdict("untraded", untraded_words())
        if (offer.source, pool.pool_address) not in self._views:
            return _Verdict("lower_rank", "the same pool is taken from another source")
        if field != "price" and pool.side == "quote":
            return _Verdict("quote_side", "it describes the pool's other token")
        if standing == "thin" and (self._deep or field == "market_cap"):
            return _Verdict("thin", thin_words(pool, self._rules))
        consensus = self._case.consensus
        if consensus is not None and consensus.contradicts(pool.price or 0.0):
            return _Verdict("outvoted", outvoted_words(consensus))
        best = self._case.best
        if best is None or (pool is best.view.pool and best.view.steadiness != 1):
            return None
        view = self._views[offer.source, pool.pool_address]
        if view.steadiness == 1:
            return _Verdict("rare", self._rare_words(view))
        if offer.observed_ms <= self._cut.price:
            return _Verdict("stale", too_old(age_ms, self._rules.price_stale_ms, "a price"))
        if best.thin:
            traded = number(pool.volume_24h)
            return _Verdict("smaller", f"the most traded pool counts; this one has {traded} USD")
        backed = number(view.weight.say)
        return _Verdict("smaller", f"the deepest pool counts; of this one {backed} USD are backed")

    def _rare_words(self, view: PoolView) -> str:
        if view.before_ms > self._cut.sums:
            gap_ms = view.observed_ms - view.before_ms
            return f"not seen for {span(gap_ms)} before; it would come and go"
        return f"seen for the first time; {view.source} sees other pools steadily"

    def _judge_source(self, offer: _Offer) -> _Verdict | None:
        age_ms = self._now_ms - offer.observed_ms
        if rank(self._rules.price_order, offer.source) == NOWHERE:
            return _Verdict("not_in_order", f"PRICE_ORDER leaves out {offer.source}")
        bound_ms = max(self._rules.price_stale_ms, self._rules.sums_stale_ms)
        if offer.observed_ms <= min(self._cut.price, self._cut.sums):
            return _Verdict("stale", too_old(age_ms, bound_ms, "a price"))
        reading = self._readings[offer.source]
        if is_drained(reading, self._cut):
            return _Verdict("drained", drained_words(offer.source, reading))
        if self._case.consensus is not None and offer.source in self._case.outvoted:
            return _Verdict("outvoted", outvoted_words(self._case.consensus))
        return None

    def _judge_rank(self, field: str, offer: _Offer, chosen: Chosen | None) -> _Verdict:
        age_ms = self._now_ms - offer.observed_ms
        bound_ms = self._rules.price_stale_ms
        if field in WINDOW_CHANGES:
            candidate = self._pick.label if self._pick else "nobody"
            if self._pick is not None and offer.source == self._pick.chosen.candidate.source:
                return _Verdict("stale", too_old(age_ms, bound_ms, "a change"))
            return _Verdict("other_giver", f"the price is {candidate}'s, so its changes are shown")
        if chosen is None:
            kinds = "thin pools" if offer.pool is not None else offer.source
            if offer.observed_ms <= self._cut.price:
                return _Verdict("stale", too_old(age_ms, bound_ms, "a price"))
            return _Verdict("not_in_order", f"PRICE_ORDER leaves out {kinds}")
        if offer.observed_ms <= self._cut.price:
            if chosen.observed_ms > self._cut.price:
                return _Verdict("stale", too_old(age_ms, bound_ms, "a price"))
            newest = "none is fresh; the newest is kept for a while"
            return _Verdict("older", newest)
        if rank(self._rules.price_order, offer.source) == chosen.candidate.rank and not offer.pool:
            later_ms = chosen.observed_ms - offer.observed_ms
            return _Verdict("older", f"{chosen.candidate.source} saw it {span(later_ms)} later")
        first = f"{chosen.candidate.source} is before it: {order_in_words(self._rules.price_order)}"
        return _Verdict("lower_rank", first)

    def _judge_blend(self, offer: _Offer) -> _Verdict | None:
        """Return why a source's price is no part of the mean; None: for no reason of the mean's."""
        own = [price for price in self._case.prices if price.source == offer.source]
        if not own or own[0].price != offer.value or self._in_blend(offer):
            return None
        if own[0].weight <= 0:
            return _Verdict("no_weight", "nobody knows how much liquidity is behind it")
        outvoted = own[0] not in self._case.agreed and self._case.consensus is not None
        if outvoted and self._rules.outlier_pct > self._rules.disagree_pct:
            return None  # it is reported with the sources that contradict it
        far = f"more than {number(self._rules.outlier_pct)} % from the weighted median"
        return _Verdict("outlier", far)

    def _in_blend(self, offer: _Offer) -> bool:
        blended = self._pick.blended if self._pick else ()
        return any(p.source == offer.source and p.price == offer.value for p in blended)

    @staticmethod
    def _is(offer: _Offer, chosen: Chosen) -> bool:
        view = chosen.candidate.view
        if offer.pool is None or view is None:
            return offer.source == chosen.candidate.source and offer.pool is None and view is None
        return offer.source == view.source and offer.pool is view.pool
