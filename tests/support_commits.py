"""Commits without an aggregator: a ledger that makes them, a writer that really writes them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state import row as rows_
from shared.state.messages import Alert, Commit, Heartbeat, encode, encode_alert
from shared.state.plan import CommitPlan, Writes
from shared.state.row import Fields
from shared.state.store import Store

Rows = dict[str, dict[str, Any]]  # id → row, as JSON says it


def token(name: str, chain: str = "solana", **fields: object) -> dict[str, dict[str, object]]:
    """One row to put: `token("A", price=1)` is `{"solana:A": {…}}`."""
    said = {"token_address": name, "chain": chain, **fields}
    return {f"{chain}:{name}": said}


def alert(i: str, ident: str, level: int) -> bytes:
    """One entry of a commit's `ev`."""
    return encode_alert(
        Alert(i=i, type="price", id=ident, w="5m", dir="up", chg=31.4, from_=1.0, to=1.3, lvl=level)
    )


class Ledger:
    """The truth: makes each commit, and remembers the whole state at each version."""

    def __init__(self, epoch: str = "e1") -> None:
        self.history: dict[tuple[str, int], dict[str, bytes]] = {}
        self._decoded: dict[tuple[str, int], Rows] = {}
        self.told: dict[str, list[tuple[int, bytes]]] = {}  # alerts of each epoch
        self.begin(epoch)

    def begin(self, epoch: str) -> None:
        """Start an empty epoch."""
        self.epoch, self.version, self.digest, self.horizon = epoch, 0, 0, 0
        self.fields: dict[str, Fields] = {}
        self.gone: dict[str, int] = {}
        self.alerts = self.told[epoch] = []  # version, JSON
        self.alerts_floor = 0  # alerts at or below this version are forgotten
        self.seeding = True
        self.history[epoch, 0] = {}

    def commit(
        self,
        put: Mapping[str, Mapping[str, object]] | None = None,
        remove: Iterable[str] = (),
        *,
        alerts: Iterable[tuple[str, int]] = (),
        seeding: bool = False,
        ts: int = 1_790_000_000_000,
    ) -> Commit:
        """Make the next commit: new rows are added, known ones changed, None makes unknown.

        `alerts` are the token id and level of each.
        """
        pv, v = self.version, self.version + 1
        events = [alert(f"{v}.{n}", ident, lvl) for n, (ident, lvl) in enumerate(alerts)]
        self.alerts += [(v, raw) for raw in events]
        sets: list[msgspec.Raw] = []
        adds: list[msgspec.Raw] = []
        for ident, changes in (put or {}).items():
            said = {"id": ident, **changes, "rv": v}
            changed = {name: msgspec.json.encode(value) for name, value in said.items()}
            known = self.fields.get(ident)
            (adds if known is None else sets).append(msgspec.Raw(rows_.encode_row(changed)))
            self._replace(ident, rows_.patch(known or {}, changed))
            self.gone.pop(ident, None)
        removed = [ident for ident in remove if ident in self.fields]
        for ident in removed:
            self._replace(ident, None)
            self.gone[ident] = v
        self.version, self.seeding = v, seeding
        encoded = {ident: rows_.encode_row(fields) for ident, fields in self.fields.items()}
        self.history[self.epoch, v] = encoded
        return Commit(
            e=self.epoch,
            pv=pv,
            v=v,
            ts=ts,
            set=sets,
            add=adds,
            del_=removed,
            ev=[msgspec.Raw(raw) for raw in events],
            digest=rows_.format_digest(self.digest),
            horizon=self.horizon,
            seeding=seeding,
        )

    def state(self, epoch: str, version: int, chain: str | None = None) -> Rows:
        """Return the rows at a version, of all chains or one."""
        rows = self._decoded.get((epoch, version))
        if rows is None:
            raw = self.history[epoch, version]
            rows = {i: msgspec.json.decode(row) for i, row in raw.items()}
            self._decoded[epoch, version] = rows
        own = "" if chain is None else f"{chain}:"
        return {i: row for i, row in rows.items() if i.startswith(own)}

    def forget(self, epoch: str, version: int) -> None:
        """Forget the rows of a version."""
        self.history.pop((epoch, version), None)
        self._decoded.pop((epoch, version), None)

    def topic(self, name: str, epoch: str, version: int, watch: Iterable[str] = ()) -> Rows:
        """Return the rows of a topic at a version; a list's in order."""
        kind, _, rest = name.partition(":")
        if kind == "alerts":
            return {}
        if kind == "tokens":
            rows = self.state(epoch, version)
            return {ident: rows[ident] for ident in watch if ident in rows}
        if kind == "list":
            return self._top(rest.split(":"), epoch, version)
        if kind == "token":
            rows = self.state(epoch, version)
            return {rest: rows[rest]} if rest in rows else {}
        return self.state(epoch, version, rest or None)

    def _top(self, asked: list[str], epoch: str, version: int) -> Rows:
        sort, window, order, chain, count = asked
        field = "created_ms" if sort == "newest" else sort + (f"_{window}" if window != "-" else "")
        rows = self.state(epoch, version, None if chain == "*" else chain)
        ranked = sorted(
            ((row[field], ident) for ident, row in rows.items() if field in row),
            reverse=order == "desc",
        )
        return {ident: rows[ident] for _, ident in ranked[: int(count)]}

    def alerts_of(self, name: str, epoch: str, after: int, upto: int) -> list[str]:
        """Return `i` of the alerts of a topic in (after, upto]."""
        found = re.fullmatch(r"alerts(?::(?!L[1-4]\Z)(.+?))?(?::L([1-4]))?", name)
        assert found is not None
        of, least = found[1] or "", int(found[2] or 1)
        own = of.removeprefix("token:")
        whole = of != own  # one token
        return [
            said["i"]
            for v, raw in self.told.get(epoch, ())
            if after < v <= upto
            and (said := msgspec.json.decode(raw))["lvl"] >= least
            and (said["id"] == own if whole else said["id"].startswith(f"{own}:" if own else ""))
        ]

    def heartbeat(self) -> Heartbeat:
        """Make the heartbeat of the present version."""
        digest = rows_.format_digest(self.digest)
        return Heartbeat(e=self.epoch, v=self.version, ts=0, digest=digest)

    def _replace(self, ident: str, fields: Fields | None) -> None:
        before = self.fields.pop(ident, None)
        minus = rows_.row_hash(before) if before is not None else 0
        plus = rows_.row_hash(fields) if fields is not None else 0
        self.digest = rows_.add_to_digest(self.digest, plus=plus, minus=minus)
        if fields is not None:
            self.fields[ident] = fields


class CommitWriter:
    """Writes a ledger's commits to a real store as the aggregator would, and publishes them."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.ledger = Ledger()
        self.store = Store(redis, keys)
        self._fence = ""

    async def begin(self, epoch: str = "e1") -> None:
        """Take the lease at the first call; start an empty epoch."""
        if not self._fence:
            lease = await self.store.acquire("test")
            assert lease is not None, "somebody else holds the lease"
            self._fence = lease.fence
        for ident in self.ledger.fields:
            await self.store.redis.delete(self.store.keys.token(ident))
        self.ledger.begin(epoch)
        await self.store.begin_epoch(self._fence, epoch)

    async def commit(
        self,
        put: Mapping[str, Mapping[str, object]] | None = None,
        remove: Iterable[str] = (),
        *,
        alerts: Iterable[tuple[str, int]] = (),
        seeding: bool = False,
    ) -> Commit:
        """Make, store, log and publish one commit."""
        ledger, known = self.ledger, set(self.ledger.fields)
        commit = ledger.commit(put, remove, alerts=alerts, seeding=seeding)
        writes = Writes(self.store.keys, commit.v)
        for ident in put or {}:
            writes.add_row(ident, ledger.fields[ident])
            if ident not in known:
                writes.returned(ident)
        for ident in commit.del_:
            writes.remove(ident)
        for event in commit.ev:
            writes.add_event(bytes(event), commit.ts)
        await self.store.commit(
            CommitPlan(
                fence=self._fence,
                epoch=ledger.epoch,
                commit_id=secrets.token_hex(4),
                pv=commit.pv,
                ts=commit.ts,
                digest=commit.digest,
                tokens=len(ledger.fields),
                horizon=ledger.horizon,
                seeding=seeding,
                message=encode(commit),
                commands=writes.commands(),
            )
        )
        return commit

    async def heartbeat(self) -> None:
        """Publish the aggregator's heartbeat."""
        beat, ledger = self.ledger.heartbeat(), self.ledger
        await self.store.heartbeat(self._fence, ledger.epoch, ledger.version, encode(beat))
