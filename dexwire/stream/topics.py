"""Names of topics, built and parsed (docs/STREAM.md, "Topics")."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Sort: TypeAlias = Literal[
    "volume",
    "liquidity",
    "market_cap",
    "price_change",
    "transactions",
    "newest",
    "trending",
    "traders",
    "holders",
    "organic_score",
    "graduation_pct",
    "graduated",
]
Window: TypeAlias = Literal["5m", "1h", "6h", "24h"]
Order: TypeAlias = Literal["desc", "asc"]

SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
WINDOWS: Final[tuple[Window, ...]] = get_args(Window)
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
# Sorts that have a figure a window.
WINDOWED: Final = ("volume", "price_change", "transactions", "trending", "traders")
LIST_SIZES: Final = (10, 25, 50, 100, 200)
LEVELS: Final = (1, 2, 3, 4)  # of alerts
NAMED: Final = ("listed", "graduated")  # alerts without a level; each has topics of its own
ONLY_NAMED: Final = ("listed",)  # those that are on no other topic, because they are many

ALL: Final = "all"
WATCHLIST: Final = "tokens"
ALERTS: Final = "alerts"
NO_WINDOW: Final = "-"  # of a list whose sort has one figure
ANY_CHAIN: Final = "*"
LIST_FORM: Final = "list:<sort>:<window>:<order>:<chain|*>:<n>"


def chain_topic(chain: str) -> str:
    """Return the topic of a canonical chain id."""
    return f"chain:{chain}"


def token_topic(ident: str) -> str:
    """Return the topic of a canonical token id."""
    return f"token:{ident}"


def list_topic(sort: str, window: str, order: str, chain: str | None, size: int) -> str:
    """Return the topic of a list; `window` does not matter to a sort that has none."""
    of = window if sort in WINDOWED else NO_WINDOW
    return f"list:{sort}:{of}:{order}:{chain or ANY_CHAIN}:{size}"


def alerts_topic(
    level: int = 1, *, chain: str | None = None, ident: str | None = None, kind: str = ""
) -> str:
    """Return the topic of alerts of at least a level, or of one of NAMED only.

    They are of all, of a chain, or of a token.
    """
    of = f":{token_topic(ident)}" if ident else f":{chain}" if chain else ""
    which = f":{kind}" if kind else f":L{level}" if level > LEVELS[0] else ""
    return f"{ALERTS}{of}{which}"


def is_alerts(topic: str) -> bool:
    """Return whether a topic carries events; all others carry rows."""
    return topic == ALERTS or topic.startswith(f"{ALERTS}:")
