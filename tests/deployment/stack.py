"""One deployment of ours for one run: its settings, its port, its keys, its way to Redis."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import socket
import tempfile
from pathlib import Path
from typing import Final, Self

from shared.redis.address import RedisAddress
from shared.redis.connect import Redis, open_redis
from shared.redis.users import redis_users
from tests.deployment.engine import ROOT, Engine
from tests.deployment.table import Failed

PROJECT: Final = "dexwire-check"
IMAGE: Final = "dexwire-check"
SUBNET: Final = "10.201.90.0/24"
NOFILE: Final = 65_536
NETWORKS: Final = ("edge", "internal", "outside", "images-outside", "screens")
_FORGETFUL_BEFORE: Final = (2, 11, 2)  # deploy/Caddyfile, STREAM_SHARING
_REDIS_S: Final = 10.0  # patient: this machine may be busy with what is being tested
_DOWN_ATTEMPTS: Final = 4
SCALE: Final = {"api": 2, "ws": 2, "images": 2, "recorder": 2, "fetcher": 2, "aggregator": 2}
SERVICES: Final = (*SCALE, "redis", "caddy", "replay")
# All of the load comes from one address, and is meant.
_SETTINGS: Final = """\
API_RATE=0
API_COST_PCT=0
INGEST_RATE=10000
MAX_CONNS_PER_ADDRESS=1000
WS_HANDSHAKE_RATE=0
WS_SNAPSHOT_RATE=0
"""


class Deployment:
    """The engine with our project in it; leaving the context removes the files made for it."""

    def __init__(self) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = f"check.{secrets.token_urlsafe(32)}"
        self.passwords: dict[str, str] = {}
        self.sharing = "least_connections"
        self._folder = tempfile.TemporaryDirectory(prefix="dexwire-check-")
        folder = Path(self._folder.name)
        folder.chmod(0o755)  # the engine's user 10001 reads them
        settings, keys = folder / "settings.env", folder / "ingest_keys"
        settings.write_text(_SETTINGS, encoding="utf-8")
        keys.write_text(f"{self.key}\n", encoding="utf-8")
        env = {
            "DEXWIRE_IMAGE": IMAGE,
            "PORT": str(self.port),
            "EDGE_SUBNET": SUBNET,
            "SETTINGS_FILE": str(settings),
            "INGEST_KEYS_FILE": str(keys),
            "COMPOSE_PROJECT_NAME": PROJECT,
        }
        self.engine = Engine(PROJECT, env, ROOT / "deploy/replay.env")

    def __enter__(self) -> Self:
        """Make sure that no other run is at the same project. Raises Failed."""
        self._lock = (Path(tempfile.gettempdir()) / f"{PROJECT}.lock").open("w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__()
            raise Failed("another deploy/check runs on this machine") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()
        self._folder.cleanup()

    async def settle_open_files(self) -> int:
        """Ask for as many open files as we want, or as this engine can give; return how many."""
        run = ("run", "--rm", "--network", "none", "--entrypoint", "sh")
        try:
            await self.engine.docker(*run, "--ulimit", f"nofile={NOFILE}", IMAGE, "-c", ":")
        except Failed:
            given = await self.engine.docker(*run, IMAGE, "-c", "ulimit -Hn")
            self.engine.env["NOFILE"] = given.strip()
        return int(self.engine.env.get("NOFILE", NOFILE))

    async def settle_sharing(self) -> str:
        """Share streams by least connections where Caddy can, else round robin; return which."""
        image = os.environ.get("CADDY_IMAGE", "caddy:2-alpine")
        run = ("run", "--rm", "--network", "none", "--entrypoint", "caddy")
        version = (await self.engine.docker(*run, image, "version")).split()[0]
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
        if numbers and numbers < _FORGETFUL_BEFORE:
            self.sharing = "by_turns"
        self.engine.env["STREAM_SHARING"] = self.sharing
        return f"the proxy is Caddy {version}, which shares streams by {self.sharing}"

    async def up(self) -> None:
        """Create and start everything."""
        scale = [word for name, n in SCALE.items() for word in ("--scale", f"{name}={n}")]
        await self.engine.compose("up", "--detach", *scale)

    async def down(self) -> None:
        """Remove everything that belongs to the project, this run's or an earlier one's."""
        words = ("--profile", "admin", "down", "--volumes", "--remove-orphans")
        names = [one.full_name for one in await self.engine.containers()]
        for left in reversed(range(_DOWN_ATTEMPTS)):
            try:
                await self.engine.compose(*words)
            except Failed as error:
                if "active endpoints" not in str(error) or not left:
                    raise
                await self._free_networks(names)
            else:
                return

    async def _free_networks(self, names: list[str]) -> None:
        """Take containers that are gone out of their networks.

        Engine 20.10 now and then forgets to, after a container was restarted, or does it later.
        """
        for network in NETWORKS:
            full, listed = f"{PROJECT}_{network}", ""
            with contextlib.suppress(Failed):  # the network itself may be gone
                shown = "{{range .Containers}}{{.Name}} {{end}}"
                listed = await self.engine.docker("network", "inspect", "--format", shown, full)
            for name in {*names, *listed.split()}:
                with contextlib.suppress(Failed):
                    await self.engine.docker("network", "disconnect", "--force", full, name)

    async def read_passwords(self) -> None:
        """Take the passwords from where only the engine's owner can: their volume."""
        volume = f"{PROJECT}_keys-all:/k:ro"
        for user in redis_users():
            words = ("run", "--rm", "--network", "none", "--volume", volume, "--entrypoint", "cat")
            content = await self.engine.docker(*words, IMAGE, f"/k/redis_{user.name}")
            self.passwords[user.name] = content.strip()

    async def admin_address(self) -> RedisAddress:
        """Return where Redis is now, for the user who may read everything."""
        return await self._address("admin", self.passwords["admin"])

    async def connect(self, user: str, password: str | None) -> Redis:
        """Connect to Redis past everything, from the engine's own machine."""
        return open_redis(await self._address(user, password), timeout_s=_REDIS_S)

    async def connect_admin(self) -> Redis:
        """Connect as the user who may read everything."""
        return open_redis(await self.admin_address(), timeout_s=_REDIS_S)

    async def _address(self, user: str, password: str | None) -> RedisAddress:
        (redis,) = await self.engine.containers("redis")
        host = redis.networks["internal"]
        if not host:
            raise Failed("the Redis container has no address; it is not running")
        who = f"{user}@" if user else ""
        url = f"redis://{who}{host}:6379/0"
        return RedisAddress(url=url, password=password)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
