"""One topic's rows: what a client holds after a snapshot and the diffs that followed it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dexwire.client.errors import Malformed
from dexwire.client.events import Diff, Snapshot
from dexwire.client.rows import patched
from dexwire.stream.rows import Row


class Table:
    """Rows by id; `ids` is their order in a list topic, None elsewhere."""

    def __init__(self) -> None:
        self.epoch = ""
        self.version = 0
        self.rows: dict[str, Row] = {}
        self.ids: Sequence[str] | None = None

    def replace(self, snapshot: Snapshot) -> None:
        """Hold what a snapshot says, and nothing else."""
        self.epoch, self.version = snapshot.epoch, snapshot.version
        self.rows = {row["id"]: row for row in snapshot.rows}
        self.ids = snapshot.ids
        self._check()

    def apply(self, diff: Diff) -> None:
        """Apply one diff.

        Raises Malformed when it speaks of a row that is not held: what is held cannot be trusted
        then, and a snapshot has to be requested.
        """
        rows = self.rows
        for patch in diff.set:
            row = rows.get(patch["id"])
            if row is None:
                raise Malformed(f"{diff.topic} changes {patch['id']}, which was never sent")
            rows[patch["id"]] = patched(row, patch)
        for row in diff.add:
            rows[row["id"]] = row
        for ident in diff.removed:
            rows.pop(ident, None)
        if diff.ids is not None:
            self.ids = diff.ids
            self._check()
            self.rows = {ident: rows[ident] for ident in diff.ids}
        self.version = diff.version

    def ordered(self) -> list[Row]:
        """Return the rows, in the list's order where there is one."""
        if self.ids is None:
            return list(self.rows.values())
        return [self.rows[ident] for ident in self.ids]

    def _check(self) -> None:
        if self.ids is not None and not self.rows.keys() >= set(self.ids):
            raise Malformed("a list names rows that were never sent")
