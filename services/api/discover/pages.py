"""Pages of the list: the first from the live order, later ones of a walk from a pinned order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Final, TypeAlias

from services.api.discover.cursor import (
    NO_VIEW,
    BadCursorError,
    Cursor,
    LostKeyError,
    decode_cursor,
    encode_cursor,
    epoch_hash,
)
from services.api.discover.explaining import explain_rows
from services.api.discover.lists import count_of, order_of, still_passing
from services.api.discover.page import Slice, page_answer
from services.api.discover.pinned_orders import PinnedOrders
from services.api.discover.query import DiscoverQuery, bad_cursor
from services.api.discover.quoting import quote_rows
from services.api.hints import did_you_mean
from services.api.live import Live, Stamp
from shared.edge.http.answer import TaggedAnswer
from shared.edge.http.problem import Problem
from shared.edge.http.storage import storage, warming
from shared.edge.http.visitors import Paying
from shared.keys import id_hash
from shared.model import METRICS
from shared.state.replica import Replica

EXAMINED_MAX: Final = 5_000  # entries that one page of a walk looks at
_READ: Final = 1_000  # of them, those that are read at once where many have left


WithSparks: TypeAlias = Callable[[Sequence[bytes], Sequence[str]], list[bytes]]


def _without_sparks(rows: Sequence[bytes], _: Sequence[str]) -> list[bytes]:
    return list(rows)


class Pages:
    """Makes the pages that `/discover` answers with."""

    def __init__(
        self, live: Live, pinned: PinnedOrders, with_sparks: WithSparks = _without_sparks
    ) -> None:
        self._live = live
        self._pinned = pinned
        self._with_sparks = with_sparks

    async def live_page(
        self, query: DiscoverQuery, paying: Paying = nullcontext
    ) -> tuple[Stamp, TaggedAnswer]:
        """Return a page of the live order and the state it is of. Raises Problem.

        Nobody pays for a page as the store has it: who has used up a share may still see the list.
        """
        if _is_stored(query):
            found = await self._read_store(query)
            paying = paying if query.format == "csv" else nullcontext
        else:
            replica = await self._live.exact()
            with paying():
                found = slice_order(self._live, replica, query)
        next_cursor = None
        if found.next_offset is not None:
            next_cursor = (
                str(found.next_offset) if query.offset else await self._start(query, found)
            )
        with paying():
            found = self._shown(query, found)
            return (found.epoch, found.version), page_answer(found, next_cursor, query)

    async def next_page(
        self,
        query: DiscoverQuery,
        address: str = "",
        paying: Paying = nullcontext,
    ) -> TaggedAnswer:
        """Return the page of a walk that its cursor requests. Raises Problem."""
        secret = await self._pinned.secret()
        with paying():
            cursor = _cursor_of(query, secret)
        replica = await self._live.exact()
        if cursor.epoch != epoch_hash(replica.epoch):
            raise _expired("the list was rebuilt since this cursor was given")
        if cursor.view == NO_VIEW:
            replica = await self._live.exact((replica.epoch, cursor.version))
            view = await self._pinned.pin(query, replica, cursor.version, address, paying)
            cursor = replace(cursor, view=view)
        found, order_version, next_position = await self._walk(query, cursor, paying)
        next_cursor = None
        if next_position is not None:
            moved = replace(cursor, position=next_position)
            next_cursor = encode_cursor(moved, secret)
        with paying():
            found = self._shown(query, found)
            return page_answer(found, next_cursor, query, order_version=order_version)

    def _shown(self, query: DiscoverQuery, found: Slice) -> Slice:
        if not query.spark:
            return found
        return replace(found, rows=self._with_sparks(found.rows, found.ids))

    async def _read_store(self, query: DiscoverQuery) -> Slice:
        start, stop = query.offset, query.offset + query.limit - 1
        async with storage():
            page = await self._live.store.page(
                query.metric, start, stop, descending=query.descending
            )
        if page.seeding:
            raise warming()
        end = start + page.read
        return Slice(
            page.epoch,
            page.version,
            page.committed_ms,
            page.rows,
            page.ids,
            page.total,
            end if page.read == query.limit and end < page.total else None,
        )

    async def _start(self, query: DiscoverQuery, found: Slice) -> str:
        """Return the cursor that follows page one."""
        cursor = Cursor(
            binding=query.binding(),
            epoch=epoch_hash(found.epoch),
            version=found.version,
            shown=tuple(map(id_hash, found.ids)),
        )
        return encode_cursor(cursor, await self._pinned.secret())

    async def _walk(
        self, query: DiscoverQuery, cursor: Cursor, paying: Paying
    ) -> tuple[Slice, int, int | None]:
        """Return the next rows of a walk, the version of its order and the position after them.

        Tokens that page one showed, that are gone or that pass the filters no longer are passed
        over, reading on until the page is full and one more is found: so the last page knows that
        it is. Each entry is looked at once, and so many for one page: only where that many in a row
        have left is a page short.
        """
        shown = frozenset(cursor.shown)
        found: list[tuple[int, str]] = []
        examined, size = 0, query.limit + len(shown) + 1
        while True:
            start = cursor.position + examined
            part = await self._pinned.read(cursor.view, start, size, paying)
            if part is None:
                raise _expired("this walk has been idle for too long")
            replica = await self._live.exact()  # rows below are all of this one state
            if epoch_hash(replica.epoch) != cursor.epoch:
                raise _expired("the list was rebuilt since this cursor was given")
            with paying():
                more = [(examined + i, h) for i, h in enumerate(part.entries) if h not in shown]
                found = self._present(replica, query, found, more)
            examined += len(part.entries)
            over = not part.entries or cursor.position + examined >= part.total
            if len(found) > query.limit or over or examined >= EXAMINED_MAX:
                break
            size = min(_READ, EXAMINED_MAX - examined)
        ids = [token_id for _, token_id in found[: query.limit]]
        next_position = None
        if len(found) > query.limit:
            next_position = cursor.position + found[query.limit][0]
        elif not over:
            next_position = cursor.position + examined
        state = (replica.epoch, replica.version, replica.committed_ms)
        with paying():
            rows, native = rows_of(replica, query, ids)
        return Slice(*state, rows, ids, part.total, None, native), part.version, next_position

    def _present(
        self,
        replica: Replica,
        query: DiscoverQuery,
        found: Sequence[tuple[int, str]],
        more: Sequence[tuple[int, bytes]],
    ) -> list[tuple[int, str]]:
        """Return (index, id) of the first entries that belong here: of those found before, which
        may have left since, and of more, by their hashes.
        """  # noqa: D205
        id_of = self._live.id_of
        known = [entry for entry in found if entry[1] in replica.rows]
        known += [(i, id_of[h]) for i, h in more if h in id_of]
        if query.filters:
            still = still_passing(self._live, replica, query, [token_id for _, token_id in known])
            known = [entry for entry in known if entry[1] in still]
        return known[: query.limit + 1]


def _cursor_of(query: DiscoverQuery, secret: bytes) -> Cursor:
    try:
        cursor = decode_cursor(query.cursor or "", secret)
    except BadCursorError:
        raise bad_cursor() from None
    except LostKeyError:
        raise _expired("the store was renewed since this cursor was given") from None
    if cursor.binding != query.binding():
        raise bad_cursor()
    return cursor


def slice_order(live: Live, replica: Replica, query: DiscoverQuery) -> Slice:
    """Return the part of the replica's own order that a query asks for. Raises Problem."""
    order: Sequence[str] = order_of(live, replica, query) if query.limit else ()
    total = len(order) if query.limit else count_of(live, replica, query)
    if not total and query.chain is not None:
        meant = live.meant_chain(query.chain)
        if meant is not None:
            detail = did_you_mean(query.chain, meant)
            raise Problem(400, "bad_chain", detail, param="chain")
    end = query.offset + query.limit
    ids = order[query.offset : end]
    rows, native = rows_of(replica, query, ids)
    return Slice(
        replica.epoch,
        replica.version,
        replica.committed_ms,
        rows,
        ids,
        total,
        end if end < len(order) else None,
        native,
    )


def rows_of(
    replica: Replica, query: DiscoverQuery, ids: Sequence[str]
) -> tuple[list[bytes], bytes | None]:
    """Return rows (JSON) as a query wants them shown, and the prices that they are quoted in."""
    rows, native = quote_rows([replica.rows[i] for i in ids], query.quote, replica.native)
    return explain_rows(rows, ids, query, replica.orders) if query.explain else rows, native


def _is_stored(query: DiscoverQuery) -> bool:
    """Return whether the store itself has the list, so that it is read there."""
    narrowed = query.chain is not None or query.filters or query.limit == 0
    return query.metric in METRICS and query.quote is None and not narrowed


def _expired(detail: str) -> Problem:
    return Problem(410, "cursor_expired", f"{detail}; start again without it", param="cursor")
