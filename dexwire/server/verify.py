"""`dexwire verify`: reads the whole store while writers go on, and audits it.

What is read of one token (its row, its scores) is read in one transaction, so it is true of one
moment. Counts and the digest need one exact state: rows that were read at different moments are
brought to a later version by the log, as a replica does it (shared/state/feed.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from redis.exceptions import ResponseError

from dexwire.conformance.check import Check
from dexwire.output import print_json
from dexwire.runfile import DEFAULT_FOLDER, find_running
from dexwire.server.audit import AuditedToken, LogCheck, TokenChecks, state_checks
from dexwire.server.up.net import check_redis
from dexwire.server.up.ready import BANNER
from shared.errors import ConfigError, Diverged, StoreError
from shared.keys import Keys
from shared.model import METRICS
from shared.process.settings import ServiceSettings
from shared.redis.address import RedisAddress
from shared.redis.connect import UNREACHABLE, open_redis
from shared.state import row as rows_
from shared.state.messages import Commit, decode
from shared.state.meta import Meta, decode_meta
from shared.state.replica import Replica
from shared.state.store import Store

EXIT_DIFFERENCE: Final = 1
EXIT_UNREACHABLE: Final = 2
_TOKENS_PER_LOOK: Final = 50  # in one transaction: about 1 ms of the server's time
_LOG_PER_READ: Final = 100
_ATTEMPTS: Final = 5
_TIMEOUT_S: Final = 10.0  # patient: an audit may meet a busy server


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one audit."""

    epoch: str
    version: int
    tokens: int
    seeding: bool
    checks: list[Check]

    @property
    def wrong(self) -> int:
        """How many differences there are."""
        return sum(check.wrong for check in self.checks)


class _Moved(Exception):
    """The store moved on faster than it could be read; try again."""


async def verify(settings: ServiceSettings, data_dir: Path | None, *, as_json: bool) -> int:
    """Audit the store, print the result, return the exit code."""
    address, demo = store_address(settings, data_dir)
    try:
        await check_redis(address)
        client = open_redis(address, timeout_s=_TIMEOUT_S)
        try:
            report = await audit(Store(client, Keys(address.prefix)))
        finally:
            await client.aclose()
    except (StoreError, *UNREACHABLE) as error:
        print(f"dexwire verify: {error}", file=sys.stderr)
        return EXIT_UNREACHABLE
    if as_json:
        print_json(msgspec.json.encode(report))
    else:
        if demo:
            print(BANNER)
        print(_table(report, address))
    return EXIT_DIFFERENCE if report.wrong else 0


def store_address(settings: ServiceSettings, data_dir: Path | None) -> tuple[RedisAddress, bool]:
    """Return the address and whether it is a demo: as given, completed by what runs here."""
    running = find_running(data_dir or DEFAULT_FOLDER)
    if running is not None and settings.redis_url in {"", running.redis_url}:
        prefix = settings.redis_prefix or running.redis_prefix
        address = replace(settings.redis, url=running.redis_url, prefix=prefix)
        return address, running.demo or settings.demo
    if settings.redis_url:
        return settings.redis, settings.demo
    raise ConfigError(
        "REDIS_URL: not set, and no `dexwire up` runs in this folder; name the server with "
        "--redis-url, or the folder with --data-dir"
    )


async def audit(store: Store) -> Report:
    """Audit the state under a store's prefix. Raises redis-py's errors, StoreError."""
    for attempt in range(_ATTEMPTS):
        final = attempt == _ATTEMPTS - 1
        with contextlib.suppress(_Moved):
            report = await _audited(store)
            # An exact state was put together from many moments; a fault of that would show as a
            # difference, so a difference must show twice.
            if not report.wrong or final or attempt:
                return report
        await asyncio.sleep(0.2)
    raise StoreError("the store changes faster than it can be read; try again")


async def _audited(store: Store) -> Report:
    """Audit once; what cannot even be read is a difference too."""
    try:
        return await _audit_once(store)
    except (ResponseError, KeyError, ValueError) as error:  # WRONGTYPE, a torn `state:meta`, …
        keys = Check(name="keys hold what they should")
        keys.count([f"{type(error).__name__}: {error}"[:200]])
        return Report(epoch="", version=0, tokens=0, seeding=False, checks=[keys])


async def _audit_once(store: Store) -> Report:
    before = await store.meta()
    if not before.epoch:
        state = Check(name="there is a state")
        state.count([f"nothing was ever committed under the prefix {store.keys.prefix!r}"])
        return Report(epoch="", version=0, tokens=0, seeding=True, checks=[state])
    tokens = TokenChecks()
    replica = Replica()
    replica.reset(before.epoch)
    replica.version = before.version
    async for look in _looks(store):
        tokens.look(look)
        if look.fields:
            with contextlib.suppress(
                ValueError
            ):  # not JSON: reported already, and the digest differs
                replica.load_row(look.token_id, look.fields)
    log, after = await _walk_log(store, before)
    applied = await _catch_up(store, replica, before, after)
    if not applied and not log.check.wrong:
        raise _Moved
    digest = rows_.format_digest(replica.digest)
    whole = state_checks(after, len(replica.rows), digest) if applied else []
    return Report(
        epoch=after.epoch,
        version=after.version,
        tokens=len(replica.rows),
        seeding=after.seeding,
        checks=[*tokens.all(), log.check, *whole],
    )


async def _looks(store: Store) -> AsyncIterator[AuditedToken]:
    """Look at every token that has a row, is in an index, or is remembered as removed."""
    ids = set(await store.token_ids())
    for metric in METRICS:
        ids.update([i.decode() for i in await store.redis.zrange(store.keys.index(metric), 0, -1)])
    ids.update(await store.gone())
    rest = iter(sorted(ids))
    while part := list(islice(rest, _TOKENS_PER_LOOK)):
        for look in await _look(store, part):
            yield look


async def _look(store: Store, token_ids: Sequence[str]) -> list[AuditedToken]:
    keys, metrics = store.keys, list(METRICS)
    pipe = store.redis.pipeline(transaction=True)
    pipe.hmget(keys.meta, ["epoch", "version"])
    for token_id in token_ids:
        pipe.hgetall(keys.token(token_id))
        pipe.zscore(keys.gone, token_id)
        for metric in metrics:
            pipe.zscore(keys.index(metric), token_id)
    (epoch, version), *replies = await pipe.execute()
    looks, each = [], len(metrics) + 2
    for number, token_id in enumerate(token_ids):
        fields, gone_at, *scores = replies[number * each : (number + 1) * each]
        looks.append(
            AuditedToken(
                token_id=token_id,
                fields={name.decode(): value for name, value in fields.items()},
                scores=dict(zip(metrics, scores, strict=True)),
                gone_at=None if gone_at is None else int(gone_at),
                epoch=(epoch or b"").decode(),
                version=int(version or 0),
            )
        )
    return looks


async def _walk_log(store: Store, before: Meta) -> tuple[LogCheck, Meta]:
    """Judge the whole log, up to a `state:meta` that is read in one transaction with its end."""
    log, start = LogCheck(before.epoch), "-"
    while True:
        pipe = store.redis.pipeline(transaction=True)
        pipe.xrange(store.keys.log, start, "+", count=_LOG_PER_READ)
        pipe.hgetall(store.keys.meta)
        entries, found = await pipe.execute()
        for entry_id, entry in entries:
            log.entry(entry_id.decode(), entry.get(b"m", b""))
            start = f"({entry_id.decode()}"
        if len(entries) < _LOG_PER_READ:
            meta = decode_meta(found)
            if meta.epoch != before.epoch:
                raise _Moved
            log.end(meta)
            return log, meta


async def _catch_up(store: Store, replica: Replica, before: Meta, after: Meta) -> bool:
    """Bring rows that were read since `before` to `after`; False when the log does not allow it."""
    messages = await store.log(before.version, after.version)
    if messages is None:
        return False
    try:
        for data in messages:
            commit = decode(data)
            if isinstance(commit, Commit):
                replica.apply(commit, torn=True)
    except (Diverged, ValueError):
        return False
    return True


def _table(report: Report, address: RedisAddress) -> str:
    head = f"{address} {address.prefix}".rstrip()
    lines = [
        f"{head}: epoch {report.epoch or '-'}, version {report.version}, {report.tokens} tokens"
        + (" (seeding)" if report.seeding and report.epoch else "")
    ]
    for check in report.checks:
        verdict = f"{check.wrong} WRONG" if check.wrong else "ok"
        lines.append(f"  {check.name:<42} {check.looked_at:>8}  {verdict}")
        lines += [f"      {example}" for example in check.examples]
        if check.wrong > len(check.examples):
            lines.append(f"      … and {check.wrong - len(check.examples)} more")
    lines.append("clean" if not report.wrong else f"{report.wrong} differences")
    return "\n".join(lines)
