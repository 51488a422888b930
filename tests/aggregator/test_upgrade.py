"""From the release before to this version with the store kept."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest

from dexwire.server.verify import audit
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.row import format_digest, row_hash
from shared.state.store import Store
from tests.testkit.market import aggregator, now_ms, reaches
from tests.testkit.process import ROOT
from tests.testkit.wait import eventually

RECORDED: Final = (ROOT / "tests/cases/store-0.1.0/store.json").read_text(encoding="utf-8")
DAY_MS: Final = 24 * 3_600_000


def moved_to_now(text: str) -> dict[str, Any]:
    """Return the keys of a recording as if it were made now: times of its last day are moved."""
    recorded_ms = json.loads(text)["recorded_ms"]
    later_ms = now_ms() - recorded_ms

    def move(found: re.Match[str]) -> str:
        at_ms = int(found[0])
        recent = recorded_ms - DAY_MS < at_ms <= recorded_ms
        return str(at_ms + later_ms) if recent else found[0]

    keys: dict[str, Any] = json.loads(re.sub(r"\b1\d{12}\b", move, text))["keys"]
    return keys


@pytest.fixture
async def old(redis: Redis, keys: Keys) -> dict[str, Any]:
    """The store of 0.1.0 in this server, in the epoch of a run that goes on."""
    found = moved_to_now(RECORDED)
    ids = [name.removeprefix("token:") for name in found if name.startswith("token:")]
    rows = [{f: v.encode() for f, v in found[f"token:{token}"][1].items()} for token in ids]
    meta = found["state:meta"][1]
    meta["run_id"] = await Store(redis, keys).run_id()
    meta["tokens"] = str(len(ids))  # of 316; the digest is over those that were kept
    meta["digest"] = format_digest(sum(map(row_hash, rows)) % 2**64)
    pipe = redis.pipeline(transaction=True)
    for name, (kind, value) in found.items():
        key = f"{keys.prefix}{name}"
        if kind == "hash":
            pipe.hset(key, mapping=value)
        elif kind == "zset":
            pipe.zadd(key, dict(value))
        elif kind == "stream":
            for entry_id, fields in value:
                pipe.xadd(key, fields, id=entry_id)
        else:
            pipe.set(key, bytes.fromhex(value["hex"]) if isinstance(value, dict) else value)
    await pipe.execute()
    return found


async def test_the_store_of_0_1_0_is_migrated_with_all_that_it_holds(
    redis_url: str, redis: Redis, keys: Keys, old: dict[str, Any]
) -> None:
    store = Store(redis, keys)
    before = await store.meta()
    ids = [name.removeprefix("token:") for name in old if name.startswith("token:")]
    assert (before.schema, before.version, len(ids)) == (0, 232, 9)

    async with aggregator(redis_url, keys):
        await eventually(lambda: in_another_epoch(store, before.epoch))
        await reaches(store, 9)
        report = await audit(store)

    after = await store.meta()
    rows = await store.rows(ids)
    assert (after.schema, after.tokens) == (1, 9)
    assert report.wrong == 0
    for token in ids:
        was = old[f"token:{token}"][1]
        for name in ("token_name", "token_ticker", "created_ms", "price"):
            assert rows[token].get(name, b"").decode() == was.get(name, "")
    assert sorted(await store.readings(ids)) == sorted(ids)
    assert sorted(await store.alert_bases(ids)) == sorted(ids)


async def in_another_epoch(store: Store, epoch: str) -> bool:
    meta = await store.meta()
    return meta.epoch != epoch and not meta.seeding
