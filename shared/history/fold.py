"""Folds what commits say of tokens into candles that are not stored yet. Pure.

What the committed state says of a look (docs/HISTORY.md): a row's `observed_ms` moves on when a
source was read, at the latest 30 s after the last move; a price that changes was looked at; a row
that is `stale`, or has no price, has no fresh price.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from shared.history.candle import SECONDS, TIERS, StoredCandle, Tier, merged

_STEPS: Final[tuple[tuple[Tier, int], ...]] = tuple((tier, SECONDS[tier]) for tier in TIERS)


class Look(Struct, frozen=True, kw_only=True, gc=False):
    """What a candle needs of a committed row."""

    price: float | None = None
    price_source: str = ""
    observed_ms: int = 0
    stale: bool = False
    liquidity: float | None = None
    market_cap: float | None = None
    volume_5m: float | None = None
    volume_1h: float | None = None
    volume_24h: float | None = None


read_look: Final = msgspec.json.Decoder(Look).decode  # of a whole row as JSON; raises ValueError


class TokenState(Struct, gc=False):
    """What is remembered of a token between two looks; `tokens` in the database gives it back."""

    id: str
    price: float | None = None
    by: str = ""
    observed_ms: int = 0
    at_ms: int = 0  # of the last look; 0: none
    fresh_ms: int = 0  # the price counts as fresh until then
    hot: bool = False  # it has minutes
    volume: float = 0.0  # of the last hour, which says how hot it is
    cap_high: float | None = None  # the highest market cap of all looks, and when
    cap_high_ms: int | None = None


class Folded(Struct):
    """Candles, or parts of them, by (token id, start) and tier, in the order of their looks."""

    tiers: dict[Tier, dict[tuple[str, int], StoredCandle]] = msgspec.field(
        default_factory=lambda: {tier: {} for tier in TIERS}
    )

    def add(self, tier: Tier, token_id: str, part: StoredCandle) -> None:
        """Add a part that came after all others of its interval."""
        found = self.tiers[tier]
        before = found.get((token_id, part.t))
        found[token_id, part.t] = part if before is None else merged(before, part)

    def put_before(self, older: Folded) -> None:
        """Take back what was given out and not stored."""
        for tier, parts in older.tiers.items():
            newer, self.tiers[tier] = self.tiers[tier], parts
            for (token_id, _), part in newer.items():
                self.add(tier, token_id, part)

    def size(self) -> int:
        """Return the number of candles that wait."""
        return sum(len(parts) for parts in self.tiers.values())

    def shed(self, most: int) -> list[tuple[Tier, int, int]]:
        """Leave out the oldest candles of each tier that has more than `most`.

        The same looks stay in the next tier, whose candles are longer. Returns (tier, first, last
        start) of what was left out.
        """
        lost: list[tuple[Tier, int, int]] = []
        for tier, parts in self.tiers.items():
            if len(parts) <= most:
                continue
            starts = sorted({t for _, t in parts})
            first, last = starts[0], starts[(len(starts) - 1) // 2]
            self.tiers[tier] = {at: part for at, part in parts.items() if at[1] > last}
            lost.append((tier, first, last))
        return lost


def price_of(look: Look) -> float | None:
    """Return a row's price; 0 is none."""
    price = look.price
    return price if price is not None and price > 0 and math.isfinite(price) else None


def fold(into: Folded, state: TokenState, look: Look, at_ms: int, fresh_for_ms: int) -> bool:
    """Fold one committed row into the candles and the token's state; return whether it was a look.

    `at_ms` is the time of the commit, `fresh_for_ms` how long a price counts after it was observed.
    A row that is committed with what is known already is no look: nobody read the token.
    """
    price = price_of(look)
    if price is None or look.stale:
        end_freshness(into, state, at_ms)
        if price is None:
            state.price = None
        return False
    new = (price, look.price_source, look.observed_ms)
    if state.at_ms and new == (state.price, state.by, state.observed_ms):
        return False
    back = at_ms < state.at_ms  # the store's clock went back
    fresh_ms = min(look.observed_ms, at_ms) + fresh_for_ms
    if not back:
        fresh_ms = max(fresh_ms, state.fresh_ms)
    moved = price != state.price
    for tier, step in _STEPS:
        if tier == "1m" and not state.hot:
            continue
        start = at_ms // 1000 // step * step
        cover = _credit(state, start * 1000, step * 1000, at_ms, fresh_ms, back=back)
        _add(into, tier, state, look, start=start, at_ms=at_ms, cover_ms=cover, moved=moved)
    state.price, state.by, state.observed_ms = new
    state.at_ms, state.fresh_ms, state.volume = at_ms, fresh_ms, look.volume_1h or 0.0
    if look.market_cap is not None and look.market_cap > (state.cap_high or 0.0):
        state.cap_high, state.cap_high_ms = look.market_cap, at_ms
    return True


def _credit(
    state: TokenState, start_ms: int, step_ms: int, at_ms: int, fresh_ms: int, *, back: bool
) -> int:
    """Return by how much a look prolongs the fresh time in the interval that it is in, in ms.

    The time until the price will grow old is credited at once: nothing is written when it passes.
    """
    end_ms = start_ms + step_ms
    until = min(fresh_ms, end_ms)
    if back or not state.at_ms:
        return max(0, until - at_ms)
    if state.at_ms >= start_ms:
        return max(0, until - max(at_ms, min(state.fresh_ms, end_ms)))
    return max(0, min(state.fresh_ms, at_ms) - start_ms) + max(0, until - at_ms)


def _add(
    into: Folded,
    tier: Tier,
    state: TokenState,
    look: Look,
    *,
    start: int,
    at_ms: int,
    cover_ms: int,
    moved: bool,
) -> None:
    """Add one look to the interval that begins at `start`."""
    price, by = look.price or 0.0, look.price_source
    found = into.tiers[tier]
    candle = found.get((state.id, start))
    if candle is None or not candle.n:
        cover_ms += candle.cover_ms if candle is not None else 0
        found[state.id, start] = StoredCandle(
            t=start, o=price, h=price, l=price, c=price, n=1, by=by, mixed=False, moved=moved,
            cover_ms=cover_ms, last_ms=at_ms, liquidity=look.liquidity, market_cap=look.market_cap,
            volume_5m=look.volume_5m, volume_1h=look.volume_1h, volume_24h=look.volume_24h,
        )  # fmt: skip
        return
    # In place: this is the hottest line of the recorder.
    if price > candle.h:
        candle.h = price
    elif price < candle.l:
        candle.l = price
    candle.c, candle.n, candle.last_ms = price, candle.n + 1, at_ms
    candle.mixed = candle.mixed or candle.by != by
    candle.by, candle.moved = by, candle.moved or moved
    candle.cover_ms += cover_ms
    candle.liquidity, candle.market_cap = look.liquidity, look.market_cap
    candle.volume_5m, candle.volume_1h = look.volume_5m, look.volume_1h
    candle.volume_24h = look.volume_24h


def end_freshness(into: Folded, state: TokenState, at_ms: int) -> None:
    """Take back what was credited beyond `at_ms`: the price is not fresh any more."""
    if state.at_ms and state.fresh_ms > at_ms:
        for tier, step in _STEPS:
            if tier == "1m" and not state.hot:
                continue
            start = state.at_ms // 1000 // step * step
            end_ms = (start + step) * 1000
            over = min(state.fresh_ms, end_ms) - max(at_ms, state.at_ms)
            if over > 0:
                into.add(tier, state.id, _cover_only(start, -over))
        state.fresh_ms = max(at_ms, state.at_ms)


def _cover_only(start: int, cover_ms: int) -> StoredCandle:
    return StoredCandle(
        t=start, o=0.0, h=0.0, l=0.0, c=0.0, n=0, by="", mixed=False, moved=False,
        cover_ms=cover_ms, last_ms=0,
    )  # fmt: skip


def hottest(
    volumes: Iterable[tuple[str, float]], watched: Iterable[str], now: set[str], most: int
) -> set[str]:
    """Return the tokens that have minutes: watched ones, then those with the greatest volume.

    Who is among them (`now`) leaves only for one that is greater by a quarter, so that the minutes
    of a token at the border are not full of holes.
    """
    followed = set(watched)
    scored = [
        (token in followed, volume * 1.25 if token in now else volume, token)
        for token, volume in volumes
    ]
    if len(scored) > most:
        scored.sort(reverse=True)
    return {token for _, _, token in scored[:most]}
