"""Three real Sentinels, a primary, two replicas: primaries are killed under load (F3, F4).

All of them know our users only: each service has its own, and the Sentinels have one more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from shared.keys import Keys
from shared.redis.address import RedisAddress
from shared.redis.users import acl_lines, redis_users
from tests.testkit.load import Load
from tests.testkit.process import Process, free_port
from tests.testkit.redis_servers import RedisServer, connected, password, sha256
from tests.testkit.stack import Stack
from tests.testkit.wait import eventually

Start = Callable[..., RedisServer]
MASTER = "dexwire"
ROOT = "the-tests-own"
DOWN_MS = 800  # of silence; then the Sentinels agree and promote


def users_file() -> str:
    """Return an ACL file of our users, and of `root`: the test, the Sentinels, the replicas."""
    hashes = {user.name: sha256(password(user.name)) for user in redis_users()}
    root = f"user root on #{sha256(ROOT)} ~* &* +@all"
    return "\n".join([*acl_lines("", hashes), root, ""])


class Watched:
    """Three Sentinels over three servers, the first of which is primary to begin with."""

    def __init__(self, start: Start, folder: Path) -> None:
        self._start = start
        self._users = folder / "users.acl"
        self._users.write_text(users_file(), encoding="utf-8")
        ports = [free_port() for _ in range(3)]
        first = f"127.0.0.1 {ports[0]}"
        self.servers = [self._server(ports[0])]
        self.servers += [self._server(port, replicaof=first) for port in ports[1:]]
        self._sentinels = [free_port() for _ in range(3)]
        self._hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinels)
        self._first = first
        self._cut_off: RedisServer | None = None

    def _server(self, port: int, **options: str) -> RedisServer:
        given = {"port": str(port), "bind": "127.0.0.1", "save": '""', **options}
        given |= {"aclfile": str(self._users), "masteruser": "root", "masterauth": ROOT}
        given["repl-diskless-sync-delay"] = "0"
        return self._start(f"server-{port}", given, url=f"redis://root:{ROOT}@127.0.0.1:{port}")

    def address(self, user: str) -> RedisAddress:
        """Return where a user finds the primary."""
        url = f"redis+sentinel://{user}@{self._hosts}/{MASTER}/0"
        return RedisAddress(url=url, password=ROOT if user == "root" else password(user))

    def environ(self, user: str) -> dict[str, str]:
        """Return the settings of a service, under its own user."""
        return {"REDIS_URL": self.address(user).url, "REDIS_PASSWORD": password(user)}

    async def watch(self) -> None:
        """Start the Sentinels once the replicas are in step; wait until they know each other."""
        await eventually(lambda: self._linked() == 2, timeout_s=30)
        for port in self._sentinels:
            rules = {
                "port": str(port),
                "bind": "127.0.0.1",
                "sentinel": f"monitor {MASTER} {self._first} 2",
                "Sentinel": f"down-after-milliseconds {MASTER} {DOWN_MS}",
                "SENTINEL": f"failover-timeout {MASTER} 1000",
                "sentineL": f"auth-user {MASTER} root",
                "sentinEL": f"auth-pass {MASTER} {ROOT}",
            }
            url = f"redis://127.0.0.1:{port}"
            self._start(f"sentinel-{port}", rules, url=url, sentinel=True)
        await eventually(self._acquainted, timeout_s=30, every_s=0.05)

    def _linked(self) -> int:
        return sum(self.info(s).get("master_link_status") == "up" for s in self.servers[1:])

    def _acquainted(self) -> bool:
        for port in self._sentinels:
            with connected(f"redis://127.0.0.1:{port}") as sentinel:
                state: Any = sentinel.sentinel_master(MASTER)
            if (state["num-other-sentinels"], state["num-slaves"]) != (2, 2):
                return False
        return True

    @staticmethod
    def info(server: RedisServer) -> dict[str, Any]:
        with server.client() as client:
            found: dict[str, Any] = client.info("replication")
            return found

    def primary(self) -> RedisServer:
        """Return the primary that the Sentinels name."""
        for port in self._sentinels:  # one may close a connection while it changes its mind
            with suppress(RedisError), connected(f"redis://127.0.0.1:{port}") as sentinel:
                state: Any = sentinel.sentinel_master(MASTER)
                return next(s for s in self.servers if s.url.endswith(f":{state['port']}"))
        raise AssertionError("no Sentinel answers")

    def left_behind(self, least: int) -> tuple[RedisServer, int] | None:
        """Cut the replicas off; return the primary and how many commits it alone has.

        None: not so many yet. On a busy machine the Sentinels may have named another meanwhile,
        and a server that they turn into a replica closes its connections.
        """
        with suppress(RedisError):
            return self._left_behind(least)
        return None

    def _left_behind(self, least: int) -> tuple[RedisServer, int] | None:
        primary = self.primary()
        if primary is not self._cut_off:
            self._cut_off_from(primary)
            self._cut_off = primary
        alive = [server for server in self.servers if server.popen is not None]
        versions = [self._version(server) for server in alive if server is not primary]
        missing = self._version(primary) - max(versions)
        return (primary, missing) if missing >= least else None

    @staticmethod
    def _version(server: RedisServer) -> int:
        with server.client() as found:
            client: Any = found
            return int(client.hget(Keys().meta, "version") or 0)

    def one_is_primary(self) -> bool:
        """Return whether every server that lives takes one and the same for primary."""
        alive = [server for server in self.servers if server.popen is not None]
        with suppress(RedisError):
            mine = [server for server in alive if self.info(server)["role"] == "master"]
            return mine == [self.primary()]
        return False

    def _cut_off_from(self, primary: RedisServer) -> None:
        """Keep replicas from following: what is written now exists on the primary alone."""
        for server in self.servers:
            if server is not primary and server.popen is not None:
                with server.client() as client:
                    client.config_set("masteruser", "nobody")
                    client.config_set("masterauth", "wrong")
        with primary.client() as client:
            client.client_kill_filter(_type="replica")


@pytest.mark.timeout(240)
async def test_killed_primaries_cost_seconds_and_nothing_that_was_acknowledged(
    start_server: Start, spawn_dexwire: Callable[..., Process], tmp_path: Path
) -> None:
    watched = Watched(start_server, tmp_path)
    address = watched.address("root")
    stack = Stack(spawn_dexwire, watched.environ)
    stack.start("aggregator", "aggregator", "api", "ws")
    await watched.watch()

    async with stack.client() as client:
        load = Load(stack, client, address)
        async with load.running():
            await eventually(lambda: load.flows(0.0), timeout_s=30)

            first = watched.primary()
            first.kill()
            killed = time.monotonic()
            agreed, failover = await recovered(watched, load, first, killed)
            first.start()  # comes back empty, and believes that it is primary
            restarted = time.monotonic()
            await eventually(load.equal, timeout_s=30)

            promoted = watched.primary()
            second, behind = await eventually(lambda: watched.left_behind(100), timeout_s=60)
            snaps = [follower.state.snaps["all"] for follower in load.followers]
            second.kill()
            killed = time.monotonic()
            agreed_again, stale = await recovered(watched, load, second, killed)
            await eventually(load.equal, timeout_s=30)
            again = [follower.state.snaps["all"] for follower in load.followers]
        lost = await load.lost()
        await eventually(watched.one_is_primary, timeout_s=40, every_s=0.1)

    assert lost == []
    assert all(after > before for before, after in zip(snaps, again, strict=True))
    print(
        load.summary(f"a primary killed, its replica in step ({agreed:.2f} s to agree)", failover)
    )
    late = f"its replica {behind} commits behind ({agreed_again:.2f} s to agree)"
    print(load.summary(f"a primary killed, {late}", stale))
    print(
        f"all agreed on one primary {time.monotonic() - restarted:.1f} s after the first came back"
    )
    assert promoted is not first
    assert all(len(p.epochs) >= 3 for p in load.producers)
    assert failover - agreed < 8  # what is ours of it; seconds at most, on a machine that is idle
    assert stale - agreed_again < 8


async def recovered(
    watched: Watched, load: Load, gone: RedisServer, killed: float
) -> tuple[float, float]:
    """Return the seconds until the Sentinels agreed, and until every producer was answered."""
    await eventually(lambda: watched.primary() is not gone, timeout_s=30)
    agreed = time.monotonic()
    again = await eventually(lambda: load.flows(agreed), timeout_s=30)
    return agreed - killed, again - killed
