"""The history: what recording costs, and how fast it is read at five million candles.

    python -m bench.history record [sqlite|postgresql]
    python -m bench.history read [sqlite|postgresql]

`record` folds an hour of market time at 60 times its speed, 5,000 looks a market minute, and writes
it: the share of a core and the memory. `read` fills a database with candles of minutes and hours
and reads 1,000 candles of one token, and the list as it was. PostgreSQL is Debian's, started for
the run with fsync off; both engines run on the machine that measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import insert

from services.recorder.counts import RecorderCounts
from services.recorder.recording import Recording
from services.recorder.storage import Storage
from shared.history import schema, write
from shared.history.as_of import PastList
from shared.history.candle import Tier
from shared.history.engine import open_engine
from shared.history.migrate import migrate
from shared.history.reader import Reader
from shared.state import row as rows_
from shared.state.messages import Commit
from shared.state.orders import NoOrders
from shared.state.replica import Replica
from tests.testkit.commits import row
from tests.testkit.postgres import make_database, postgres_server

START_S: Final = 1_790_006_400
TOKENS: Final = 5_000
LOOKS_A_MINUTE: Final = 5_000
SPEED: Final = 60.0
COMMIT_MS: Final = 200
WRITE_S: Final = 5.0
CANDLES: Final = 5_000_000
READS: Final = 200


@contextlib.contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database of a kind."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'history.sqlite'}"
        return
    with postgres_server() as server:
        yield make_database(server.url(""))


# -- recording -------------------------------------------------------------------------------------
class Market:
    """Commits of 200 ms of market time, as an aggregator makes them."""

    def __init__(self) -> None:
        self.chance = random.Random(1)
        self.fields = {
            f"solana:Token{n:05d}": {k: msgspec.json.encode(v) for k, v in row(n).items()}
            for n in range(TOKENS)
        }
        self.order = list(self.fields)
        self.version, self.digest, self.next = 0, 0, 0

    def first(self) -> Commit:
        adds = [msgspec.Raw(rows_.encode_row(f)) for f in self.fields.values()]
        for fields in self.fields.values():
            self.digest = rows_.add_to_digest(self.digest, plus=rows_.row_hash(fields))
        return self._commit(START_S * 1000, add=adds)

    def step(self, ts: int) -> Commit:
        """Change as many tokens as are looked at in 200 ms."""
        sets = []
        for _ in range(LOOKS_A_MINUTE * COMMIT_MS // 60_000):
            token_id = self.order[self.next % TOKENS]
            self.next += 1
            changes = {
                "id": token_id,
                "price": self.chance.uniform(1, 2),
                "volume_5m": self.chance.uniform(1, 1e6),
                "volume_1h": self.chance.uniform(1, 1e6),
                "observed_ms": ts,
                "rv": self.version + 1,
            }
            changed = {k: msgspec.json.encode(v) for k, v in changes.items()}
            before = self.fields[token_id]
            after = rows_.patch(before, changed)
            self.digest = rows_.add_to_digest(
                self.digest, plus=rows_.row_hash(after), minus=rows_.row_hash(before)
            )
            self.fields[token_id] = after
            sets.append(msgspec.Raw(rows_.encode_row(changed)))
        return self._commit(ts, set=sets)

    def _commit(self, ts: int, **entries: Any) -> Commit:  # noqa: ANN401
        self.version += 1
        digest = rows_.format_digest(self.digest)
        return Commit(e="e1", pv=self.version - 1, v=self.version, ts=ts, digest=digest, **entries)


async def record(kind: str, url: str, minutes: int) -> None:
    """Record `minutes` of market time, each within a second."""
    market = Market()
    engine = open_engine(url, writes=True)
    await migrate(engine)
    replica, counts = Replica(new_orders=NoOrders), RecorderCounts()
    recording = Recording(
        replica, counts, fresh_for_ms=120_000, hot_tokens=1_000, waiting_max=200_000
    )
    storage = Storage(engine)
    replica.reset("e1")
    recording.on_reset()
    recording.on_commit(replica.apply(market.first()))
    await storage.write(recording.take())
    spent = written_s = 0.0
    began, wrote, ts = time.monotonic(), time.monotonic(), START_S * 1000
    for _ in range(minutes):
        commits = []
        for _ in range(60_000 // COMMIT_MS):
            ts += COMMIT_MS
            commits.append(market.step(ts))
        before = _cpu()
        for commit in commits:
            recording.on_commit(replica.apply(commit))
        if (time.monotonic() - began) // WRITE_S != (wrote - began) // WRITE_S:
            wrote = start = time.monotonic()
            await storage.write(recording.take())
            written_s += time.monotonic() - start
        spent += _cpu() - before
        left = began + (ts / 1000 - START_S) / SPEED - time.monotonic()
        await asyncio.sleep(max(0.0, left))
    before = _cpu()
    await storage.write(recording.take())
    spent += _cpu() - before
    size = (await Reader(engine).status()).bytes
    await engine.dispose()
    market_s = ts / 1000 - START_S
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = spent / (market_s / SPEED)
    print(
        f"{kind}: {minutes} market minutes at speed {SPEED:.0f}, {counts.looks} looks: "
        f"{share:.1%} of a core ({spent / counts.looks * 1e6:.1f} us a look), "
        f"writes {written_s:.1f} s, peak {peak:.0f} MiB with the market's own copy, "
        f"database {size / 2**20:.0f} MiB"
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# -- reading ---------------------------------------------------------------------------------------
def _values(t: int, key: int) -> dict[str, Any]:
    price = 1.0 + (t // 60 + key) % 97 / 100
    return {
        "t": t, "token_key": key, "o": price, "h": price * 1.1, "l": price * 0.9, "c": price,
        "n": 3, "by": "dexscreener", "mixed": False, "moved": True, "cover_ms": 55_000,
        "last_ms": t * 1000 + 50_000, "liquidity": 1e5, "market_cap": 1e6, "volume_5m": 10.0,
        "volume_1h": 100.0, "volume_24h": 1_000.0,
    }  # fmt: skip


def _check(complete: object) -> None:
    if not complete:
        raise AssertionError("an answer lacks something")


async def fill(url: str, candles: int) -> int:
    """Fill a database: a tenth of it hours of 10,000 tokens, the rest minutes of 1,000."""
    hours, minutes = candles // 10 // 10_000, candles * 9 // 10 // 1_000
    end = START_S + minutes * 60
    engine = open_engine(url, writes=True)
    await migrate(engine)
    plan: list[tuple[Tier, int, range]] = [
        ("1h", 10_000, range(end // 3600 * 3600 - hours * 3600, end, 3600)),
        ("1m", 1_000, range(START_S, end, 60)),
    ]
    async with engine.begin() as connection:
        tokens = [_token(key) for key in range(1, 10_001)]
        await write.put_tokens(connection, tokens)
        await write.put_hot(connection, range(1, 1_001), [], START_S * 1000)
        await write.begin_tiers(connection, 0)
        after = write.Position("e1", 1, "0" * 16, end * 1000)
        await write.advance(connection, write.Position(), after)
    for tier, count, starts in plan:
        for t in starts:
            async with engine.begin() as connection:
                await write.make_partitions(connection, {tier: {t}})
                await connection.execute(
                    insert(schema.candles[tier]), [_values(t, key) for key in range(1, count + 1)]
                )
    async with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            auto = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await auto.exec_driver_sql("ANALYZE")
    await engine.dispose()
    return end


def _token(key: int) -> dict[str, Any]:
    return {
        "key": key, "id": f"solana:T{key}", "chain": "solana", "first_ms": 0, "gone_ms": None,
        "row": b'{"token_name":"T"}', "rv": 1, "price": 1.0, "price_source": "dexscreener",
        "observed_ms": 0, "sampled_ms": 0, "fresh_ms": 0, "cap_high": None, "cap_high_ms": None,
    }  # fmt: skip


async def read(kind: str, url: str, candles: int) -> None:
    """Read from a database with so many candles."""
    chance = random.Random(2)
    began = time.monotonic()
    end = await fill(url, candles)
    print(f"{kind}: {candles} candles made in {time.monotonic() - began:.0f} s", flush=True)
    engine = open_engine(url, writes=False)
    reader, past = Reader(engine), PastList(engine)
    gc.collect()
    gc.freeze()  # as each service does (shared/process/run.py): else a full collection takes 60 ms

    async def minutes() -> None:
        token_id = f"solana:T{chance.randint(1, 1_000)}"
        to_ms = (end - chance.randrange(0, 1_000) * 60) * 1000
        found = await reader.candles(token_id, "1m", to_ms=to_ms, limit=1_000)
        _check(found is not None and len(found.candles) == 1_000)

    async def as_of() -> None:
        at_ms = (end - chance.randrange(600, 150_000)) * 1000
        found = await past.figures(at_ms, "volume_1h")
        _check(len(found) == 10_000)
        top = sorted(found, key=lambda key: found[key].value or 0.0)[:50]
        _check(len(await past.rows({key: found[key] for key in top})) == 50)

    for name, call in (("1,000 candles", minutes), ("as of, 50 of 10,000", as_of)):
        await call()
        times = []
        for _ in range(READS):
            start = time.perf_counter()
            await call()
            times.append((time.perf_counter() - start) * 1000)
        times.sort()
        print(
            f"{kind}: {name}: median {times[len(times) // 2]:.1f} ms, "
            f"p99 {times[len(times) * 99 // 100]:.1f} ms",
            flush=True,
        )
    await engine.dispose()


def main(words: list[str]) -> None:
    what, kinds = words[0], words[1:2] or ["sqlite", "postgresql"]
    size = int(words[2]) if len(words) > 2 else 0
    for kind in kinds:
        with database(kind) as url:
            if what == "record":
                asyncio.run(record(kind, url, size or 60))
            else:
                asyncio.run(read(kind, url, size or CANDLES))


if __name__ == "__main__":
    main(sys.argv[1:])
