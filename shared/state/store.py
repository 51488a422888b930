"""The state in Redis: every script that reads or writes it, behind one typed call each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from redis.exceptions import ResponseError

from shared.errors import Behind, Diverged, Fenced, NewerStore, Replaced, StoreError
from shared.keys import LEASE_MS, REVERTED_MS, TAKEN_MS, Keys
from shared.model import METRICS, ROW_FIELDS
from shared.process.measure import ServerLoad
from shared.redis.connect import Redis
from shared.redis.script import Script
from shared.state.meta import STORE_SCHEMA, Meta, decode_meta
from shared.state.plan import CommitPlan
from shared.state.row import Fields

_LABELS: Final = tuple(f'"{name}":' for name in ROW_FIELDS)
_SCAN_COUNT: Final = 1000
# Thousands of arguments cost redis-py more than the server; of one, Lua makes them in C.
_pack: Final = msgspec.msgpack.Encoder().encode

_COMMIT, _BEGIN_EPOCH = Script("commit"), Script("begin_epoch")
_ACQUIRE, _RENEW, _RELEASE = Script("acquire"), Script("renew"), Script("release")
_HEARTBEAT, _ACCEPT, _TAKEN = Script("heartbeat"), Script("accept"), Script("taken")
_PAGE = Script("page", read_only=True)


@dataclass(frozen=True, slots=True)
class StoredPage:
    """One page of the live order, all of it from one state."""

    epoch: str
    version: int
    committed_ms: int
    seeding: bool
    total: int
    read: int  # index members read, ghosts included: where the next page starts
    ids: tuple[str, ...]
    rows: tuple[bytes, ...]
    ghosts: tuple[str, ...]  # index members without a row, left out


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write: `fence` is checked inside every write, `now_ms` is the store's clock."""

    fence: str
    now_ms: int


class Store:
    """The state under one prefix. Raises redis-py's errors; translates only the scripts' own."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        # Any: redis-py's reply types name every way of decoding; ours are bytes.
        self.redis: Any = redis
        self.keys = keys
        indices = [keys.index(metric) for metric in METRICS]
        self._written = [keys.meta, keys.gone, keys.log, keys.reverted, keys.alerts_log, *indices]

    # -- writing ----------------------------------------------------------------------------------
    async def acquire(self, holder: str, epoch: str = "") -> Lease | None:
        """Take the aggregator's lease if nobody holds it.

        `epoch`: take it only while the store is where this epoch was begun and goes on; empty: any
        store. Raises Replaced or NewerStore, with nothing taken.
        """
        args = [holder, LEASE_MS, STORE_SCHEMA, epoch]
        reply = await self._checked(_ACQUIRE, [self.keys.lease, self.keys.meta], args)
        return None if reply is None else Lease(reply[0].decode(), int(reply[1]))

    async def renew(self, holder: str) -> int | None:
        """Keep the lease; return the store's time in ms, or None when it is lost."""
        reply = await _RENEW(self.redis, [self.keys.lease], [holder, LEASE_MS])
        return None if reply is None else int(reply)

    async def release(self, holder: str) -> None:
        """Give the lease back, if it is still ours."""
        await _RELEASE(self.redis, [self.keys.lease], [holder])

    async def begin_epoch(self, fence: str, epoch: str) -> None:
        """Start an empty epoch of our schema. Raises Fenced when another has taken over."""
        await self._checked(_BEGIN_EPOCH, self._written, [fence, epoch, STORE_SCHEMA])

    async def commit(self, plan: CommitPlan) -> int:
        """Write one commit; return its version. Repeating it with the same id is harmless.

        Raises Fenced or Diverged; any other error leaves the outcome unknown, so repeat it.
        """
        return int(await self._checked(_COMMIT, self._written, _commit_args(plan, self.keys)))

    async def heartbeat(self, fence: str, epoch: str, version: int, message: bytes) -> None:
        """Publish a heartbeat. Raises Fenced or Diverged."""
        args = [fence, epoch, version, self.keys.state_changes, message]
        await self._checked(_HEARTBEAT, [self.keys.meta, self.keys.reverted], args)

    async def report_reverted(self, epoch: str) -> None:
        """Report that the store holds an older version of this epoch than was seen of it.

        No write of the epoch is taken from then on: the aggregator begins another.
        """
        await self.redis.set(self.keys.reverted, epoch, px=REVERTED_MS)

    async def accept(self, message: bytes) -> int:
        """Publish readings; return the number of receivers.

        Raises Behind when the active aggregator is, and StoreError("NOAGG …") when there is none.
        """
        keys = self.keys
        args = [keys.raw_tokens, message]
        receivers = await self._checked(
            _ACCEPT, [keys.raw_published, keys.raw_taken, keys.lease], args
        )
        if receivers < 0:
            raise Behind("the aggregator has not read what was published before")
        return int(receivers)

    async def taken(self, fence: str, at: int | None, most: int) -> tuple[int, int]:
        """Note how far `raw_tokens` is read, and how many bytes may be ahead of that.

        None: what comes next will say. Returns how far, and how far it is published. Raises Fenced.
        """
        keys = [self.keys.meta, self.keys.raw_published, self.keys.raw_taken]
        args = [fence, "" if at is None else at, most, TAKEN_MS]
        read, published = await self._checked(_TAKEN, keys, args)
        return int(read), int(published)

    # -- reading ----------------------------------------------------------------------------------
    async def meta(self) -> Meta:
        """Read `state:meta`. Raises NewerStore."""
        return decode_meta(await self.redis.hgetall(self.keys.meta))

    async def reverted(self) -> str:
        """Return the epoch that was reported to have gone back; empty: none."""
        found = await self.redis.get(self.keys.reverted)
        return found.decode() if found else ""

    async def run_id(self) -> str:
        """Return which run of which primary this is; another one may have lost commits."""
        return run_of(await self.redis.info("server", "replication"))

    async def load(self) -> ServerLoad:
        """Return how full and how busy the server is."""
        info = await self.redis.info("memory", "stats")
        return ServerLoad(
            used_bytes=int(info["used_memory"]),
            limit_bytes=int(info["maxmemory"]),
            evicted_keys=int(info["evicted_keys"]),
            received_bytes=int(info["total_net_input_bytes"]),
            sent_bytes=int(info["total_net_output_bytes"]),
        )

    async def page(self, metric: str, start: int, stop: int, *, descending: bool) -> StoredPage:
        """Read ranks `start` to `stop` (inclusive) of an index with their rows and the version."""
        args = [self.keys.token(""), "1" if descending else "", start, stop, *ROW_FIELDS, *_LABELS]
        keys = [self.keys.index(metric), self.keys.meta]
        (epoch, version, committed_ms, seeding), total, read, found, ghosts = await _PAGE(
            self.redis, keys, args
        )
        return StoredPage(
            epoch=(epoch or b"").decode(),
            version=int(version or 0),
            committed_ms=int(committed_ms or 0),
            seeding=epoch is None or bool(seeding),
            total=total,
            read=read,
            ids=tuple(token_id.decode() for token_id, _ in found),
            rows=tuple(row for _, row in found),
            ghosts=tuple(ghost.decode() for ghost in ghosts),
        )

    async def token_ids(self) -> list[str]:
        """Return the ids of all rows that are stored, in no order."""
        prefix = self.keys.token("")
        found: set[str] = set()  # SCAN may repeat a key
        escaped = prefix.translate({ord(c): f"\\{c}" for c in "*?[]^\\"})
        async for key in self.redis.scan_iter(match=f"{escaped}*", count=_SCAN_COUNT):
            found.add(key.decode()[len(prefix) :])
        return list(found)

    async def rows(self, token_ids: Sequence[str]) -> dict[str, Fields]:
        """Read rows; ids without one are left out."""
        return await self._hashes([(i, self.keys.token(i)) for i in token_ids])

    async def readings(self, token_ids: Sequence[str]) -> dict[str, Fields]:
        """Read stored readings: id → source → JSON; ids without any are left out."""
        return await self._hashes([(i, self.keys.reading(i)) for i in token_ids])

    async def alert_bases(self, token_ids: Sequence[str]) -> dict[str, Fields]:
        """Read what alerts are judged by: id → window → JSON; ids without any are left out."""
        return await self._hashes([(i, self.keys.alert_base(i)) for i in token_ids])

    async def gone(self) -> dict[str, int]:
        """Return the removals that are still remembered: id → version."""
        found = await self.redis.zrange(self.keys.gone, 0, -1, withscores=True)
        return {member.decode(): int(score) for member, score in found}

    async def log(self, after: int, upto: int | None = None) -> list[bytes] | None:
        """Return the messages of versions `after`+1 to `upto`, or None when they are not all there.

        Without `upto`, to the newest. Versions are contiguous, so a hole shows as a missing entry.
        """
        last = "+" if upto is None else f"{upto}-0"
        entries = await self.redis.xrange(self.keys.log, f"{after + 1}-0", last)
        versions = [int(entry_id.partition(b"-")[0]) for entry_id, _ in entries]
        end = upto if upto is not None else (versions[-1] if versions else after)
        if versions != list(range(after + 1, end + 1)):
            return None
        return [entry[b"m"] for _, entry in entries]

    async def _hashes(self, keyed: Sequence[tuple[str, str]]) -> dict[str, Fields]:
        found: dict[str, Fields] = {}
        for start in range(0, len(keyed), _SCAN_COUNT):
            part = keyed[start : start + _SCAN_COUNT]
            pipe = self.redis.pipeline(transaction=False)
            for _, key in part:
                pipe.hgetall(key)
            for (name, _), values in zip(part, await pipe.execute(), strict=True):
                if values:
                    found[name] = {k.decode(): v for k, v in values.items()}
        return found

    async def _checked(self, script: Script, keys: list[str], args: list[Any]) -> Any:  # noqa: ANN401 - a script's reply
        try:
            return await script(self.redis, keys, args)
        except ResponseError as error:
            code = str(error).partition(" ")[0]
            if code == "FENCED":
                raise Fenced(str(error)) from None
            if code in {"EPOCH", "VERSION", "RUN", "REVERTED"}:
                raise Diverged(str(error)) from None
            if code == "REPLACED":
                raise Replaced("the store does not hold the epoch that was followed") from None
            if code == "SCHEMA":
                raise NewerStore(str(error).partition(" ")[2]) from None
            if code == "NOAGG":
                raise StoreError(str(error)) from None
            raise


def run_of(info: Mapping[str, Any]) -> str:
    """Return what a primary calls itself until it is restarted or demoted, from its INFO."""
    return f"{info.get('run_id', '')}:{info.get('master_replid', '')}"


def _commit_args(plan: CommitPlan, keys: Keys) -> list[Any]:
    return [
        plan.fence,
        plan.epoch,
        plan.commit_id,
        plan.pv,
        plan.pv + 1,
        plan.message,
        keys.state_changes,
        f"{max(0, plan.log_from)}-0",
        plan.ts,
        plan.digest,
        plan.tokens,
        plan.horizon,
        "1" if plan.seeding else "",
        _pack(plan.commands),
    ]
