"""How figures are merged, as an operator may set it: read by the aggregator, which writes the rows,
and by the api, which explains them. Both must have the same settings.
"""  # noqa: D205

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from shared.merge.policy import MergeRules
from shared.process.settings import ServiceSettings, Words
from shared.sources import POLLED

_DEFAULT: Final = MergeRules()
_PRODUCER: Final = re.compile(r"\Aingest:[a-z][a-z0-9_-]{0,31}\Z")


def _check_order(words: tuple[str, ...], classes: tuple[str, ...]) -> tuple[str, ...]:
    allowed = (*classes, *POLLED)
    for word in words:
        if word not in allowed and not _PRODUCER.match(word):
            raise ValueError(f"{word[:40]!r} is none of {', '.join(allowed)}, ingest:<name>")
    if len(set(words)) < len(words):
        raise ValueError("names something twice")
    if not words:
        raise ValueError("is empty")
    return words


def _check_price_order(words: tuple[str, ...]) -> tuple[str, ...]:
    return _check_order(words, ("pools", "thin", "ingest"))


def _check_name_order(words: tuple[str, ...]) -> tuple[str, ...]:
    return _check_order(words, ("ingest",))


def _check_pool_sources(words: tuple[str, ...]) -> tuple[str, ...]:
    return _check_order(words, ())


class MergeSettings(ServiceSettings):
    """The merge rules (docs/DATA.md). Times in the unit of the name; orders are comma lists."""

    min_pool_liquidity: float = Field(default=_DEFAULT.min_pool_liquidity, ge=0, lt=1e15)
    """USD that a pool needs so that its price counts before thin ones."""
    backing_per_volume: float = Field(default=_DEFAULT.backing_per_volume, gt=0, lt=1e9)
    """USD of a pool's liquidity that each USD traded in 24 h backs."""
    backing_per_trade: float = Field(default=_DEFAULT.backing_per_trade, gt=0, lt=1e15)
    """USD of a pool's liquidity that each trade of 24 h backs at most."""
    backing_per_other: float = Field(default=_DEFAULT.backing_per_other, gt=0, lt=1e9)
    """USD of a pool's liquidity that each USD of the token it trades against backs at most."""
    liquidity_per_backing: float = Field(default=_DEFAULT.liquidity_per_backing, ge=1, lt=1e9)
    """USD of liquidity that are added per backed USD at most; more is not believed."""
    price_stale_s: int = Field(default=_DEFAULT.price_stale_ms // 1000, ge=1, le=86_400)
    """After so long without news a source's price no longer counts."""
    sums_stale_s: int = Field(default=_DEFAULT.sums_stale_ms // 1000, ge=1, le=86_400)
    """After so long without news a source's volume, liquidity and counts no longer count."""
    dead_after_s: int = Field(default=_DEFAULT.dead_after_ms // 1000, ge=2, le=31 * 86_400)
    """A token that no source named for so long is removed."""
    price_rule: Literal["ranked", "weighted"] = _DEFAULT.price_rule
    """ranked: the first fresh source of PRICE_ORDER; weighted: a mean by liquidity."""
    price_outlier_pct: float = Field(default=_DEFAULT.outlier_pct, gt=0, le=1000)
    """With `weighted`: prices further from the weighted median are dropped."""
    price_disagree_pct: float = Field(default=_DEFAULT.disagree_pct, gt=0, le=1e6)
    """Prices further apart contradict each other; the more sources are then believed."""
    price_order: Annotated[Words, AfterValidator(_check_price_order)] = _DEFAULT.price_order
    """Whose price and changes are taken, best first."""
    name_order: Annotated[Words, AfterValidator(_check_name_order)] = _DEFAULT.name_order
    """Whose name and ticker are taken, best first."""
    pool_sources: Annotated[Words, AfterValidator(_check_pool_sources)] = _DEFAULT.pool_sources
    """Whose reading of a pool is taken, best first."""

    @field_validator("dead_after_s")
    @classmethod
    def _outlives_the_figures(cls, dead_after_s: int, info: ValidationInfo) -> int:
        for name in ("price_stale_s", "sums_stale_s"):
            # A bad one is not there, and has its own error.
            if dead_after_s <= info.data.get(name, 0):
                raise ValueError(f"must be more than {name.upper()}, {info.data[name]}")
        return dead_after_s

    def merge_rules(self) -> MergeRules:
        """Return the rules as the merge takes them."""
        return MergeRules(
            min_pool_liquidity=self.min_pool_liquidity,
            backing_per_volume=self.backing_per_volume,
            backing_per_trade=self.backing_per_trade,
            backing_per_other=self.backing_per_other,
            liquidity_per_backing=self.liquidity_per_backing,
            price_stale_ms=self.price_stale_s * 1000,
            sums_stale_ms=self.sums_stale_s * 1000,
            dead_after_ms=self.dead_after_s * 1000,
            pool_sources=self.pool_sources,
            price_order=self.price_order,
            name_order=self.name_order,
            price_rule=self.price_rule,
            outlier_pct=self.price_outlier_pct,
            disagree_pct=self.price_disagree_pct,
        )
