"""One commit, indexed once for all the rooms that it may concern."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from dexwire.stream.trending import fields_of
from services.ws.core.alerts import Event, events_of
from shared.model import RANKED, TRENDING
from shared.state.replica import Change

# A field's label cannot be part of a JSON string, where its quotes would be escaped.
_LABELS: Final = {
    metric: tuple(b'"%b":' % field.encode() for field in fields)
    for metric, fields in (
        *((metric, (field,)) for metric, field in RANKED.items()),
        *((metric, fields_of(window)) for metric, window in TRENDING.items()),
    )
}


class News:
    """A commit that was just applied, and what rooms need of it, made when it is first read."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.v = change.commit.v
        self._touched: dict[tuple[str, str | None], bool] = {}

    @cached_property
    def sets(self) -> dict[str, bytes]:
        """The changed rows by id, as {"id", changed fields}."""
        return dict(self.change.sets)

    @cached_property
    def adds(self) -> dict[str, bytes]:
        """The new or replaced rows by id."""
        return dict(self.change.adds)

    @cached_property
    def changed(self) -> frozenset[str]:
        """The ids of rows that are there and not what they were."""
        return frozenset(self.sets) | frozenset(self.adds)

    @cached_property
    def ids(self) -> frozenset[str]:
        """Every id that the commit names."""
        return self.changed.union(self.change.dels)

    @cached_property
    def chains(self) -> frozenset[str]:
        """The chains of those ids."""
        return frozenset(_chain_of(ident) for ident in self.ids)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Its alerts."""
        return tuple(events_of(self.change.commit))

    def touches(self, metric: str, chain: str | None) -> bool:
        """Return whether the order by a metric, of one chain or of all, may have changed."""
        if chain is not None and chain not in self.chains:
            return False
        key = (metric, chain)
        found = self._touched.get(key)
        if found is None:
            found = self._touched[key] = self._looks_touched(metric, chain)
        return found

    def _looks_touched(self, metric: str, chain: str | None) -> bool:
        change, own = self.change, "" if chain is None else f"{chain}:"
        if any(ident.startswith(own) for ident in (*self.adds, *change.dels)):
            return True
        labels = _LABELS[metric]
        return any(
            ident.startswith(own) and any(label in raw for label in labels)
            for ident, raw in change.sets
        )


def _chain_of(ident: str) -> str:
    return ident.partition(":")[0]
