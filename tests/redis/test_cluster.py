"""A real cluster of three nodes: everything in one slot, whose owner changes under load."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from dexwire.server.verify import audit
from shared.keys import Keys
from shared.redis.address import RedisAddress, key_slot
from shared.redis.connect import open_redis
from shared.state.store import Store
from tests.testkit.load import Load
from tests.testkit.process import Process, free_port
from tests.testkit.redis_servers import RedisServer
from tests.testkit.stack import Stack
from tests.testkit.wait import eventually

Start = Callable[..., RedisServer]
PREFIX = "{dexwire}:"
THIRDS = ((0, 5460), (5461, 10922), (10923, 16383))


class Cluster:
    """Three owners of a third of the slots each, and a replica of the one that owns ours."""

    def __init__(self, start: Start) -> None:
        self._ports: dict[RedisServer, tuple[int, int]] = {}
        self.nodes = [self._node(start) for _ in range(3)]
        self.replica = self._node(start)
        slot = key_slot("dexwire")
        number = next(n for n, (first, last) in enumerate(THIRDS) if first <= slot <= last)
        self.owner = self.nodes[number]
        self.url = "redis+cluster://" + ",".join(
            f"127.0.0.1:{self._ports[node][0]}" for node in self.nodes
        )

    def _node(self, start: Start) -> RedisServer:
        port, bus = free_port(), free_port()
        options = {"port": str(port), "bind": "127.0.0.1", "save": '""', "cluster-port": str(bus)}
        options |= {"cluster-enabled": "yes", "cluster-node-timeout": "1000"}
        options |= {"cluster-config-file": "nodes.conf", "repl-diskless-sync-delay": "0"}
        node = start(f"node-{port}", options, url=f"redis://127.0.0.1:{port}")
        self._ports[node] = (port, bus)
        return node

    async def meet(self) -> None:
        """Introduce the nodes, hand the slots out, and wait until all of it is known to all."""
        for node, third in zip(self.nodes, THIRDS, strict=True):
            self.say(node, "ADDSLOTSRANGE", *third)
        for node in (*self.nodes[1:], self.replica):
            self.say(self.nodes[0], "MEET", "127.0.0.1", *self._ports[node])
        await eventually(lambda: all(self._nodes(node) == 4 for node in self._ports), timeout_s=30)
        owner = self.say(self.owner, "MYID")
        await eventually(lambda: self._replicates(owner), timeout_s=30, every_s=0.1)
        await eventually(self._ready, timeout_s=30, every_s=0.05)

    @staticmethod
    def say(node: RedisServer, *words: object) -> Any:  # noqa: ANN401 - a reply
        with node.client() as found:
            client: Any = found
            return client.execute_command("CLUSTER", *words)

    def _nodes(self, node: RedisServer) -> int:
        return int(self._info(node)["cluster_known_nodes"])

    def _info(self, node: RedisServer) -> dict[str, str]:
        text = str(self.say(node, "INFO"))
        return dict(line.split(":") for line in text.split("\r\n") if line)

    def _replicates(self, owner: str) -> bool:
        try:
            return str(self.say(self.replica, "REPLICATE", owner)) == "OK"
        except Exception:  # noqa: BLE001 - "Unknown node", until the gossip has come round
            return False

    def _ready(self) -> bool:
        with self.replica.client() as client:
            info: Any = client.info("replication")
        linked = info.get("master_link_status") == "up"
        return linked and all(self._info(node)["cluster_state"] == "ok" for node in self._ports)

    def move_slot(self, target: RedisServer) -> None:
        """Give our slot to another node, key by key, as `redis-cli --cluster reshard` does."""
        slot, source = key_slot("dexwire"), self.owner
        self.say(target, "SETSLOT", slot, "IMPORTING", self.say(source, "MYID"))
        self.say(source, "SETSLOT", slot, "MIGRATING", self.say(target, "MYID"))
        port = self._ports[target][0]
        with source.client() as found:
            client: Any = found
            while keys := client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 10):
                client.migrate("127.0.0.1", port, keys, 0, 5000)
        for node in (target, source, *self.nodes):
            self.say(node, "SETSLOT", slot, "NODE", self.say(target, "MYID"))

    def role(self, node: RedisServer) -> str:
        with node.client() as client:
            info: Any = client.info("replication")
        return str(info["role"])


@pytest.mark.timeout(240)
async def test_the_stack_runs_in_one_slot_and_follows_it_from_owner_to_owner(
    start_server: Start, spawn_dexwire: Callable[..., Process]
) -> None:
    cluster = Cluster(start_server)
    await cluster.meet()
    address = RedisAddress(url=cluster.url, prefix=PREFIX)
    environ = {"REDIS_URL": cluster.url, "REDIS_PREFIX": PREFIX}
    stack = Stack(spawn_dexwire, lambda _: environ)
    stack.start("replay", "aggregator", "fetcher", "api", "ws")

    async with stack.client() as client:
        page = await stack.shows(client, 20)
        load = Load(stack, client, address)
        async with load.running():
            await eventually(lambda: load.flows(0.0), timeout_s=30)

            cluster.say(cluster.replica, "FAILOVER")
            started = time.monotonic()
            await eventually(lambda: cluster.role(cluster.replica) == "master", timeout_s=30)
            handed = time.monotonic()
            planned = await eventually(lambda: load.flows(handed), timeout_s=30) - started
            await eventually(lambda: cluster.role(cluster.owner) == "slave", timeout_s=30)
            await eventually(load.equal, timeout_s=30)

            cluster.replica.kill()
            killed = time.monotonic()
            await eventually(lambda: cluster.role(cluster.owner) == "master", timeout_s=30)
            taken = time.monotonic()
            crash = await eventually(lambda: load.flows(taken), timeout_s=30) - killed
            await eventually(load.equal, timeout_s=30)

            target = next(node for node in cluster.nodes if node is not cluster.owner)
            started = time.monotonic()
            await asyncio.to_thread(cluster.move_slot, target)
            moved = time.monotonic()
            reshard = await eventually(lambda: load.flows(moved), timeout_s=30) - started
            await eventually(load.equal, timeout_s=30)
        lost = await load.lost()
        redis = open_redis(address)
        report = await audit(Store(redis, Keys(PREFIX)))
        await redis.aclose()

    assert page["tokens"]
    assert lost == []
    assert not report.wrong, report
    assert cluster.role(cluster.owner) == "master"
    print(load.summary("the slot handed over", planned))
    print(load.summary("its owner killed", crash))
    moving_s = moved - started
    print(load.summary(f"the slot moved key by key in {moving_s:.2f} s", reshard))
    assert max(planned, crash, reshard - moving_s) < 15
