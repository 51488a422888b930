"""How each fault of a plan is caused and taken back."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from redis.exceptions import RedisError

from shared.redis.connect import open_redis
from tests.chaos.deployment import Deployment, Service
from tests.chaos.entry import set_clock
from tests.chaos.plan import LEADER, LOSES, Fault
from tests.testkit.full_disk import fill_disk, free_disk

_RECENT_S: Final = 5.0
_EXCUSED_S: Final = 15.0  # a Python process starts within seconds, on a busy machine
_BUFFERS: Final = "normal 0 0 0 replica 256mb 64mb 60 pubsub {}"


class Injector:
    """Plays a plan; `under_way` are the faults of this moment, `done` how many of each kind."""

    def __init__(self, deployment: Deployment, now_s: Callable[[], float]) -> None:
        self._deployment, self._now_s = deployment, now_s
        self.under_way: list[str] = []
        self.done: Counter[str] = Counter()
        self.store_lost: list[Callable[[], None]] = []  # called when it has lost some of it
        self._touched: dict[str, float] = {}  # service → when it was last ended or stopped
        self._ended: deque[tuple[float, str]] = deque(maxlen=5)

    def recent(self) -> list[str]:
        """Return the faults under way, and those that ended a moment ago."""
        lately = [f"{words}, over" for at, words in self._ended if self._now_s() - at < _RECENT_S]
        return [*lately, *self.under_way]

    def was_touched(self, service: str) -> bool:
        """Whether a service was ended or stopped so lately that it may not answer."""
        return self._now_s() - self._touched.get(service, -math.inf) < _EXCUSED_S

    async def play(self, plan: list[Fault]) -> None:
        """Let every fault happen at its time; returns when the last is over."""
        async with asyncio.TaskGroup() as tasks:
            for fault in plan:
                await asyncio.sleep(max(0.0, fault.at_s - self._now_s()))
                tasks.create_task(self._happen(fault))

    async def _happen(self, fault: Fault) -> None:
        target = self._deployment.leader() if fault.target == LEADER else fault.target
        words = str(fault._replace(target=target))
        self.under_way.append(words)
        self._touched[target] = math.inf
        try:
            async with self._fault(fault, target):
                await asyncio.sleep(fault.lasts_s)
        finally:
            self.under_way.remove(words)
            self._ended.append((self._now_s(), words))
            self._touched[target] = self._now_s()
        self.done[fault.kind] += 1

    def _fault(self, fault: Fault, target: str) -> contextlib.AbstractAsyncContextManager[None]:
        services = self._deployment.services
        match fault.kind:
            case "kill":
                return self._killed(services[target])
            case "stop":
                return self._stopped(services[target])
            case "jump_clock":
                return _with_clock(services[target], fault.amount)
            case "half_open":
                self._deployment.proxies[target].freeze()
                return contextlib.nullcontext()
            case "stop_store":
                return self._stopped(self._deployment.store)
            case "restart_store" | "tear_store" | "empty_store":
                return self._restarted(fault)
            case _:
                return self._configured(fault)

    @contextlib.asynccontextmanager
    async def _killed(self, service: Service) -> AsyncIterator[None]:
        service.kill()
        try:
            yield
        finally:
            service.start()

    @contextlib.asynccontextmanager
    async def _stopped(self, one: Any) -> AsyncIterator[None]:  # noqa: ANN401 - a service, the store
        one.send(signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                one.send(signal.SIGCONT)

    @contextlib.asynccontextmanager
    async def _restarted(self, fault: Fault) -> AsyncIterator[None]:
        deployment = self._deployment
        deployment.store.kill()
        if fault.kind == "empty_store":
            deployment.empty_store()
        if fault.kind == "tear_store":
            deployment.tear_store(fault.amount)
        if fault.kind in LOSES:
            for listener in self.store_lost:
                listener()
        try:
            yield
        finally:
            deployment.store.start()

    @contextlib.asynccontextmanager
    async def _configured(self, fault: Fault) -> AsyncIterator[None]:
        """Change something at the store itself, and take it back."""
        client: Any = open_redis(self._deployment.url, timeout_s=5)
        try:
            await self._reached(lambda: self._change(client, fault))
            yield
            await self._reached(lambda: self._take_back(client, fault))
        finally:
            await client.aclose()

    async def _change(self, client: Any, fault: Fault) -> None:  # noqa: ANN401 - redis-py's types
        match fault.kind:
            case "pause_store":
                await client.client_pause(int(fault.lasts_s * 1000), all=not fault.amount)
            case "kill_clients":
                await client.client_kill_filter(_type=fault.target, skipme=True)
            case "tiny_buffers":
                limit = _BUFFERS.format("64kb 16kb 1")
                await client.config_set("client-output-buffer-limit", limit)
            case "memory_full":
                await client.config_set("maxmemory", 1)
            case "disk_full":
                fill_disk(self._deployment.store, room=2_000)
            case "flush_scripts":
                await client.script_flush()

    async def _take_back(self, client: Any, fault: Fault) -> None:  # noqa: ANN401 - redis-py's types
        match fault.kind:
            case "tiny_buffers":
                limit = _BUFFERS.format("32mb 8mb 60")
                await client.config_set("client-output-buffer-limit", limit)
            case "memory_full":
                await client.config_set("maxmemory", 0)
            case "disk_full":
                free_disk(self._deployment.store)
                await client.bgrewriteaof()  # docs/OPERATIONS.md, Redis does not start again

    @staticmethod
    async def _reached(call: Callable[[], Any]) -> None:
        """Call until the store takes it; it may be busy coming back."""
        deadline = time.monotonic() + 20
        while True:
            try:
                await call()
            except (RedisError, OSError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                return


@contextlib.asynccontextmanager
async def _with_clock(service: Service, offset_ms: int) -> AsyncIterator[None]:
    set_clock(service.clock, offset_ms)
    try:
        yield
    finally:
        set_clock(service.clock, 0)
