"""Whether the Redis users may do what their services need (shared/redis/users.py).

Who may ask `ACL DRYRUN`, as an operator may, learns it of every user, cell by cell, without a
command being run. A service's own user may not: for it the commands that change nothing are really
sent, on names that nobody uses.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from redis.exceptions import NoPermissionError, ResponseError

from dexwire.server.doctor.result import Result, fail, ok
from shared.redis.connect import Redis
from shared.redis.users import RedisUser, redis_users

_SHA: Final = "0" * 40  # of no script: allowed means NOSCRIPT
_KEY: Final = "\0key"
# What a command is tried with, the key where it goes; in the order of the words of the command.
_READS: Final[dict[str, tuple[str, ...]]] = {
    "exists": (_KEY,), "get": (_KEY,), "getrange": (_KEY, "0", "0"), "hget": (_KEY, "f"),
    "hgetall": (_KEY,), "hmget": (_KEY, "f"), "pttl": (_KEY,), "strlen": (_KEY,),
    "xinfo|stream": (_KEY,), "xlen": (_KEY,), "xrange": (_KEY, "-", "+", "COUNT", "1"),
    "xrevrange": (_KEY, "+", "-", "COUNT", "1"), "zcard": (_KEY,), "zrange": (_KEY, "0", "0"),
    "zrevrange": (_KEY, "0", "0"), "zscore": (_KEY, "m"), "evalsha_ro": (_SHA, "1", _KEY),
}  # fmt: skip
# Of these, nothing happens where there is nothing.
_IDLE: Final[dict[str, tuple[str, ...]]] = {
    "del": (_KEY,), "evalsha": (_SHA, "1", _KEY), "hdel": (_KEY, "f"), "pexpire": (_KEY, "1"),
    "xdel": (_KEY, "0-1"),
    "zpopmin": (_KEY,), "zrem": (_KEY, "m"), "zremrangebyrank": (_KEY, "1", "0"),
    "zremrangebyscore": (_KEY, "1", "0"),
}  # fmt: skip
_WRITES: Final[dict[str, tuple[str, ...]]] = {
    "hincrby": (_KEY, "f", "1"), "hset": (_KEY, "f", "v"), "hsetnx": (_KEY, "f", "v"),
    "incrby": (_KEY, "1"), "set": (_KEY, "v"), "xadd": (_KEY, "*", "f", "v"),
    "zadd": (_KEY, "1", "m"),
}  # fmt: skip
_KEYLESS: Final[dict[str, tuple[str, ...]]] = {
    "bgsave": ("schedule",), "cluster|slots": (), "exec": (), "info": ("server",), "multi": (),
    "ping": (), "role": (), "scan": ("0",), "script|load": ("return 1",), "select": ("0",),
    "time": (),
}  # fmt: skip
COMMANDS: Final = _READS | _IDLE | _WRITES | _KEYLESS
_SENT: Final = ("info", "ping", "role", "scan", "time")  # of the keyless ones, really
_STAR: Final = re.compile(r"(?<!\\)\*")  # any end; an escaped one stands for itself
_SHOWN: Final = 5

Cell = tuple[str, tuple[str, ...]]  # the label, the command's words


async def rights(redis: Redis, prefix: str, user: str) -> Result:
    """Judge the rights of all users, or of the one that we are."""
    client: Any = redis
    try:
        known = {name.decode() for name in await client.execute_command("ACL", "USERS")}
    except NoPermissionError:
        return await _own_rights(client, prefix, user)
    table = [one for one in redis_users(prefix) if one.name in known]
    if not table:
        seen = (
            "one user does everything; `dexwire redis-users` makes one with least rights for each"
        )
        return ok("rights", seen)
    refused = [
        f"{one.name}: {label}" for one in table async for label in _refused_when_dry(client, one)
    ]
    return _judged(", ".join(one.name for one in table), refused)


async def _own_rights(client: Any, prefix: str, user: str) -> Result:  # noqa: ANN401 - a client
    row = next((one for one in redis_users(prefix) if one.name == user), None)
    if row is None:
        seen = f"not looked at: {user or 'this user'} is none of ours and may not ask"
        return ok("rights", seen)
    refused = []
    for label, words in harmless_cells(row):
        try:
            await client.execute_command(*words)
        except NoPermissionError:
            refused.append(f"{user}: {label}")
        except ResponseError:
            pass  # allowed: NOSCRIPT, a missing key, another type
    return _judged(f"{user} (what changes nothing; an operator's user sees all)", refused)


def _judged(whose: str, refused: Sequence[str]) -> Result:
    if not refused:
        return ok("rights", f"as they should be: {whose}")
    more = f", and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
    fix = "rewrite the users with `dexwire redis-users` for this REDIS_PREFIX, then ACL LOAD"
    return fail("rights", f"refused: {'; '.join(refused[:_SHOWN])}{more}", fix)


async def _refused_when_dry(client: Any, user: RedisUser) -> AsyncIterator[str]:  # noqa: ANN401
    for label, words in all_cells(user):
        answer = await client.execute_command("ACL", "DRYRUN", user.name, *words)
        if answer != b"OK":
            yield label


# -- which cells there are -------------------------------------------------------------------------
def all_cells(user: RedisUser) -> Iterator[Cell]:
    """Yield what a user must be allowed: each command, each key, each channel."""
    for command in user.commands:
        if command in _KEYLESS:
            yield command, (*command.split("|"), *_KEYLESS[command])
    for keys, kinds in (
        (user.reads, _READS),
        (user.writes, _READS | _IDLE | _WRITES),
    ):
        for key in keys:
            for command in user.commands:
                if command in kinds:
                    yield _cell(command, kinds[command], _name(key))
    for key in user.shown:
        yield _cell("evalsha", _IDLE["evalsha"], _name(key))
    for channel in map(_name, user.subscribes):
        yield f"subscribe {channel}", ("subscribe", channel)
    for channel in map(_name, user.publishes):
        yield f"publish {channel}", ("publish", channel, "m")


def harmless_cells(user: RedisUser) -> Iterator[Cell]:
    """Yield those of them that change nothing, whatever there is."""
    for command in user.commands:
        if command in _SENT:
            yield command, (command, *_KEYLESS[command])
    for key in (*user.reads, *user.writes):
        nobodys = _STAR.search(key)  # a name that stands for many: one of them is surely not there
        kinds = _READS | _IDLE if nobodys and key in user.writes else _READS
        for command in user.commands:
            if command in kinds:
                yield _cell(command, kinds[command], _name(key))


def _name(pattern: str) -> str:
    """Return a key of a pattern, one that nobody has where the pattern allows it."""
    return _STAR.sub(f"doctor-{secrets.token_hex(4)}", pattern).replace("\\", "")


def _cell(command: str, args: Sequence[str], key: str) -> Cell:
    words = tuple(key if word == _KEY else word for word in args)
    return f"{command} {key}", (*command.split("|"), *words)
