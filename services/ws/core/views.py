"""What a topic shows: its part of a commit, of everything since a version, of the whole state.

A view is the only thing that a new kind of topic adds: ranked lists and watchlists are further
views with a body that carries `ids`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.ws.core.frames import Body, quote
from services.ws.core.topics import Topic
from shared.replica import Change, Replica


class View(Protocol):
    """One topic's window on the replica."""

    @property
    def topic(self) -> Topic:
        """The topic it shows."""

    def diff(self, change: Change, replica: Replica) -> Body:
        """Return what the commit that was just applied says about this topic."""

    def fold(self, replica: Replica, since: int) -> Body | None:
        """Return what changed after version `since`, as whole rows; None: that is not known."""

    def snap(self, replica: Replica) -> Body:
        """Return the whole topic."""


@dataclass(frozen=True, slots=True)
class RowsView:
    """Everything, or one chain: rows in no order."""

    topic: Topic

    def diff(self, change: Change, _replica: Replica) -> Body:
        """Pick this topic's entries of a commit."""
        if self.topic.chain is None:
            return Body(
                tuple(raw for _, raw in change.sets),
                tuple(raw for _, raw in change.adds),
                tuple(quote(ident) for ident in change.dels),
            )
        own = f"{self.topic.chain}:"
        return Body(
            tuple(raw for ident, raw in change.sets if ident.startswith(own)),
            tuple(raw for ident, raw in change.adds if ident.startswith(own)),
            tuple(quote(ident) for ident in change.dels if ident.startswith(own)),
        )

    def fold(self, replica: Replica, since: int) -> Body | None:
        """Return rows with `rv` after `since` and removals after it."""
        if since < replica.horizon:
            return None
        rows, chain = replica.rows, self.topic.chain
        changed = replica.orders.changed_since(since, chain)
        own = "" if chain is None else f"{chain}:"
        gone = [i for i, v in replica.gone.items() if v > since and i.startswith(own)]
        return Body(add=tuple(rows[i] for i in changed), gone=tuple(quote(i) for i in gone))

    def snap(self, replica: Replica) -> Body:
        """Return all rows of the topic."""
        if self.topic.chain is None:
            return Body(add=tuple(replica.rows.values()))
        own = f"{self.topic.chain}:"
        return Body(add=tuple(row for i, row in replica.rows.items() if i.startswith(own)))


@dataclass(frozen=True, slots=True)
class TokenView:
    """One token, which need not exist (yet, or any more)."""

    topic: Topic
    ident: str

    def diff(self, change: Change, _replica: Replica) -> Body:
        """Pick this token's entries of a commit."""
        return Body(
            tuple(raw for ident, raw in change.sets if ident == self.ident),
            tuple(raw for ident, raw in change.adds if ident == self.ident),
            tuple(quote(ident) for ident in change.dels if ident == self.ident),
        )

    def fold(self, replica: Replica, since: int) -> Body | None:
        """Return the row, or its removal, if that is newer than `since`."""
        if since < replica.horizon:
            return None
        row = replica.rows.get(self.ident)
        if row is not None and int(replica.fields(self.ident)["rv"]) > since:
            return Body(add=(row,))
        if replica.gone.get(self.ident, 0) > since:
            return Body(gone=(quote(self.ident),))
        return Body()

    def snap(self, replica: Replica) -> Body:
        """Return the row, or nothing."""
        row = replica.rows.get(self.ident)
        return Body(add=() if row is None else (row,))


def view_of(topic: Topic) -> View:
    """Return the view that serves a topic."""
    if topic.token_id is not None:
        return TokenView(topic, topic.token_id)
    return RowsView(topic)
