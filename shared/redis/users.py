"""Who may do what in Redis: one user per service, in one table, and the ACL lines made of it.

A user has the commands of its row, on the keys and channels of its row, and nothing else. What a
script does is judged by the rights of its caller, key by key and command by command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.keys import Keys

# Not CLIENT SETINFO: Redis 7.0 does not know it and refuses a whole file that names it.
CONNECT: Final = ("ping", "select", "role", "cluster|slots")
_FOLLOW: Final = ("hgetall", "info", "scan", "xrange", "zrange")  # a replica's reading
_LOOK: Final = ("bgsave", "get", "hmget", "pttl", "time", "xrevrange", "zscore")  # an operator's
_RUN: Final = ("evalsha", "script|load")
_AT_ONCE: Final = ("exec", "multi")
# Nobody can be it. But a server repeats its append-only file in its name, and older ones leave out
# each transaction that it may not do (Redis issue 14541, Valkey issue 3983): every commit is one.
_DEFAULT: Final = "user default reset off ~* &* +@all"
# The ones that would end a pattern early or mean something in it.
_GLOB: Final = re.compile(r"([*?\[\]\\])")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUser:
    """One row of the table. Keys are patterns: `*` stands for any end."""

    name: str
    commands: tuple[str, ...]  # besides SUBSCRIBE and PUBLISH, which follow from the channels
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()  # and reads
    shown: tuple[str, ...] = ()  # what a script gets as KEYS, if it only reads one of them
    subscribes: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()


def redis_users(prefix: str = "") -> tuple[RedisUser, ...]:
    """Return the table for a key prefix."""
    keys = Keys(_GLOB.sub(r"\\\1", prefix))
    services = (
        _fetcher(keys), _aggregator(keys), _api(keys), _ws(keys), _images(keys), _recorder(keys),
    )  # fmt: skip
    return (*services, _admin(keys, services))


def _fetcher(keys: Keys) -> RedisUser:
    return RedisUser(
        name="fetcher",
        commands=(
            *CONNECT, *_RUN, *_AT_ONCE, "del", "get", "hget", "hincrby", "hmget", "hset",
            "incrby", "pexpire", "pttl", "set", "time", "xadd", "xlen", "zadd", "zcard", "zpopmin",
            "zrange", "zrem", "zremrangebyscore", "zrevrange", "zscore",
        ),
        reads=(keys.token("*"), keys.index("*"), keys.watched, keys.raw_taken),
        writes=(
            keys.fetch_job("*", "*"), keys.fetch_bucket("*", "*"), keys.fetch_hold("*"),
            keys.fetch_status("*"), keys.fetch_due("*"), keys.fetch_known, keys.raw_published,
            keys.history_backfill,
        ),
        shown=(keys.raw_published, keys.raw_taken),
        publishes=(keys.raw_tokens,),
    )  # fmt: skip


def _aggregator(keys: Keys) -> RedisUser:
    return RedisUser(
        name="aggregator",
        commands=(
            *CONNECT, *_RUN, *_FOLLOW, "del", "get", "hdel", "hget", "hmget", "hset",
            "pexpire", "set", "time", "xadd", "zadd", "zrem", "zremrangebyscore",
        ),
        reads=(keys.raw_published,),
        writes=(
            *_state(keys), keys.alerts_log, keys.alert_base("*"), keys.reverted, keys.lease,
            keys.raw_taken,
        ),
        shown=(keys.meta, keys.raw_published, keys.raw_taken),
        subscribes=(keys.raw_tokens, keys.state_changes),
        publishes=(keys.state_changes,),
    )  # fmt: skip


def _api(keys: Keys) -> RedisUser:
    return RedisUser(
        name="api",
        commands=(
            *CONNECT, *_RUN, *_AT_ONCE, *_FOLLOW, "evalsha_ro", "exists", "get", "getrange",
            "hmget", "hset", "hsetnx", "incrby", "pexpire", "set", "strlen", "time", "zadd",
            "zcard", "zremrangebyscore", "zrevrange",
        ),
        reads=(*_state(keys), keys.fetch_status("*"), keys.lease, keys.raw_taken),
        writes=(
            keys.ingest_seen("*", "*"), keys.ingest_rate("*"), keys.view("*"), keys.views,
            keys.cursor_secret, keys.reverted, keys.raw_published,
        ),
        shown=(keys.lease, keys.raw_published, keys.raw_taken),
        subscribes=(keys.state_changes,),
        publishes=(keys.raw_tokens,),
    )  # fmt: skip


def _ws(keys: Keys) -> RedisUser:
    return RedisUser(
        name="ws",
        commands=(
            *CONNECT, *_AT_ONCE, *_FOLLOW, "hget", "set", "xinfo|stream", "zadd",
            "zremrangebyrank", "zremrangebyscore",
        ),
        reads=(keys.token("*"), keys.meta, keys.gone, keys.log, keys.alerts_log),
        writes=(keys.watched, keys.reverted),
        subscribes=(keys.state_changes,),
    )  # fmt: skip


def _images(keys: Keys) -> RedisUser:
    return RedisUser(name="images", commands=(*CONNECT, "exists", "hget"), reads=(keys.token("*"),))


def _recorder(keys: Keys) -> RedisUser:
    return RedisUser(
        name="recorder",
        commands=(*CONNECT, *_FOLLOW, "xdel", "zrevrange"),
        reads=(
            keys.token("*"), keys.meta, keys.gone, keys.log, keys.fetch_status("*"), keys.watched,
        ),
        writes=(keys.history_backfill,),
        subscribes=(keys.state_changes,),
    )  # fmt: skip


def _admin(keys: Keys, services: Iterable[RedisUser]) -> RedisUser:
    """Return the user of `dexwire verify` and `dexwire doctor`: it reads what services use."""
    known = dict.fromkeys(key for user in services for key in (*user.writes, *user.reads))
    return RedisUser(
        name="admin",
        commands=(*CONNECT, *_AT_ONCE, *_FOLLOW, *_LOOK),
        reads=tuple(key for key in known if key != keys.cursor_secret),
        subscribes=(keys.state_changes,),
    )


def _state(keys: Keys) -> tuple[str, ...]:
    """Return the keys of the state, with the readings behind it."""
    rows = (keys.token("*"), keys.reading("*"), keys.index("*"))
    return (*rows, keys.meta, keys.gone, keys.log)


def acl_lines(prefix: str, hashes: Mapping[str, str]) -> list[str]:
    """Return the lines of an ACL file: one per user of the table, and `default`, who is off.

    `hashes` holds the SHA-256 of each user's password in hex. Raises ValueError for a prefix that
    no ACL can hold or a user without a hash.
    """
    if re.search(r"[\s\x00-\x1f]", prefix):
        raise ValueError("a prefix with white space fits no ACL rule")
    users = redis_users(prefix)
    missing = [user.name for user in users if not _HASH.fullmatch(hashes.get(user.name, ""))]
    if missing:
        raise ValueError(f"no password hash for {', '.join(missing)}")
    lines = [_DEFAULT]
    lines += [f"user {user.name} reset on #{hashes[user.name]} {rules(user)}" for user in users]
    return lines


def rules(user: RedisUser) -> str:
    """Return a user's rights as ACL rules.

    A channel rule grants SUBSCRIBE and PUBLISH alike, so channels stand in selectors, each with the
    one command; and so do keys that scripts only read, since EVALSHA needs write access.
    """
    words = [f"%R~{key}" for key in user.reads] + [f"~{key}" for key in user.writes]
    words += [f"+{command}" for command in user.commands]
    if user.shown:
        words.append(_selector("evalsha", [f"~{key}" for key in user.shown]))
    for command, channels in (("subscribe", user.subscribes), ("publish", user.publishes)):
        if channels:
            words.append(_selector(command, [f"&{channel}" for channel in channels]))
    return " ".join(words)


def _selector(command: str, on: list[str]) -> str:
    return f"({' '.join([f'+{command}', *on])})"
