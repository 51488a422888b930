"""What a follower holds against what the store holds, at the store's own version."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from dexwire.client import Row, Unreachable
from dexwire.conformance.check import Check
from dexwire.conformance.follower import Follower
from dexwire.conformance.run import StoreCheck
from shared.keys import Keys
from shared.process.settings import ServiceSettings, read_settings
from shared.redis.address import RedisAddress
from shared.redis.connect import UNREACHABLE, open_redis

_PART: Final = 200  # rows that are read in one transaction with their version
_WAIT_S: Final = 5.0
_decode_row: Final = msgspec.json.Decoder(Row).decode


def store_at(redis_url: str, redis_prefix: str) -> StoreCheck:
    """Return the comparison with the store on a server; its password is a setting, as everywhere.

    Raises ConfigError.
    """
    given = {"redis_url": redis_url, "redis_prefix": redis_prefix or None}
    return partial(compare_with_store, read_settings(ServiceSettings, **given).redis)


async def compare_with_store(address: RedisAddress, check: Check, follower: Follower) -> None:
    """Compare every row. Raises Unreachable."""
    redis: Any = open_redis(address)
    keys = Keys(address.prefix)
    try:
        held = follower.state("all", follower.rule.epoch, follower.rule.versions.get("all", 0))
        ids = iter(sorted(held[1] if held else ()))
        while part := list(islice(ids, _PART)):
            pipe = redis.pipeline(transaction=True)
            pipe.hmget(keys.meta, ["epoch", "version", "tokens"])
            for ident in part:
                pipe.hgetall(keys.token(ident))
            (epoch, version, tokens), *found = await pipe.execute()
            meta = _Meta(epoch.decode(), int(version), int(tokens))
            rows = dict(zip(part, map(_row, found), strict=True))
            await _compare_part(check, follower, meta, rows)
    except UNREACHABLE as error:
        raise Unreachable(f"Redis at {address} does not answer: {error}") from None
    except AttributeError:
        check.count([f"there is no state under the prefix {address.prefix!r} of {address}"])
    finally:
        await redis.aclose()


class _Meta(NamedTuple):
    epoch: str
    version: int
    tokens: int


async def _compare_part(
    check: Check, follower: Follower, meta: _Meta, rows: dict[str, Row | None]
) -> None:
    await follower.until("all", meta.version, _WAIT_S)
    state = follower.state("all", meta.epoch, meta.version)
    if state is None:
        check.count([f"the stream has not come to version {meta.version} of {meta.epoch}"])
        return
    if len(state[1]) != meta.tokens:
        difference = f"the store has {meta.tokens} tokens, the stream {len(state[1])}"
        check.count([f"{difference}, at version {meta.version}"])
    for ident, row in rows.items():
        same = row == state[1].get(ident)
        check.count([] if same else [f"{ident} differs at version {meta.version}"])


def _row(fields: dict[bytes, bytes]) -> Row | None:
    if not fields:
        return None
    return _decode_row(b"{%b}" % b",".join(b'"%b":%b' % item for item in fields.items()))
