"""Lists from the api's copy: the order that a query asks for, filtered. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from services.api.discover.query import DiscoverQuery
from services.api.live import Live
from shared.state.replica import Replica


def order_of(live: Live, replica: Replica, query: DiscoverQuery) -> list[str]:
    """Return the ids of a query's whole list, in order. Shared: do not change it."""
    orders, filters = replica.orders, query.filters
    if not filters:
        return orders.order(query.metric, query.chain, descending=query.descending)
    among = None if filters.text is None else live.names.naming(filters.text)
    return orders.select(
        query.metric,
        filters.where(replica.committed_ms),
        query.chain,
        among=among,
        descending=query.descending,
    )


def count_of(live: Live, replica: Replica, query: DiscoverQuery) -> int:
    """Return the length of a query's whole list, without ordering it."""
    filters = query.filters
    among = None if filters.text is None else live.names.naming(filters.text)
    where = filters.where(replica.committed_ms)
    return replica.orders.count(query.metric, where, query.chain, among=among)


def still_passing(
    live: Live, replica: Replica, query: DiscoverQuery, ids: Sequence[str]
) -> frozenset[str]:
    """Return those of the ids, all of rows that are here, that pass a query's filters now."""
    passing = replica.orders.those_passing(ids, query.filters.where(replica.committed_ms))
    text = query.filters.text
    return passing if text is None else passing & live.names.naming(text)
