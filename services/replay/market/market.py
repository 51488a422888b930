"""The market: all tokens, and what they look like at one second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import count
from math import isqrt
from typing import Any, Final

from services.replay.market import moves
from services.replay.market.assets import quote_tokens
from services.replay.market.generated import generate_pools, generate_token
from services.replay.market.model import DAY_MS, WINDOW_MS, MarketToken, Pool, PoolState
from services.replay.market.newcomers import STAY_MS, generate_newcomer, newcomer_pools
from services.replay.market.noise import key_of
from services.replay.market.recorded import (
    Id,
    icons_of,
    read_recordings,
    recorded_pools,
    recorded_tokens,
)
from services.replay.market.signals import boosts
from shared.spellings import canonical_address

TICK_MS: Final = 1000  # figures of one tick are the same in every answer
_MAX_NEWCOMERS: Final = 120
_NOTICED_MS: Final = 5_000
_LEADERS: Final = 60  # tokens that lists are led by, per group
_TURN_MS: Final = 1000  # lists show another slice of the market this often
_SALT: Final = 7919  # keeps lists apart that start from neighbouring salts


@lru_cache(maxsize=1024)
def _prime_from(least: int) -> int:
    """Return the smallest prime of at least `least`."""
    return next(n for n in count(least) if all(n % d for d in range(2, isqrt(n) + 1)))


def slice_of(
    tokens: Sequence[MarketToken], size: int, turn: int, page: int = 1
) -> list[MarketToken]:
    """Return the slice of a turn; pages of one turn follow each other and do not overlap.

    Starts are evenly spaced, closer than `size`, and a prime number of at least 67. So a steady
    poll, once in s turns, gets to all of them for every s below 67; with another number a poll of
    10 s could see the same few slices for ever.
    """
    total, before = len(tokens), (page - 1) * size
    if before >= total:
        return []
    starts = _prime_from(max(67, -(-total // size)))
    first = (turn % starts * total // starts + before) % total
    size = min(size, total - before)
    part = list(tokens[first : first + size])
    return part + list(tokens[: size - len(part)])


class Market:
    """Tokens and pools with their anchors. What it remembers between calls is only cached."""

    def __init__(self, seed: int, payloads: Mapping[str, Any], size: int) -> None:
        """Build `size` tokens from recorded payloads (path → body) and, beyond those, generated."""
        self.seed = seed
        self.recordings = read_recordings(payloads)
        self.quotes = quote_tokens(seed, icons_of(self.recordings))
        anchors = {t.id: t for group in self.quotes.values() for t in group}
        self._by_id: dict[Id, MarketToken] = recorded_tokens(self.recordings, seed, anchors)
        self._pools: dict[Id, tuple[Pool, ...]] = self._recorded_pools()
        listed = [t for t in self._by_id.values() if not t.quote and self.pools_of(t)]
        grown = max(0, size - len(listed))
        self._newcomers = min(_MAX_NEWCOMERS, grown // 2)
        for number in range(grown - self._newcomers):
            token = generate_token(key_of(seed, "token", number))
            self._by_id[token.id] = token
            listed.append(token)
        self.size = len(listed) + self._newcomers
        listed.sort(key=lambda token: token.key)  # shuffled: recorded among generated
        self.listed: dict[str, tuple[MarketToken, ...]] = {
            chain: tuple(t for t in listed if t.chain == chain) for chain in self.quotes
        }
        self.listed["all"] = tuple(listed)
        self._last: MarketSnapshot | None = None
        self._alive: dict[int, MarketToken] = {}

    def _recorded_pools(self) -> dict[Id, tuple[Pool, ...]]:
        by_token: dict[Id, list[Pool]] = {}
        for pool in recorded_pools(self.recordings, self.seed, self._by_id):
            for side in pool.sides:
                by_token.setdefault(side.id, []).append(pool)
        return {
            key: tuple(sorted(pools, key=lambda p: -p.liquidity)) for key, pools in by_token.items()
        }

    def pools_of(self, token: MarketToken) -> tuple[Pool, ...]:
        """Return the pools that ever have the token on either side, deepest first."""
        pools = self._pools.get(token.id)
        if pools is None:
            quotes = self.quotes.get(token.chain)
            generate = newcomer_pools if token.born_ms else generate_pools
            pools = generate(token, quotes) if quotes and not token.quote else ()
            self._pools[token.id] = pools
        return pools

    def pool(self, chain: str, address: str) -> Pool | None:
        """Return a pool of a token that is listed or a newcomer, by its address in any case."""
        wanted = (chain, address.lower())
        newcomers = (pool for token in self._alive.values() for pool in self.pools_of(token))
        fresh = (pool for pool in newcomers if (pool.chain, pool.canonical.lower()) == wanted)
        return self._listed_pools.get(wanted) or next(fresh, None)

    @cached_property
    def _listed_pools(self) -> dict[tuple[str, str], Pool]:
        pools = (pool for token in self.listed["all"] for pool in self.pools_of(token))
        return {(pool.chain, pool.canonical.lower()): pool for pool in pools}

    @cached_property
    def leaders(self) -> dict[str, tuple[MarketToken, ...]]:
        """The tokens that usually trade most, of each chain and of all."""
        sample = {chain: tokens[: 10 * _LEADERS] for chain, tokens in self.listed.items()}
        return {
            chain: tuple(sorted(tokens, key=self._usual_volume, reverse=True)[:_LEADERS])
            for chain, tokens in sample.items()
        }

    @cached_property
    def boosted(self) -> tuple[MarketToken, ...]:
        """The tokens, newcomers aside, that somebody has paid boosts for."""
        return tuple(token for token in self.listed["all"] if boosts(token))

    def _usual_volume(self, token: MarketToken) -> float:
        return sum(pool.volume for pool in self.pools_of(token))

    def newcomers(self, now_ms: int) -> list[MarketToken]:
        """Return the tokens that came within STAY_MS, newest first.

        One comes each `STAY_MS / n`, and the oldest of them is forgotten. Sources know of a token
        some seconds after its birth.
        """
        if not self._newcomers:
            return []
        step = STAY_MS // self._newcomers
        newest = (now_ms - _NOTICED_MS) // step
        births = range(newest, newest - self._newcomers, -1)
        for gone in self._alive.keys() - set(births):
            token = self._alive.pop(gone)
            self._by_id.pop(token.id, None)
            self._pools.pop(token.id, None)
        for birth in births:
            if birth not in self._alive:
                token = generate_newcomer(self.seed, birth, step)
                self._alive[birth] = token
                self._by_id[token.id] = token
        return [self._alive[birth] for birth in births]

    def find(self, chain: str, canonical: str) -> MarketToken | None:
        return self._by_id.get((chain, canonical))

    def find_everywhere(self, address: str) -> list[MarketToken]:
        """Return the tokens of an address on any chain."""
        known = ((chain, canonical_address(chain, address) or address) for chain in self.quotes)
        found = (self._by_id.get(each) for each in known)
        return [token for token in found if token]

    def named(self, text: str, chains: Iterable[str]) -> list[MarketToken]:
        """Return tokens whose name, symbol or address holds the text; case does not count."""
        wanted = text.lower()
        return [
            token
            for token in self._by_id.values()
            if token.chain in chains
            and (
                wanted in token.symbol.lower()
                or wanted in token.name.lower()
                or wanted == token.canonical.lower()
            )
        ]

    def at(self, now_ms: int) -> MarketSnapshot:
        """Return the market at the second that `now_ms` is in."""
        tick_ms = now_ms // TICK_MS * TICK_MS
        if self._last is None or self._last.now_ms != tick_ms:
            self._last = MarketSnapshot(self, tick_ms)
        return self._last


class MarketSnapshot:
    """The market at one second; figures are computed when first read and then kept."""

    def __init__(self, market: Market, now_ms: int) -> None:
        self.market = market
        self.now_ms = now_ms
        self.newcomers = market.newcomers(now_ms)
        self._states: dict[tuple[int, int], PoolState] = {}
        self._prices: dict[tuple[int, int], float] = {}

    def price(self, token: MarketToken, at_ms: int) -> float:
        key = (token.key, at_ms)
        price = self._prices.get(key)
        if price is None:
            price = self._prices[key] = moves.price(token, at_ms)
        return price

    def created_ms(self, pool: Pool) -> int:
        """Return the pool's creation; one that a slow clock has not reached is put back."""
        shift_ms = 3 * 365 * DAY_MS
        return pool.created_ms if pool.created_ms <= self.now_ms else pool.created_ms - shift_ms

    def state(self, pool: Pool, lag_ms: int = 0) -> PoolState:
        """Return the pool's figures, as a source sees it that is `lag_ms` behind."""
        key = (pool.key, lag_ms)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = self._compute(pool, self.now_ms - lag_ms)
        return state

    def pools_of(self, token: MarketToken, lag_ms: int = 0) -> tuple[Pool, ...]:
        """Return the token's pools that are open, deepest first, those on its quote side too."""
        pools = self.market.pools_of(token)
        if not token.born_ms:
            return pools
        return tuple(pool for pool in pools if pool.created_ms <= self.now_ms - lag_ms)

    def states(self, token: MarketToken, lag_ms: int = 0) -> list[PoolState]:
        """Return the figures of a token's open pools, deepest first."""
        return [self.state(pool, lag_ms) for pool in self.pools_of(token, lag_ms)]

    def _compute(self, pool: Pool, at_ms: int) -> PoolState:
        created_ms = self.created_ms(pool)
        flows = moves.flows(pool, created_ms, at_ms)
        base, quote = self.price(pool.base, at_ms), self.price(pool.quote, at_ms)
        spread = moves.pool_spread(pool, at_ms)
        changes = {
            name: moves.change_pct(base, self.price(pool.base, max(created_ms, at_ms - length)))
            if flows[name].trades
            else None
            for name, length in WINDOW_MS.items()
        }
        return PoolState(
            pool=pool,
            price=base * spread,
            quote_price=quote,
            created_ms=created_ms,
            liquidity=moves.liquidity(pool, at_ms, base / pool.base.price),
            flows=flows,
            changes=changes,
        )

    def turn(self, salt: int) -> int:
        return self.now_ms // _TURN_MS + salt * _SALT

    def rising(self, group: str, size: int, salt: int) -> list[MarketToken]:
        """Return `size` tokens of a chain, or of "all": leaders, newcomers and a slice of the rest.

        A fifth are leaders so that a list has a steady head; the slice makes sure that everything
        is seen sooner or later. `salt` keeps lists apart. In no order.
        """
        market = self.market
        turn = self.turn(salt)
        fresh = [t for t in self.newcomers if group in {"all", t.chain}]
        leading, coming = size // 5, size // 10
        chosen = {
            token.key: token
            for token in (
                *slice_of(market.leaders[group], leading, turn // 60),
                *slice_of(fresh, coming, turn),
                *slice_of(market.listed[group], max(1, size - leading - coming), turn),
            )
        }
        for token in slice_of(market.listed[group], 2 * size, turn):  # for those seen twice
            if len(chosen) < size:
                chosen.setdefault(token.key, token)
        return list(chosen.values())[:size]

    def sweep(self, group: str, size: int, page: int, salt: int) -> list[MarketToken]:
        """Return a page of tokens of a chain or of all; pages of one moment do not overlap."""
        return slice_of(self.market.listed[group], size, self.turn(salt), page)
