"""What must be true of the store, as plain functions over what was read. No I/O.

Each check counts what it looked at and lists what is wrong, so that a check that had nothing to
look at never passes for one that found nothing wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from dexwire.conformance.check import Check
from shared.model import METRICS, ROW_FIELDS
from shared.state import row as rows_
from shared.state.messages import Commit, decode
from shared.state.meta import Meta
from shared.state.row import Fields

Scores: TypeAlias = Mapping[str, float | None]  # metric → score in its index


class AuditedToken(Struct, frozen=True, kw_only=True):
    """One token as it was at one moment: everything here was read in one transaction."""

    token_id: str
    fields: Fields  # empty: there is no row
    scores: Scores
    gone_at: int | None  # version of its removal, as remembered for resuming clients
    epoch: str
    version: int


class TokenChecks:
    """The checks of single tokens, each of them true at any moment."""

    def __init__(self) -> None:
        self.rows = Check(name="rows are whole")
        self.members = Check(name="index members have a row with that score")
        self.indexed = Check(name="rows are in their indices")
        self.versions = Check(name="row versions are not ahead")
        self.removed = Check(name="removed tokens are gone")

    def all(self) -> list[Check]:
        """Return the checks in the order in which they are shown."""
        return [self.rows, self.members, self.indexed, self.versions, self.removed]

    def look(self, look: AuditedToken) -> None:
        """Judge one token."""
        for metric, score in look.scores.items():
            if score is not None:
                self.members.count(_member_faults(look, metric, score))
        if look.gone_at is not None:
            self.removed.count(_removal_faults(look))
        if look.fields:
            self.rows.count(_row_faults(look))
            self.indexed.count(_index_faults(look))
            self.versions.count(_version_faults(look))


def _member_faults(look: AuditedToken, metric: str, score: float) -> Iterable[str]:
    value = look.fields.get(METRICS[metric])
    if not look.fields:
        yield f"index:{metric} has {look.token_id}, which has no row"
    elif value is None:
        yield f"index:{metric} has {look.token_id}, whose row has no {METRICS[metric]}"
    elif _number(value) != score:
        shown = value.decode(errors="replace")
        yield f"index:{metric} has {look.token_id} at {score!r}, its row says {shown}"


def _index_faults(look: AuditedToken) -> Iterable[str]:
    for metric, name in METRICS.items():
        if name in look.fields and look.scores.get(metric) is None:
            yield f"{look.token_id} has {name} and is not in index:{metric}"


def _row_faults(look: AuditedToken) -> Iterable[str]:
    for name, value in look.fields.items():
        if name not in ROW_FIELDS:
            yield f"{look.token_id} has an unknown field {name[:64]!r}"
        elif not _is_json(value) or value == rows_.NULL:
            yield f"{look.token_id} has a {name} that is no JSON value"
    if look.fields.get("id") != msgspec.json.encode(look.token_id):
        yield f"{look.token_id} says that its id is {look.fields.get('id', b'nothing')[:64]!r}"


def _version_faults(look: AuditedToken) -> Iterable[str]:
    rv = _number(look.fields.get("rv", b""))
    if rv is None or rv > look.version:
        yield f"{look.token_id} has rv {rv}, the store is at version {look.version}"


def _removal_faults(look: AuditedToken) -> Iterable[str]:
    if look.fields:
        yield f"{look.token_id} was removed at version {look.gone_at} and has a row"
    elif look.gone_at is not None and look.gone_at > look.version:
        yield f"{look.token_id} was removed at {look.gone_at}, after version {look.version}"


class LogCheck:
    """Walks `state:log` from its oldest entry; versions must follow each other without a hole."""

    def __init__(self, epoch: str) -> None:
        self.check = Check(name="logged versions are contiguous")
        self.version: int | None = None  # of the last entry seen
        self.digest = ""
        self._epoch = epoch

    def entry(self, entry_id: str, message: bytes) -> None:
        """Judge the next entry."""
        self.check.count(self._faults(entry_id, message))

    def end(self, meta: Meta) -> None:
        """Judge the newest entry against a `state:meta` that was read with it."""
        if meta.version and self.version != meta.version:
            newest = "is empty" if self.version is None else f"ends at {self.version}"
            self.check.count([f"the log {newest}, the store is at version {meta.version}"])

    def _faults(self, entry_id: str, message: bytes) -> Iterable[str]:
        number = int(entry_id.partition("-")[0])
        before, self.version = self.version, number
        if before is not None and number != before + 1:
            yield f"after version {before} comes {number}"
        try:
            commit = decode(message)
        except ValueError:
            yield f"entry {entry_id} is not a message of ours"
            return
        if not isinstance(commit, Commit):
            yield f"entry {entry_id} is not a commit"
        elif (commit.e, commit.v, commit.pv) != (self._epoch, number, number - 1):
            yield f"entry {entry_id} is of {commit.e} {commit.pv} → {commit.v}"


def state_checks(meta: Meta, rows: int, digest: str) -> list[Check]:
    """Judge the counts and the digest of one exact state."""
    tokens = Check(name="the number of tokens is right")
    tokens.count([] if meta.tokens == rows else [f"the store says {meta.tokens}, there are {rows}"])
    digests = Check(name="the digest is right")
    digests.count(
        [] if meta.digest == digest else [f"the store says {meta.digest}, it is {digest}"]
    )
    return [tokens, digests]


def _number(value: bytes) -> float | None:
    try:
        return msgspec.json.decode(value, type=float)
    except ValueError:
        return None


def _is_json(value: bytes) -> bool:
    try:
        msgspec.json.decode(value)
    except ValueError:
        return False
    return True
