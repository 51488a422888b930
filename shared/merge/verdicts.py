"""Why something was not taken: the words that the rules decide with. Explanations say them."""

from __future__ import annotations

from typing import Literal, TypeAlias

# Each comes with a sentence for people (shared/merge/words.py).
Reason: TypeAlias = Literal[
    "stale",  # too old for what it is
    "rare",  # seen too seldom to be relied on
    "older",  # of equals the newest counts
    "smaller",  # a larger figure, or a pool with more behind it, is there
    "lower_rank",  # somebody before it in the order gives one
    "other_giver",  # it belongs to a price that was not taken
    "not_in_order",  # the order leaves it out
    "outlier",  # too far from the others
    "no_weight",  # no known liquidity behind it
    "thin",  # too little liquidity to be believed
    "untraded",  # nobody has traded in the pool for a day
    "unbacked",  # more liquidity than its trades back
    "outvoted",  # more sources agree on another price
    "dead_pool",  # next to no liquidity at all
    "drained",  # the source itself says that there is next to no liquidity
    "quote_side",  # it describes the other token of the pool
    "impossible",  # no price is 0, nothing falls by more than 100 %
    "later",  # of creations the earliest counts
    "safer",  # of what keeps people safe the worse stands
    "weaker",  # better evidence says otherwise
    "no_curve",  # launches of this kind have no stages
    "unreadable",  # a name of which nothing can be seen
]
