"""Safety, people, promotion and links across sources (docs/DATA.md, "Signals").

Where sources differ on what keeps people safe, the worse value stands. What is not known is never
taken for safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from shared.merge.pools import Cutoffs, Pools, PoolView
from shared.merge.readings import SourceReading, Stamped
from shared.model import LINK_KINDS, WINDOWS, fields_of

# False is worse. They do not grow old: what is revoked stays revoked, and an authority that was
# seen once does not count as revoked because no source has looked since.
ASSURANCES: Final = frozenset(fields_of("assurance"))
WORST: Final = frozenset(fields_of("share", "mints"))  # the larger is worse
TRADERS: Final = fields_of("traders")
FIRST: Final = frozenset(fields_of("score", "net", "boosts", "progress"))
SPLITS: Final = {  # by window: together of one source
    f"{kind}_volume_{window}": window for kind in ("buy", "sell", "organic") for window in WINDOWS
}
IN_POOLS: Final = ""  # the owner of a number of traders that was seen in a pool
AGELESS: Final = ASSURANCES | {"image", "links"}


class Signals:
    """What is known, and whose each figure is."""

    __slots__ = ("links", "owners", "values", "windows")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.owners: dict[str, str] = {}  # field → source; IN_POOLS: a pool's
        self.links: dict[str, str] = {}  # kind → source
        self.windows: dict[str, str] = {}  # window → whose parts of a volume are taken

    def put(self, field: str, value: object, source: str) -> None:
        """Take a figure over the one that was held."""
        self.values[field], self.owners[field] = value, source


def choose_signals(
    believed: Mapping[str, SourceReading],
    ranked: tuple[str, ...],
    views: list[PoolView],
    cut: Cutoffs,
) -> Signals:
    """Return what the sources say of a token beside its figures; `ranked` is in name order."""
    found = Signals()
    for source in ranked:
        for name, stamped in believed[source].signals.items():
            take = _TAKE.get(name)
            if take is None or stamped.value is None:
                continue
            if not is_stale(name, stamped, cut):
                take(found, name, stamped.value, source)
    if any(view.pool.traders_24h is not None for view in views):
        for field in TRADERS:
            most = max(getattr(view.pool, field) or 0 for view in views)
            if most > found.values.get(field, 0):
                found.put(field, most, IN_POOLS)
    return found


def is_stale(name: str, stamped: Stamped, cut: Cutoffs) -> bool:
    """Return whether something was reported too long ago to count."""
    return stamped.observed_ms <= cut.sums and name not in AGELESS


def _first(found: Signals, name: str, value: object, source: str) -> None:
    if name not in found.values:
        found.put(name, value, source)


def _largest(found: Signals, name: str, value: Any, source: str) -> None:  # noqa: ANN401
    if name not in found.values or value > found.values[name]:
        found.put(name, value, source)


def _false_if_anybody(found: Signals, name: str, value: object, source: str) -> None:
    if name not in found.values or (value is False and found.values[name]):
        found.put(name, value, source)


def _of_one_source(found: Signals, name: str, value: object, source: str) -> None:
    if found.windows.setdefault(SPLITS[name], source) == source:
        found.put(name, value, source)


def _add_links(found: Signals, name: str, value: Any, source: str) -> None:  # noqa: ANN401
    """Take the kinds of links that no source before this one has."""
    held = found.values.get(name, {})
    new = {kind: url for kind, url in value.items() if kind not in held and kind in LINK_KINDS}
    if new:
        both = {**held, **new}
        found.links.update(dict.fromkeys(new, source))
        found.put(name, {kind: both[kind] for kind in LINK_KINDS if kind in both}, source)


_Take: TypeAlias = Callable[[Signals, str, Any, str], None]
_TAKE: Final[dict[str, _Take]] = {
    **dict.fromkeys(ASSURANCES, _false_if_anybody),
    **dict.fromkeys((*WORST, *TRADERS), _largest),
    **dict.fromkeys((*FIRST, "image"), _first),
    **dict.fromkeys(SPLITS, _of_one_source),
    "links": _add_links,
}


# -- flags ----------------------------------------------------------------------------------------
def find_suspicious(readings: Mapping[str, SourceReading]) -> str | None:
    """Return the first source that calls the token suspicious."""
    for source, reading in sorted(readings.items()):
        stamped = reading.signals.get("suspicious")
        if stamped is not None and stamped.value is True:
            return source
    return None


def find_drained(
    readings: Mapping[str, SourceReading], believed: Mapping[str, SourceReading], pools: Pools
) -> tuple[str, ...]:
    """Return who says that less than 1 USD of liquidity is left: of the token, or of every pool."""
    if believed is not readings:
        return tuple(sorted(s for s in readings if believed[s] is not readings[s]))
    if pools.traded.sums or pools.untraded.sums:
        return ()
    return tuple(sorted(source for source, views in pools.by_source.items() if views))


def flags_of(
    found: Signals, *, drained: str, suspicious: str | None, thin: str | None
) -> dict[str, str]:
    """Return what a row warns of, sorted, and the source of each; of several joined with "+".

    `copycat` is added by who knows the other rows.
    """
    values, owners = found.values, found.owners
    sources = {
        "boosted": owners["boosts"] if values.get("boosts") else None,
        "drained": drained,
        "freezable": owners["freeze_revoked"] if values.get("freeze_revoked") is False else None,
        "mintable": owners["mint_revoked"] if values.get("mint_revoked") is False else None,
        "suspicious": suspicious,
        "thin": thin,
    }
    return {flag: source for flag, source in sources.items() if source}


def is_copycat(same_ticker: Mapping[str, Any] | None) -> bool:
    """Return whether another token of this ticker is older, and another more liquid."""
    return same_ticker is not None and not (same_ticker["oldest"] or same_ticker["most_liquid"])
