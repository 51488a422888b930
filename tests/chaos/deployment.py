"""The processes that are audited: a store, two of each service, the replayed market."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from dexwire.server.settings import UpSettings
from dexwire.server.up.command import services
from dexwire.server.up.ports import Ports
from tests.chaos.entry import make_clock, set_clock
from tests.testkit.full_disk import append_only_file, server_with_a_disk
from tests.testkit.process import ROOT, Process, free_port, kept_environ
from tests.testkit.proxy import Proxy, proxy

PREFIX: Final = "audit:"
DEAD_AFTER_S: Final = 30
ALERT_COOLDOWN_S: Final = 20
_MARKET: Final = 60  # recorded tokens and some more
# Small windows and commits; figures go stale and tokens are removed within a short run.
_AGGREGATOR: Final = {
    "WINDOW_MS": "150",
    "COMMIT_FIELDS": "300",
    "PRICE_STALE_S": "12",
    "SUMS_STALE_S": "20",
    "DEAD_AFTER_S": str(DEAD_AFTER_S),
    "ALERT_PRICE_WINDOWS": "5m",  # which is fifteen seconds here
    "ALERT_VOLUME_WINDOWS": "5m",
    "ALERT_COOLDOWN_S": str(ALERT_COOLDOWN_S),
}
# All users have one address here.
_API: Final = {
    **{name: _AGGREGATOR[name] for name in ("PRICE_STALE_S", "SUMS_STALE_S", "DEAD_AFTER_S")},
    "API_RATE": "0",
    "API_COST_PCT": "0",
    "API_WALKS_PER_ADDRESS": "0",
    "INGEST_RATE": "100000",
    "INGEST_BURST": "100000",
}
_GATEWAY: Final = {
    "WINDOW_MS": _AGGREGATOR["WINDOW_MS"],
    "MAX_CONNS_PER_ADDRESS": "1000",
    "WS_HANDSHAKE_RATE": "0",
    "WS_SNAPSHOT_RATE": "0",
}
_LEASE_WORDS: Final = ("lease_taken", "lease_released", "term_ended")


class Service:
    """One process of a service, which may be killed and started again."""

    def __init__(self, name: str, env: dict[str, str], folder: Path, fault: str) -> None:
        self.name, self._env, self._fault = name, env, fault
        self._folder = folder
        self.clock = folder / f"{name}.clock"
        self.log = folder / f"{name}.log"
        make_clock(self.clock)
        self.process: Process | None = None
        self._log_from = 0

    def start(self) -> None:
        """Start it, with a right clock."""
        set_clock(self.clock, 0)
        self._log_from = self.log.stat().st_size if self.log.exists() else 0
        module = ["-m", "tests.chaos.entry", "--clock", str(self.clock)]
        fault = ["--fault", self._fault] if self._fault else []
        command = [sys.executable, *module, *fault, self.name.partition("-")[0]]
        self.process = Process(command, self._env, self._folder, self.log)

    def send(self, signum: int) -> None:
        """Signal it, if it runs."""
        if self.process is not None:
            self.process.send(signum)

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def ended(self) -> int | None:
        """Return its exit code if it has ended by itself."""
        return None if self.process is None else self.process.poll()

    def lines(self) -> str:
        """Return what it has logged since its start."""
        with self.log.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._log_from)
            return file.read()

    def leads(self) -> bool:
        """Whether it is the aggregator that leads, by its log."""
        if self.process is None:
            return False
        words = [w for line in self.lines().splitlines() for w in _LEASE_WORDS if f'"{w}"' in line]
        return words[-1:] == ["lease_taken"]


class Deployment:
    """The store, the services by name, and the proxies between some of them and the store."""

    def __init__(self, folder: Path, fault: str = "") -> None:
        self.folder, self._fault = folder, fault
        self.socket = folder / "store.sock"
        self.url = f"unix://{self.socket}"
        self.store = server_with_a_disk(
            folder / "store", self.socket, **{"maxmemory-policy": "noeviction"}
        )
        self.api_ports = [free_port(), free_port()]
        self.ws_ports = [free_port(), free_port()]
        self.services: dict[str, Service] = {}
        self.proxies: dict[str, Proxy] = {}

    @property
    def apis(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.api_ports]

    @property
    def streams(self) -> list[str]:
        return [f"ws://127.0.0.1:{port}/ws" for port in self.ws_ports]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run everything until the block ends."""
        self.store.start()
        async with contextlib.AsyncExitStack() as held:
            held.callback(self._end)
            for name in ("aggregator-0", "api-0", "ws-0", "fetcher-0"):
                self.proxies[name] = await held.enter_async_context(proxy(self.url))
            self._prepare()
            for service in self.services.values():
                service.start()
            yield

    def _prepare(self) -> None:
        ports = Ports(self.api_ports[0], self.ws_ports[0], free_port())
        chosen = services(UpSettings(demo=True, replay_tokens=_MARKET), ports, "")
        env = {service.name: dict(service.env) for service in chosen}
        self._add("replay", env["replay"])
        for number in range(2):
            own = {
                "aggregator": _AGGREGATOR,
                "api": {**_API, "API_PORT": str(self.api_ports[number])},
                "ws": {**_GATEWAY, "WS_PORT": str(self.ws_ports[number])},
                "fetcher": {},
            }
            for name, settings in own.items():
                self._add(f"{name}-{number}", {**env[name], **settings})

    def _add(self, name: str, env: dict[str, str]) -> None:
        between = self.proxies.get(name)
        where = {
            **kept_environ(),
            "PYTHONPATH": str(ROOT),
            **env,
            "METRICS_PORT": "0",
            "LOG_JSON": "true",
            "REDIS_URL": between.url if between else self.url,
            "REDIS_PREFIX": PREFIX,
        }
        self.services[name] = Service(name, where, self.folder, self._fault)

    def leader(self) -> str:
        """Return the name of the aggregator that leads, of any when none says so."""
        names = [name for name in self.services if name.startswith("aggregator")]
        return next((name for name in names if self.services[name].leads()), names[0])

    def empty_store(self) -> None:
        """Remove what a store that is down would come back with."""
        shutil.rmtree(self.store.folder / "appendonlydir", ignore_errors=True)

    def tear_store(self, size: int) -> None:
        """Cut bytes off the end of what a store that is down would come back with."""
        file = append_only_file(self.store)
        if file is not None:
            os.truncate(file, max(0, file.stat().st_size - size))

    def _end(self) -> None:
        for service in self.services.values():
            service.kill()
        self.store.kill()
