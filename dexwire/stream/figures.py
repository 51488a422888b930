"""What lists can be filtered by (docs/HTTP.md, "Filters"): figures, marks and stages.

A figure is limited by `min_<figure>` and `max_<figure>`; marks stand in `has=` and `not=`.
"""

from __future__ import annotations

from typing import Final

# One figure a window: the row's field is `<figure>_<window>`.
WINDOWED_FIGURES: Final = (
    "volume", "price_change", "transactions", "traders", "net_buyers", "buy_volume", "sell_volume",
    "organic_volume",
)  # fmt: skip
# Minutes since a time of the row.
AGES: Final = {"age_minutes": "created_ms", "graduated_minutes": "graduated_ms"}
FIGURES: Final = (
    "price", "liquidity", "market_cap", "fdv", *WINDOWED_FIGURES, "price_change_7d", "holders",
    "top_holders_pct", "dev_pct", "dev_mints", "organic_score", "boosts", "graduation_pct", *AGES,
)  # fmt: skip
SIGNED: Final = ("price_change", "price_change_7d", "net_buyers")  # what can be below zero

FACTS: Final = ("mint_revoked", "freeze_revoked", "verified")  # true or false in the row
FLAGS: Final = (
    "suspicious", "drained", "copycat", "mintable", "freezable", "boosted", "thin",
)  # fmt: skip
MARKS: Final = (*FACTS, *FLAGS)
STAGES: Final = ("curve", "completed", "graduated")
