"""An in-memory copy of the state at one exact version. Pure; `feed.py` keeps it up to date.

Used by the api, the gateways and every aggregator. A row is held as the JSON bytes that leave over
HTTP and the stream; sorted orders are in `shared/state/orders.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from msgspec import Struct

from shared.errors import Diverged
from shared.state import row as rows_
from shared.state.messages import Commit, NativePrice, change_natives
from shared.state.orders import Orders
from shared.state.row import Fields

SLICE: Final = 50  # rows that are made in one go, some 0.4 ms


@dataclass(frozen=True, slots=True)
class Change:
    """One applied commit, its entries decoded as far as consumers need."""

    commit: Commit
    sets: tuple[tuple[str, bytes], ...] = ()  # (id, {"id", changed fields} as JSON)
    adds: tuple[tuple[str, bytes], ...] = ()  # (id, whole row as JSON)
    dels: tuple[str, ...] = ()


class PatchedRow(Struct, frozen=True, gc=False):
    """A row as a commit makes it: its JSON, its hash, and what changed; `whole`: it is new."""

    token_id: str
    row: bytes
    hash: int
    changed: Fields
    whole: bool


_Entries: TypeAlias = tuple[tuple[str, bytes], ...]
Steps: TypeAlias = Generator[None, None, Change]


@dataclass(slots=True)
class Replica:
    """All rows at `(epoch, version)`. An empty epoch means that nothing is loaded yet."""

    epoch: str = ""
    version: int = 0
    digest: int = 0
    committed_ms: int = 0
    seeding: bool = True
    horizon: int = 0  # removals at or below this version are forgotten
    rows: dict[str, bytes] = field(default_factory=dict)
    native: dict[str, NativePrice] = field(default_factory=dict)  # chain → its own coin's price
    gone: dict[str, int] = field(default_factory=dict)  # removed id → version of its removal
    new_orders: type[Orders] = Orders  # NoOrders: nobody reads lists of this one
    orders: Orders = field(init=False)
    _hashes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.orders = self.new_orders()

    def reset(self, epoch: str) -> None:
        """Become the empty state at version 0 of an epoch."""
        self.epoch, self.version, self.digest = epoch, 0, 0
        self.committed_ms, self.seeding, self.horizon = 0, True, 0
        self.rows, self.gone, self.orders, self._hashes = {}, {}, self.new_orders(), {}
        self.native = {}

    def load_row(self, token_id: str, fields: Fields) -> None:
        """Take over one row as the store holds it."""
        self._put(_whole_row(token_id, fields))

    def apply(self, commit: Commit, *, torn: bool = False) -> Change:
        """Apply the commit that follows this version.

        `torn` is for the moments of a load in which rows may already be newer than the version:
        changes of rows that are not there are skipped (their removal is still to come) and the
        digest is not compared.

        Raises Diverged when the commit does not follow or the digest disagrees; the caller reloads.
        """
        steps = self.steps(commit, torn=torn)
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                change: Change = ended.value
                return change

    def steps(self, commit: Commit, *, torn: bool = False) -> Steps:
        """Do what `apply` does and yield after each SLICE rows; return the change.

        Nothing has changed until it ends: making the rows takes six times as long as putting them
        in their place. Nobody else may change the replica meanwhile.
        """
        self._check_follows(commit)
        made: dict[str, PatchedRow] = {}
        try:
            sets = yield from self._made_sets(commit, made, torn=torn)
            adds = yield from self._made_adds(commit, made)
            for row in made.values():
                self._put(row)
        except (ValueError, KeyError, OverflowError, RecursionError) as error:
            raise Diverged(f"commit {commit.v} holds what is no row: {error}") from error
        self._finish(commit, torn=torn)
        return Change(commit, sets, adds, tuple(commit.del_))

    def _made_sets(
        self, commit: Commit, made: dict[str, PatchedRow], *, torn: bool
    ) -> Generator[None, None, _Entries]:
        sets = []
        for number, raw in enumerate(commit.set, start=1):
            changed = rows_.decode_row(raw)
            token_id = rows_.text(changed["id"])
            if token_id not in self.rows:
                if torn:
                    continue
                raise Diverged(f"commit {commit.v} changes {token_id[:64]!r}, which is not here")
            if token_id in made:
                raise Diverged(f"commit {commit.v} changes {token_id[:64]!r} twice")
            made[token_id] = self.patched(token_id, changed)
            sets.append((token_id, bytes(raw)))
            if not number % SLICE:
                yield
        return tuple(sets)

    @staticmethod
    def _made_adds(commit: Commit, made: dict[str, PatchedRow]) -> Generator[None, None, _Entries]:
        adds = []
        for number, raw in enumerate(commit.add, start=1):
            fields = rows_.decode_row(raw)
            token_id = rows_.text(fields["id"])
            made[token_id] = _whole_row(token_id, fields)
            adds.append((token_id, bytes(raw)))
            if not number % SLICE:
                yield
        return tuple(adds)

    def patched(self, token_id: str, changed: Fields, *, whole: bool = False) -> PatchedRow:
        """Return a row as it is with these changes, or, `whole`, made of them alone."""
        if whole:
            return _whole_row(token_id, rows_.patch({}, changed))
        row, row_hash = rows_.patch_row(self.rows[token_id], changed)
        return PatchedRow(token_id, row, row_hash, changed, whole=False)

    def advance(self, commit: Commit, rows: Iterable[PatchedRow]) -> None:
        """Apply a commit of our own, whose rows were made by `patched`. Raises Diverged."""
        self._check_follows(commit)
        for row in rows:
            self._put(row)
        self._finish(commit, torn=False)

    def _check_follows(self, commit: Commit) -> None:
        if commit.e != self.epoch or commit.pv != self.version:
            here, there = (self.epoch, self.version), (commit.e, commit.pv)
            raise Diverged(f"commit builds on {there}, the replica is at {here}")

    def _finish(self, commit: Commit, *, torn: bool) -> None:
        for token_id in commit.del_:
            self._remove(token_id)
            self.gone[token_id] = commit.v
        if commit.native:
            self.native = change_natives(self.native, commit.native)
        self.version, self.committed_ms, self.seeding = commit.v, commit.ts, commit.seeding
        self.forget_removals(commit.horizon)
        if not torn and rows_.format_digest(self.digest) != commit.digest:
            raise Diverged(f"digest differs at version {commit.v}")

    def forget_removals(self, horizon: int) -> None:
        """Drop the removals at or below a version."""
        if horizon > self.horizon:
            self.horizon = horizon
            self.gone = {i: v for i, v in self.gone.items() if v > horizon}

    def fields(self, token_id: str) -> Fields:
        """Return a row's fields; raises KeyError when it is not there."""
        return rows_.decode_row(self.rows[token_id])

    def row_hash(self, token_id: str) -> int:
        """Return what a row adds to the digest; 0 when it is not there."""
        return self._hashes.get(token_id, 0)

    def _put(self, new: PatchedRow) -> None:
        token_id = new.token_id
        old_hash = self._hashes.get(token_id, 0)
        self.digest = rows_.add_to_digest(self.digest, plus=new.hash, minus=old_hash)
        self._hashes[token_id] = new.hash
        self.rows[token_id] = new.row
        self.orders.put(token_id, new.changed, whole=new.whole)
        if new.whole:
            self.gone.pop(token_id, None)

    def _remove(self, token_id: str) -> None:
        if self.rows.pop(token_id, None) is not None:
            self.digest = rows_.add_to_digest(self.digest, minus=self._hashes.pop(token_id))
            self.orders.remove(token_id)


def _whole_row(token_id: str, fields: Fields) -> PatchedRow:
    row, row_hash = rows_.encode_row(fields), rows_.row_hash(fields)
    return PatchedRow(token_id, row, row_hash, fields, whole=True)
