"""Many clients while everything under them dies in turn: in the end all hold what the store does.

In short form by default; `make crowd` (CHAOS=full) is the long one.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dexwire.server.up.embedded import EmbeddedServer
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from shared.state import row as rows_
from shared.state.meta import Meta
from shared.state.store import Store
from tests.testkit.commits import Ledger, Writer, token
from tests.testkit.gateway import is_listening
from tests.testkit.market import has_leader, market, publish
from tests.testkit.process import Process, free_port
from tests.testkit.reference_client import LiveClient, following
from tests.testkit.wait import eventually, happening

FULL = os.environ.get("CHAOS") == "full"
CLIENTS = 200 if FULL else 24
SECONDS = 60 if FULL else 9
KILL_GATEWAY_S = 10 if FULL else 4
KILL_SUBSCRIPTIONS_S = 2
FAILOVERS = 2 if FULL else 1
TOKENS = 80
LEADS = "lease_taken"

TOPICS = (
    ["all"],
    ["chain:solana", "alerts:solana:L2"],
    ["token:solana:Token00001", "alerts:token:solana:Token00001"],
    ["list:volume:5m:desc:solana:50", "alerts"],
    ["list:volume:24h:asc:*:10", "list:newest:-:desc:*:25"],
    ["list:market_cap:-:desc:base:10", "list:price_change:1h:desc:*:25"],
    ["list:transactions:5m:desc:*:10", "list:liquidity:-:desc:*:10", "alerts:base"],
    ["alerts:L3"],
)


@dataclass
class Town:
    """The processes under the clients, and where they are."""

    redis: Redis
    keys: Keys
    start: Callable[[str, dict[str, str]], Process]
    ports: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    gateways: list[Process] = field(default_factory=list)
    aggregators: list[Process] = field(default_factory=list)
    kills: dict[str, int] = field(default_factory=dict)

    async def build(self) -> None:
        self.aggregators = [self.start("aggregator", {}) for _ in range(2)]
        self.gateways = [self.gateway(port) for port in self.ports]
        for port in self.ports:
            await eventually(functools.partial(is_listening, port), timeout_s=20)
        await has_leader(Store(self.redis, self.keys))

    def gateway(self, port: int) -> Process:
        return self.start(
            "ws",
            {
                "WS_PORT": str(port),
                "MAX_CONNS_PER_ADDRESS": "1000",
                "WS_HANDSHAKE_RATE": "0",
                "WS_SNAPSHOT_RATE": "0",
            },
        )

    def count(self, what: str) -> None:
        self.kills[what] = self.kills.get(what, 0) + 1

    async def kill_subscriptions(self) -> None:
        while True:
            await asyncio.sleep(KILL_SUBSCRIPTIONS_S)
            await self.redis.client_kill_filter(_type="pubsub")
            self.count("subscriptions")

    async def kill_gateways(self) -> None:
        for which in itertools.cycle(range(2)):
            await asyncio.sleep(KILL_GATEWAY_S)
            self.gateways[which].kill()
            self.gateways[which] = self.gateway(self.ports[which])
            self.count("gateways")

    async def fail_over(self) -> None:
        for _ in range(FAILOVERS):
            await asyncio.sleep(SECONDS / (FAILOVERS + 1))
            active = await eventually(self.leader)
            active.send(signal.SIGKILL)
            self.aggregators.remove(active)
            self.aggregators.append(self.start("aggregator", {}))
            self.count("aggregators")

    def leader(self) -> Process | None:
        """Return the aggregator that leads: the only one that says so."""
        leaders = [a for a in self.aggregators if LEADS in a.output()]
        return leaders[-1] if leaders else None

    async def trade(self) -> None:
        dice = random.Random(4)
        while True:
            for chain in ("solana", "base"):
                some = dice.sample(market(TOKENS // 2, dice, chain=chain), 12)
                with contextlib.suppress(Exception):
                    await publish(self.redis, self.keys, some)
            await asyncio.sleep(0.1)


async def truth_of(store: Store) -> tuple[Meta, Ledger]:
    """Return what the store holds at rest, as a ledger of one version."""
    meta, ledger = await store.meta(), Ledger()
    stored = await store.rows(await store.token_ids())
    rows = {ident: rows_.encode_row(fields) for ident, fields in stored.items()}
    ledger.history[meta.epoch, meta.version] = rows
    entries = await store.redis.xrange(store.keys.alerts_log)
    ledger.alerts_of_epoch[meta.epoch] = [
        (int(i.split(b"-")[0]), entry[b"m"]) for i, entry in entries
    ]
    return meta, ledger


def differs(client: LiveClient, meta: Meta, ledger: Ledger) -> str:
    """Return in what a client differs from the store; nothing when it is equal."""
    state, (epoch, version) = client.state, (meta.epoch, meta.version)
    topics = [*client.topics, *(["tokens"] if client.watch is not None else [])]
    if (state.epoch, state.versions) != (epoch, dict.fromkeys(topics, version)):
        return f"{state.epoch} {state.versions} is not {epoch} {version}"
    for topic in topics:
        truth = ledger.topic(topic, epoch, version, client.watch or ())
        if state.rows[topic] != truth:
            return f"rows of {topic}"
        if topic.startswith("list:") and state.ids[topic] != list(truth):
            return f"order of {topic}"
        if topic.startswith("alerts"):
            due = ledger.alerts_of(topic, epoch, state.heard_from[topic], version)
            if [alert["i"] for alert in state.heard[topic]] != due:
                return f"alerts of {topic}"
    return ""


@pytest.mark.timeout(240)
async def test_every_client_ends_equal_to_the_store_whatever_dies(
    private_server: Callable[..., EmbeddedServer], spawn_dexwire: Callable[..., Process]
) -> None:
    server, keys = private_server(), Keys("chaos:")
    redis = open_redis(server.url)
    where = {"REDIS_URL": server.url, "REDIS_PREFIX": keys.prefix}
    town = Town(redis, keys, lambda name, env: spawn_dexwire(name, env={**where, **env}))
    await town.build()
    store = Store(redis, keys)
    urls = [f"ws://127.0.0.1:{port}/ws" for port in town.ports]
    clients = [
        LiveClient(
            urls[number % 2 :] + urls[: number % 2],
            list(TOPICS[number % len(TOPICS)]),
            watch=[f"solana:Token{n:05}" for n in range(number % 7)] if number % 3 == 0 else None,
        )
        for number in range(CLIENTS)
    ]

    async with following(*clients):
        async with happening(
            town.trade(), town.kill_subscriptions(), town.kill_gateways(), town.fail_over()
        ):
            await asyncio.sleep(SECONDS)

        async def complaints() -> list[str]:
            meta, ledger = await truth_of(store)
            found = [differs(client, meta, ledger) for client in clients]
            return [f"client {n}: {s}" for n, s in enumerate(found) if s]

        async def all_equal() -> bool:
            found = await complaints()
            assert found == [], (len(found), found[:3])
            return True

        await eventually(all_equal, timeout_s=40, every_s=0.5)

    meta, ledger = await truth_of(store)
    alerts = len(ledger.alerts_of_epoch[meta.epoch])
    print(
        f"{CLIENTS} clients, {SECONDS} s, kills {town.kills}, {meta.version} commits, "
        f"{alerts} alerts, {sum(c.connects for c in clients)} connections, "
        f"{sum(c.state.folded for c in clients)} folded diffs, "
        f"{sum(sum(c.state.snaps.values()) for c in clients)} snapshots, "
        f"{sum(c.resumes for c in clients)} gaps seen and resumed, 0 silent"
    )
    assert town.kills["subscriptions"] >= 3
    assert town.kills["gateways"] >= 2
    assert town.kills["aggregators"] == FAILOVERS
    assert meta.version > 20
    await redis.aclose()


@pytest.mark.timeout(240)
async def test_no_alert_is_missed_or_repeated_while_gateways_die(
    private_server: Callable[..., EmbeddedServer], spawn_dexwire: Callable[..., Process]
) -> None:
    """A writer in the aggregators' place: they report no alert before a window has passed."""
    server, keys = private_server(), Keys("chaos:")
    redis = open_redis(server.url)
    where = {"REDIS_URL": server.url, "REDIS_PREFIX": keys.prefix}
    town = Town(redis, keys, lambda name, env: spawn_dexwire(name, env={**where, **env}))
    writer, dice = Writer(redis, keys), random.Random(7)
    await writer.begin()
    town.gateways = [town.gateway(port) for port in town.ports]
    for port in town.ports:
        await eventually(functools.partial(is_listening, port), timeout_s=20)

    async def trade() -> None:
        while True:
            names = dice.sample(range(TOKENS), 6)
            put = [token(f"T{n}", dice.choice(["solana", "base"]), price=1.0) for n in names]
            rows = {ident: row for one in put for ident, row in one.items()}
            alerts = [(ident, dice.randint(1, 4)) for ident in rows if dice.random() < 0.3]
            await writer.commit(rows, alerts=alerts)
            await asyncio.sleep(0.1)

    topics = ["alerts", "alerts:L3", "alerts:solana", "alerts:base:L2", "alerts:token:solana:T1"]
    urls = [f"ws://127.0.0.1:{port}/ws" for port in town.ports]
    clients = [
        LiveClient(urls[n % 2 :] + urls[: n % 2], [topics[n % len(topics)]]) for n in range(CLIENTS)
    ]
    async with following(*clients):
        async with happening(trade(), town.kill_subscriptions(), town.kill_gateways()):
            await asyncio.sleep(SECONDS)
        ledger = writer.ledger
        meta = Meta(epoch=ledger.epoch, version=ledger.version)

        async def all_equal() -> bool:
            await writer.heartbeat()
            found = [
                complaint for client in clients if (complaint := differs(client, meta, ledger))
            ]
            assert found == [], (len(found), found[:3])
            return True

        await eventually(all_equal, timeout_s=40, every_s=0.5)

    print(
        f"{CLIENTS} clients, {SECONDS} s, kills {town.kills}, {len(ledger.alerts)} alerts, "
        f"{sum(len(heard) for c in clients for heard in c.state.heard.values())} heard, "
        f"{sum(sum(c.state.snaps.values()) for c in clients)} snapshots, 0 missed, 0 repeated"
    )
    assert len(ledger.alerts) > 50
    assert [client.state.lost for client in clients] == [{}] * CLIENTS
    await redis.aclose()
