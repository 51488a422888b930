"""Why the price, and what goes with it, is what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.merge.explained import Claim, FieldExplanation, Passed
from shared.merge.explainer import Explainer, Verdict
from shared.merge.policy import MergeRules
from shared.merge.pools import RARE, PoolView, PricePool
from shared.merge.price_candidates import (
    CHANGES,
    KEPT,
    WINDOW_CHANGES,
    Chosen,
    Place,
    PriceCandidate,
    find_place,
    lost_by,
)
from shared.merge.prices import spread_pct
from shared.merge.readings import SourceReading, StampedPool
from shared.merge.rules import Case, choose_beside_price
from shared.merge.words import (
    IMPOSSIBLE,
    drained_words,
    number,
    order_in_words,
    outvoted_words,
    span,
)


class PriceExplainer(Explainer):
    """Explains the fields that are chosen in the order of the price."""

    def __init__(
        self, readings: Mapping[str, SourceReading], case: Case, now_ms: int, rules: MergeRules
    ) -> None:
        super().__init__(readings, case, now_ms, rules)
        self._pick, self._cut = case.pick, case.ages.cut
        self._quotes = {view.pool.pool_address: view for view in case.union.quotes}
        self._candidates = {c.source: c for c in case.candidates if c.view is None}
        self._of_pool = next((c for c in case.candidates if c.view is not None), None)
        self._parts = dict(self._judge_parts())

    def fields(self) -> Iterator[tuple[str, FieldExplanation]]:
        """Yield name and explanation of every field that is known, or that somebody gives."""
        pick = self._pick
        chosen = dict(choose_beside_price(self._case))
        if pick is not None:
            chosen["price"] = pick.chosen
        for field in ("price", "market_cap", "fdv", *sorted(CHANGES)):
            passed = tuple(self._not_taken(field, chosen.get(field)))
            if field in chosen or passed:
                yield field, self._explain(field, chosen.get(field), passed)
        if pick is not None:
            rule = "who gives the price; `:thin` marks a thin pool's"
            yield "price_source", FieldExplanation(value=pick.label, rule=rule)
            spread = spread_pct(self._case.prices)
            if spread is not None:
                prices = ", ".join(f"{p.source} {number(p.price)}" for p in self._case.prices)
                rule = f"greatest less least price in percent of the median: {prices}"
                yield "price_spread_pct", FieldExplanation(value=spread, rule=rule)

    # -- what was taken ---------------------------------------------------------------------------
    def _explain(
        self, field: str, chosen: Chosen | None, passed: tuple[Passed, ...]
    ) -> FieldExplanation:
        if chosen is None:
            return self._taken(None, self._rule(field), passed)
        pick = self._pick
        if field == "price" and pick is not None and pick.blend is not None:
            kept = pick.blend.kept
            parts = [f"{p.source} {number(p.price)} ({number(p.weight)} USD)" for p in kept]
            rule = "mean of fresh prices by the liquidity behind them: " + ", ".join(parts)
            sources = "+".join(p.source for p in kept)
            return self._taken(Claim(sources, pick.value, chosen.observed_ms), rule, passed)
        view = chosen.candidate.view
        claim = Claim(
            chosen.candidate.source,
            chosen.value,
            chosen.observed_ms,
            view.pool.pool_address if view else None,
        )
        return self._taken(claim, self._rule(field), passed)

    def _rule(self, field: str) -> str:
        if field in WINDOW_CHANGES:
            return "from what gives the price, so that price and change are of one market"
        fresh = f"the first fresh one: {order_in_words(self._rules.price_order)}"
        return f"{fresh}; never the fully diluted value" if field == "market_cap" else fresh

    # -- what was not -----------------------------------------------------------------------------
    def _not_taken(self, field: str, chosen: Chosen | None) -> Iterator[Passed]:
        for claim, held in self._claims(field):
            part = (claim.source, claim.pool)
            if field == "price" and part in self._parts:
                found = self._parts[part]
            elif held is None:
                found = self._judge_source(field, claim, chosen)
            else:
                found = self._judge_pool(field, claim, held, chosen)
            if found is not None:
                yield self._passed(claim, *found)

    def _claims(self, field: str) -> Iterator[tuple[Claim, StampedPool | None]]:
        """Yield what everybody gives; of pools all for the price, else the one that gives it."""
        best = self._case.best
        for source, reading in sorted(self._readings.items()):
            stamped = reading.fields.get(field)
            if stamped is not None and isinstance(stamped.value, int | float):
                yield Claim(source, stamped.value, stamped.observed_ms), None
            for held in reading.pools.values() if source in self._rules.pool_sources else ():
                value = getattr(held.pool, field, None)
                wanted = field == "price" or (best is not None and held.pool is best.view.pool)
                if wanted and value is not None:
                    yield Claim(source, value, held.observed_ms, held.pool.pool_address), held

    def _judge_parts(self) -> Iterator[tuple[tuple[str, str | None], Verdict | None]]:
        """Yield source and pool of each price that a mean could be of, and why it is not."""
        blend = self._pick.blend if self._pick is not None else None
        if blend is None:
            return
        for price in self._case.agreed:
            found: Verdict | None = None
            if price not in blend.weighted:
                found = ("no_weight", "nobody knows how much liquidity is behind it")
            elif price not in blend.kept:
                far = f"more than {number(self._rules.outlier_pct)} % from the weighted median"
                found = ("outlier", far)
            address = price.view.pool.pool_address if price.view is not None else None
            yield (price.source, address), found

    def _judge_source(self, field: str, claim: Claim, chosen: Chosen | None) -> Verdict | None:
        """Return why a source's figure was not taken, None when it was."""
        source, reading = claim.source, self._readings[claim.source]
        candidate = self._candidates.get(source)
        if field not in self._case.believed[source].fields:
            return "drained", drained_words(source, reading)
        if source in self._case.outvoted:
            return "outvoted", outvoted_words(self._case.consensus)
        if candidate is None:
            return "not_in_order", f"PRICE_ORDER leaves out {source}"
        return self._judge_candidate(field, claim, candidate, chosen)

    def _judge_pool(
        self, field: str, claim: Claim, held: StampedPool, chosen: Chosen | None
    ) -> Verdict | None:
        """Return why a pool's figure was not taken, None when it was."""
        best, view = self._case.best, self._views.get((claim.source, held.pool.pool_address))
        if view is None:
            return self._stale(claim.observed_ms, self._rules.sums_stale_ms, "a pool")
        quote = self._quotes.get(held.pool.pool_address)
        if view.weight.standing == "dead":
            return self._of_view("dead_pool", view)
        if best is not None and view is best.view and self._of_pool is not None:
            return self._judge_candidate(field, claim, self._of_pool, chosen)
        if view.weight.standing == "untraded" and (quote is None or quote is view):
            return self._of_view("untraded", view)
        if quote is not view:
            return "lower_rank", "the same pool is taken from another source"
        if best is None or not view.pool.price:
            return "impossible", IMPOSSIBLE
        return self._judge_view(view, best)

    def _judge_view(self, view: PoolView, best: PricePool) -> Verdict:
        """Return why a pool that counts does not give the price."""
        reason = best.verdict(view)
        if reason != "smaller":
            return self._of_view(reason, view)
        if self._of_pool is None:
            return self._of_view("not_in_order", view)
        if best.thin:
            traded = number(view.pool.volume_24h)
            return reason, f"the most traded pool counts; this one has {traded} USD"
        backed = number(view.weight.say)
        return reason, f"the deepest pool counts; of this one {backed} USD are backed"

    def _judge_candidate(
        self, field: str, claim: Claim, candidate: PriceCandidate, chosen: Chosen | None
    ) -> Verdict | None:
        """Return why a figure in the order of the price was not taken, None when it was."""
        if chosen is not None and candidate is chosen.candidate:
            return None
        view = candidate.view
        if candidate.offer(field) is None:
            if view is not None and candidate.reason and field in candidate.withheld:
                return self._of_view(candidate.reason, view)
            return "impossible", IMPOSSIBLE
        if view is not None and view.steadiness == RARE:
            return self._of_view("rare", view)
        place = find_place(candidate, claim.observed_ms, self._cut)
        if place is None:
            return self._stale(claim.observed_ms, self._rules.kept_ms, "a price")
        if field in WINDOW_CHANGES:
            return self._judge_change(claim, candidate)
        return self._judge_place(claim, place, chosen)

    def _judge_change(self, claim: Claim, candidate: PriceCandidate) -> Verdict:
        if self._pick is None:
            return "other_giver", "no price is known, so no change is shown"
        if candidate is self._pick.chosen.candidate:
            return self._stale(claim.observed_ms, self._rules.price_stale_ms, "a change")
        return "other_giver", f"the price is {self._pick.label}'s, so its changes are shown"

    def _judge_place(self, claim: Claim, place: Place, chosen: Chosen | None) -> Verdict:
        """Return by what a figure lost to the one that was chosen."""
        assert chosen is not None  # noqa: S101 - of figures that have a place one is chosen
        reason, first = lost_by(place, chosen, self._cut), chosen.candidate.source
        if reason == "stale":
            return self._stale(claim.observed_ms, self._rules.price_stale_ms, "a price")
        if reason == "older" and place[0] == KEPT:
            return reason, "none is fresh; the newest is kept for a while"
        if reason == "older":
            later_ms = chosen.observed_ms - claim.observed_ms
            return reason, f"{first} saw it {span(later_ms)} later"
        if reason == "lower_rank":
            order = order_in_words(self._rules.price_order)
            return reason, f"{first} is before it: {order}"
        return "lower_rank", "the mean is of one price of each source: its best pool's"
