"""Commits without an aggregator: a ledger that makes them, a writer that really writes them."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from shared.errors import StoreError
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state import row as rows_
from shared.state.messages import Alert, Commit, Heartbeat, decode, encode, encode_alert
from shared.state.plan import CommitPlan, Writes
from shared.state.replica import Replica
from shared.state.row import Fields
from shared.state.store import Store

Level: TypeAlias = int | Literal["listed", "graduated"]  # of an alert, or what has none
Rows = dict[str, dict[str, Any]]  # id → row, as JSON says it


def token(name: str, chain: str = "solana", **fields: object) -> dict[str, dict[str, object]]:
    """One row to put: `token("A", price=1)` is `{"solana:A": {…}}`."""
    values = {"token_address": name, "chain": chain, **fields}
    return {f"{chain}:{name}": values}


def alert(i: str, ident: str, level: Level) -> bytes:
    """One entry of a commit's `ev`: a move of a level, or something without one."""
    if not isinstance(level, int):
        return encode_alert(Alert(i=i, type=level, id=ident))
    return encode_alert(
        Alert(i=i, type="price", id=ident, w="5m", dir="up", chg=31.4, from_=1.0, to=1.3, lvl=level)
    )


def _carries(entry: Mapping[str, Any], least: int, kind: str | None) -> bool:
    if kind:
        return bool(entry["type"] == kind)
    return bool(entry["type"] != "listed" and entry.get("lvl", 1) >= least)


def encoded(ident: str, changes: Mapping[str, object], version: int) -> Fields:
    """Return changed fields as the store and the messages hold them."""
    changed = {"id": ident, **changes, "rv": version}
    return {name: msgspec.json.encode(value) for name, value in changed.items()}


class Position(NamedTuple):
    """Where a ledger was."""

    version: int
    digest: int
    seeding: bool
    fields: dict[str, Fields]
    gone: dict[str, int]
    alerts: int


class Ledger:
    """The truth: makes each commit, and remembers the whole state at each version."""

    def __init__(self, epoch: str = "e1") -> None:
        self.history: dict[tuple[str, int], dict[str, bytes]] = {}
        self._decoded: dict[tuple[str, int], Rows] = {}
        self.alerts_of_epoch: dict[str, list[tuple[int, bytes]]] = {}  # alerts of each epoch
        self.begin(epoch)

    def begin(self, epoch: str) -> None:
        """Start an empty epoch."""
        self.epoch, self.version, self.digest, self.horizon = epoch, 0, 0, 0
        self.fields: dict[str, Fields] = {}
        self.gone: dict[str, int] = {}
        self.alerts = self.alerts_of_epoch[epoch] = []  # version, JSON
        self.alerts_floor = 0  # alerts at or below this version are forgotten
        self.seeding = True
        self.history[epoch, 0] = {}

    def commit(
        self,
        put: Mapping[str, Mapping[str, object]] | None = None,
        remove: Iterable[str] = (),
        *,
        alerts: Iterable[tuple[str, Level]] = (),
        acks: Iterable[str] = (),
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
            changed = encoded(ident, changes, v)
            known = self.fields.get(ident)
            (adds if known is None else sets).append(msgspec.Raw(rows_.encode_row(changed)))
            self._replace(ident, rows_.patch(known or {}, changed))
            self.gone.pop(ident, None)
        removed = [ident for ident in remove if ident in self.fields]
        for ident in removed:
            self._replace(ident, None)
            self.gone[ident] = v
        self.version, self.seeding = v, seeding
        state = {ident: rows_.encode_row(fields) for ident, fields in self.fields.items()}
        self.history[self.epoch, v] = state
        return Commit(
            e=self.epoch,
            pv=pv,
            v=v,
            ts=ts,
            set=sets,
            add=adds,
            del_=removed,
            ev=[msgspec.Raw(raw) for raw in events],
            acks=list(acks),
            digest=rows_.format_digest(self.digest),
            horizon=self.horizon,
            seeding=seeding,
        )

    def position(self) -> Position:
        """Return what `go_back` needs to undo the commits that follow."""
        return Position(
            self.version,
            self.digest,
            self.seeding,
            dict(self.fields),
            dict(self.gone),
            len(self.alerts),
        )

    def go_back(self, to: Position) -> None:
        """Undo what was committed since in this epoch."""
        self.version, self.digest, self.seeding = to.version, to.digest, to.seeding
        self.fields, self.gone = to.fields, to.gone
        del self.alerts[to.alerts :]

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

    def _top(self, parts: list[str], epoch: str, version: int) -> Rows:
        sort, window, order, chain, count = parts
        field = "created_ms" if sort == "newest" else sort + (f"_{window}" if window != "-" else "")
        rows = self.state(epoch, version, None if chain == "*" else chain)
        ranked = sorted(
            ((row[field], ident) for ident, row in rows.items() if field in row),
            reverse=order == "desc",
        )
        return {ident: rows[ident] for _, ident in ranked[: int(count)]}

    def alerts_of(self, name: str, epoch: str, after: int, upto: int) -> list[str]:
        """Return `i` of the alerts of a topic in (after, upto]."""
        kinds = "listed|graduated"
        found = re.fullmatch(
            rf"alerts(?::(?!(?:L[1-4]|{kinds})\Z)(.+?))?(?::(?:L([1-4])|({kinds})))?", name
        )
        assert found is not None
        of, least, kind = found[1] or "", int(found[2] or 1), found[3]
        own = of.removeprefix("token:")
        whole = of != own  # one token
        return [
            entry["i"]
            for v, raw in self.alerts_of_epoch.get(epoch, ())
            if after < v <= upto
            and _carries(entry := msgspec.json.decode(raw), least, kind)
            and (entry["id"] == own if whole else entry["id"].startswith(f"{own}:" if own else ""))
        ]

    def heartbeat(self, ts: int = 0) -> Heartbeat:
        """Make the heartbeat of the present version."""
        digest = rows_.format_digest(self.digest)
        return Heartbeat(e=self.epoch, v=self.version, ts=ts, digest=digest, seeding=self.seeding)

    def _replace(self, ident: str, fields: Fields | None) -> None:
        before = self.fields.pop(ident, None)
        minus = rows_.row_hash(before) if before is not None else 0
        plus = rows_.row_hash(fields) if fields is not None else 0
        self.digest = rows_.add_to_digest(self.digest, plus=plus, minus=minus)
        if fields is not None:
            self.fields[ident] = fields


class Writer:
    """Stands in for the aggregator: holds the lease; writes and publishes a ledger's commits."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.ledger = Ledger()
        self.store = Store(redis, keys)
        self._fence = ""

    @property
    def version(self) -> int:
        return self.ledger.version

    def through(self, redis: Redis) -> Writer:
        """Return the same writer on another connection, such as another user's."""
        other = Writer(redis, self.store.keys)
        other.ledger, other._fence = self.ledger, self._fence
        return other

    async def begin(self, epoch: str = "e1") -> None:
        """Take the lease at the first call; start an empty epoch, which is seeding."""
        redis, keys = self.store.redis, self.store.keys
        if not self._fence:
            await redis.delete(keys.lease)
            lease = await self.store.acquire("test-writer")
            assert lease is not None
            self._fence = lease.fence
            await redis.pexpire(keys.lease, 60_000)  # nobody renews it
        for ident in self.ledger.fields:
            await redis.delete(keys.token(ident))
        self.ledger.begin(epoch)
        await self.store.begin_epoch(self._fence, epoch)

    async def commit(
        self,
        put: Mapping[str, Mapping[str, object]] | Iterable[Mapping[str, object]] = (),
        remove: Iterable[str] = (),
        *,
        alerts: Iterable[tuple[str, Level]] = (),
        readings: Mapping[str, Fields] | None = None,
        acks: Iterable[str] = (),
        seeding: bool = False,
        ts: int | None = None,
    ) -> int:
        """Make, store, log and publish one commit; return its version.

        `put` is changed fields by token id, or rows with their id; `readings` are each source's
        JSON by token id.
        """
        ledger, known = self.ledger, set(self.ledger.fields)
        before = ledger.position()
        changes = _by_id(put)
        commit = ledger.commit(
            changes, remove, alerts=alerts, acks=acks, seeding=seeding, ts=ts or _now_ms()
        )
        writes = Writes(self.store.keys, commit.v)
        for ident, changed in changes.items():
            if ident in known:
                writes.change_row(ident, encoded(ident, changed, commit.v))
            else:
                writes.add_row(ident, ledger.fields[ident])
                writes.returned(ident)
        for ident in commit.del_:
            writes.remove(ident)
        for ident, sources in (readings or {}).items():
            writes.put_readings(ident, sources)
        for event in commit.ev:
            writes.add_event(bytes(event), commit.ts)
        plan = CommitPlan(
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
        try:
            return await self.store.commit(plan)
        except StoreError:
            ledger.go_back(before)  # it was refused
            raise

    async def heartbeat(self) -> None:
        """Publish the aggregator's heartbeat."""
        beat, ledger = self.ledger.heartbeat(ts=_now_ms()), self.ledger
        await self.store.heartbeat(self._fence, ledger.epoch, ledger.version, encode(beat))


def _now_ms() -> int:
    return int(time.time() * 1000)


def _by_id(
    put: Mapping[str, Mapping[str, object]] | Iterable[Mapping[str, object]],
) -> dict[str, Mapping[str, object]]:
    return dict(put) if isinstance(put, Mapping) else {str(row["id"]): row for row in put}


class Shadow:
    """Replays the log as it grows: every commit must follow the last and have the right digest."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.replica = Replica()

    async def follow(self) -> None:
        """Take in what was committed since the last call; fails on a hole or a wrong state."""
        meta = await self._store.meta()
        if not self.replica.epoch:
            self.replica.reset(meta.epoch)
        assert meta.epoch == self.replica.epoch
        messages = await self._store.log(self.replica.version, meta.version)
        assert messages is not None, "versions are not contiguous"
        for message in messages:
            commit = decode(message)
            assert isinstance(commit, Commit)
            self.replica.apply(commit)


def row(number: int, *, chain: str = "solana", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the row of a made-up token; all metrics fall with its number."""
    address = f"Token{number:05d}"
    rank = float(1_000_000 - number)
    metrics = {
        f"{kind}_{window}": rank for kind in ("volume", "price_change") for window in _WINDOWS
    }
    counts = {f"transactions_{window}": 1_000_000 - number for window in _WINDOWS}
    return {
        "id": f"{chain}:{address}",
        "token_address": address,
        "chain": chain,
        "token_name": f"Token {number}",
        "created_ms": 1_790_000_000_000 - number,
        "price": 1.5,
        "market_cap": rank,
        "liquidity": rank,
        **metrics,
        **counts,
        "sources": ["dexscreener"],
        "observed_ms": 1_790_000_000_000,
        **fields,
    }


_WINDOWS = ("5m", "1h", "6h", "24h")
