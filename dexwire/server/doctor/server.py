"""Judges a Redis server by what it says of itself. Pure: facts in, results out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dexwire.server.doctor.result import Result, fail, ok, warn
from shared.redis.versions import LEAST_REDIS, LEAST_VALKEY
from shared.state.meta import Meta
from shared.state.store import run_of

_FULL: Final = 0.9
_FILLING: Final = 0.75
_SKEW_MS: Final = 1_000  # a reading's age is judged in seconds
_SKEW_BAD_MS: Final = 60_000  # half of PRICE_STALE_S: prices go stale while they arrive
_OLD_MS: Final = 120_000  # PRICE_STALE_S: by then every price is stale
_WAIT: Final = "wait for the first readings; see `source` below if none come"
_DENIED: Final = "this user may not see it; `admin` may, but for the buffers"
_LEAST_BUFFER: Final = 8 << 20  # one second of the largest commits, with room


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a server and the state in it say; `ours_ms` and `theirs_ms` are of one moment."""

    where: str  # the address without secrets
    prefix: str
    info: Mapping[str, Any]
    ours_ms: int
    theirs_ms: int
    round_trip_ms: float
    pubsub_limit: str | None = None  # `client-output-buffer-limit`
    meta: Meta = field(default_factory=Meta)
    logged: bool = False  # the log has an entry of `meta`'s version
    lease_ms: int | None = None  # what is left of the aggregator's lease; None: nobody holds it
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()  # names of checks that this user may not make, and `info`


def judge(facts: Facts) -> list[Result]:
    """Judge everything that can be judged of a server that answers."""
    results = [_reachable(facts)]
    if "info" in facts.denied:
        results.append(ok("redis info", _DENIED))
    else:
        checks = (_version, _role, _policy, _memory, _persistence)
        results += [check(facts.info) for check in checks]
    for name, judged in (
        ("clock", _clock),
        ("output buffers", _buffers),
        ("aggregator", _aggregator),
        ("data", _data),
        ("store", _store),
    ):
        results.append(ok(name, _DENIED) if name in facts.denied else judged(facts))
    results += [_source(name, status) for name, status in facts.sources.items()]
    on = [status for status in facts.sources.values() if status.get("state") != "off"]
    if on and all(status.get("state") == "down" for status in on):
        fix = "check this machine's network, DNS, the firewall and FETCH_PROXY"
        results.append(fail("sources", "no source answers; is this machine online?", fix))
    return results


def _reachable(facts: Facts) -> Result:
    seen = f"{facts.where} answers in {facts.round_trip_ms:.1f} ms ({_kind(facts)})"
    if facts.round_trip_ms > 100:
        return warn("redis", seen, "bring dexwire and Redis nearer; a commit takes one round trip")
    return ok("redis", seen)


def _kind(facts: Facts) -> str:
    scheme = facts.where.partition("://")[0]
    mode = str(facts.info.get("redis_mode", "standalone"))
    words = ["sentinel" if "sentinel" in scheme else "single" if mode == "standalone" else mode]
    if scheme.startswith("rediss"):
        words.append("TLS")
    return ", ".join(words)


def _version(info: Mapping[str, Any]) -> Result:
    valkey = info.get("valkey_version")
    name, version = ("Valkey", valkey) if valkey else ("Redis", info.get("redis_version", "0"))
    least = LEAST_VALKEY if valkey else LEAST_REDIS
    if tuple(int(part) for part in str(version).split(".")[:2]) < least:
        needed = f"{name} {'.'.join(map(str, least))}"
        return fail("redis version", f"{name} {version}", f"use {needed} or newer")
    return ok("redis version", f"{name} {version}")


def _role(info: Mapping[str, Any]) -> Result:
    role = str(info.get("role", "master"))
    if role != "master":
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        return fail(
            "redis role",
            f"a replica of {primary}; every write is refused",
            f"point REDIS_URL at {primary}, or use a redis+sentinel:// URL, which follows it",
        )
    return ok("redis role", f"primary, {info.get('connected_slaves', 0)} replicas")


def _policy(info: Mapping[str, Any]) -> Result:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return ok("eviction", policy)
    seen = f"maxmemory-policy {policy}: when memory is full, rows and whole indices vanish"
    fix = "CONFIG SET maxmemory-policy noeviction, and in redis.conf"
    return fail("eviction", seen, fix) if info.get("maxmemory") else warn("eviction", seen, fix)


def _memory(info: Mapping[str, Any]) -> Result:
    used = int(info.get("used_memory", 0))
    limit = int(info.get("maxmemory", 0)) or int(info.get("total_system_memory", 0))
    of = "maxmemory" if info.get("maxmemory") else "the machine's memory, no maxmemory"
    if not limit:
        return ok("memory", f"{_mb(used)} used")
    seen = f"{_mb(used)} of {_mb(limit)} used ({of})"
    fix = "raise maxmemory, or lower MAX_TOKENS (docs/OPERATIONS.md, Sizing)"
    if used > limit * _FULL:
        return fail("memory", seen, fix)
    return warn("memory", seen, fix) if used > limit * _FILLING else ok("memory", seen)


def _persistence(info: Mapping[str, Any]) -> Result:
    broken = [
        name
        for name in ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")
        if str(info.get(name, "ok")) != "ok"
    ]
    if broken:
        return fail(
            "persistence",
            f"{', '.join(broken)}: err; Redis may refuse every write",
            "see the end of Redis's log; mostly its disk is full or its folder is not writable",
        )
    if int(info.get("loading", 0)):
        return warn("persistence", "Redis is loading its data", "wait, then look again")
    if int(info.get("aof_enabled", 0)):
        return ok("persistence", "append-only file")
    if int(info.get("rdb_last_bgsave_time_sec", -1)) >= 0:
        return ok("persistence", "snapshots; a crash forgets what came after the last one")
    return ok("persistence", "in memory only; after a restart the list is rebuilt")


def _clock(facts: Facts) -> Result:
    skew = facts.ours_ms - facts.theirs_ms
    where = "ahead of" if skew > 0 else "behind"
    if abs(skew) <= max(_SKEW_MS, facts.round_trip_ms):
        return ok("clock", f"{abs(skew)} ms {where} Redis's")
    seen = f"this machine's clock is {abs(skew) / 1000:.1f} s {where} Redis's"
    fix = "set both by NTP (chrony, systemd-timesyncd)"
    return (fail if abs(skew) > _SKEW_BAD_MS else warn)("clock", seen, fix)


def _buffers(facts: Facts) -> Result:
    limits = facts.pubsub_limit or "pubsub 0 0 0"
    words = limits.split()
    hard, soft, soft_s = (int(word) for word in words[words.index("pubsub") + 1 :][:3])
    seen = f"pubsub {_mb(hard)} hard, {_mb(soft)} soft for {soft_s} s"
    if 0 < hard < _LEAST_BUFFER or 0 < soft < _LEAST_BUFFER:
        return warn(
            "output buffers",
            f"{seen}: subscribers are cut off in a burst, and reload everything",
            "CONFIG SET client-output-buffer-limit 'pubsub 32mb 8mb 10'",
        )
    return ok("output buffers", seen if hard else "pubsub unlimited")


def _aggregator(facts: Facts) -> Result:
    if facts.lease_ms is None:
        return warn(
            "aggregator",
            f"none is active under the prefix {facts.prefix!r}",
            "start `dexwire aggregator` (or `dexwire up`) with this REDIS_URL and REDIS_PREFIX",
        )
    return ok("aggregator", f"active, its lease has {facts.lease_ms} ms")


def _data(facts: Facts) -> Result:
    meta = facts.meta
    if not meta.epoch:
        return warn(
            "data",
            f"nothing was ever committed under the prefix {facts.prefix!r}",
            "start an aggregator and a fetcher; is REDIS_PREFIX the one that they have?",
        )
    if not meta.committed_ms:  # 0: the epoch has begun, and nothing more
        return warn("data", "nothing was committed yet in this epoch", _WAIT)
    age_ms = max(0, facts.theirs_ms - meta.committed_ms)
    seen = f"{meta.tokens} tokens, version {meta.version}, {age_ms / 1000:.1f} s old"
    if meta.seeding:
        return warn("data", f"{seen}, being built up", _WAIT)
    if age_ms > _OLD_MS:
        fix = "see `source` below, and the logs of the fetcher and the aggregator"
        return (warn if facts.lease_ms is None else fail)("data", seen, fix)
    return ok("data", seen)


def _store(facts: Facts) -> Result:
    meta = facts.meta
    audit = "`dexwire verify` audits every row"
    if meta.epoch and "run_id" in facts.info and meta.run_id != run_of(facts.info):
        return warn(
            "store",
            "Redis was restarted or failed over since the last commit",
            "nothing, if an aggregator is active: it begins a new epoch",
        )
    if meta.version and not facts.logged:
        seen = f"version {meta.version} is not in the log"
        return fail("store", seen, f"somebody wrote by hand; {audit}")
    return ok("store", f"state and log agree; {audit}")


def _source(name: str, status: Mapping[str, str]) -> Result:
    state = status.get("state", "unknown")
    check = f"source {name}"
    if status.get("delivery_error"):
        fix = "check FETCHER_API_URL and FETCHER_API_KEY, and that the api runs"
        return fail(check, f"{state}, but not delivered: {status['delivery_error']}", fix)
    if state in {"degraded", "down"}:
        seen = f"{state}: {status.get('last_error', 'no reason given')[:120]}"
        fix = "`dexwire doctor --upstream` asks it from here"
        return (fail if state == "down" else warn)(check, seen, fix)
    return ok(check, state)


def _mb(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
