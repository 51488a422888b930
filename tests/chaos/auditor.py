"""An auditor of a whole running dexwire under faults: `python -m tests.chaos.auditor`.

CHAOS_SECONDS (1800) and CHAOS_SEED (random; printed) choose the plan. Exit code 1 when a promise
was broken: then each violation has a line that says how to see it again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from dexwire.server.verify import audit
from shared.redis.connect import open_redis
from shared.state.store import Store
from tests.chaos.alerts import AlertLaws
from tests.chaos.deployment import PREFIX, Deployment
from tests.chaos.faults.catalogue import MISTAKES
from tests.chaos.findings import Findings
from tests.chaos.followers import TOPICS, Follower, Following, Program
from tests.chaos.history import History
from tests.chaos.inject import Injector
from tests.chaos.network import narrow
from tests.chaos.pages import Reading, read_pages, walk_lists
from tests.chaos.pending import Pending
from tests.chaos.plan import Fault, make_plan
from tests.chaos.producers import Acknowledged, Producer, Unacknowledged
from tests.chaos.recorder import Recorder
from tests.testkit.process import kept_environ

READY_S: Final = 90.0
REST_S: Final = 5.0  # at the end of a run
EQUAL_S: Final = 75.0  # after the last fault, until everything is where the store is
READY_TOKENS: Final = 30


class Outcome(NamedTuple):
    """What one run found."""

    seed: int
    seconds: float
    plan: list[Fault]
    findings: Findings
    injector: Injector

    def report(self) -> str:
        """Return the table, and how to see each violation again."""
        head = f"seed {self.seed}, {self.seconds:g} s"
        table = self.findings.table(self.injector.done)
        lines = self.findings.reproductions(self.seed, self.seconds)
        return "\n".join([f"{head}: {table}", *lines])


class Auditor:
    """The users of a deployment under faults, and what judges what they see."""

    def __init__(self, seed: int, seconds: float, folder: Path, fault: str = "") -> None:
        self._seed, self._seconds = seed, seconds
        self.findings = Findings()
        self.deployment = Deployment(folder, fault)
        self._fault = fault
        self.plan = plan_of(seed, seconds, fault)
        self.injector = Injector(self.deployment, self.findings.now_s)
        self.findings.faults = self.injector.recent
        history = History(self.findings.reporter("versions"), time.monotonic)
        self.history = history
        self.pending = Pending(self.findings, history)
        self.alerts = AlertLaws(self.findings, history)
        self.injector.store_lost.append(self.alerts.forget_reports)
        self.acknowledged = Acknowledged(self.findings, history, self.pending)
        self.recorder = Recorder(self.deployment.url, PREFIX, history, self.findings, self.pending)
        self.followers: list[Follower] = []
        self.programs: list[Program] = []

    async def run(self) -> Outcome:
        """Run it all and judge."""
        async with self.deployment.running(), contextlib.AsyncExitStack() as held:
            await held.enter_async_context(_alongside(self.recorder.run(), self.pending.run()))
            await self._ready()
            slow = await held.enter_async_context(narrow(self.deployment.ws_ports[1]))
            self._add_clients(f"ws://127.0.0.1:{slow}/ws")
            self.findings.begin()
            judges = (self.recorder.compare(), self._watch_processes(), self._judge_often())
            async with _alongside(*judges, *self._users(), *(f.run() for f in self.followers)):
                if await self._play():
                    await self._come_to_rest()
            self.pending.look()
            self.alerts.look(final=True)
        self._read_logs()
        self.findings.count("versions", self.history.commits)
        return Outcome(self._seed, self._seconds, self.plan, self.findings, self.injector)

    async def _play(self) -> bool:
        """Let the plan happen; False: a deliberate fault was caught before its end."""
        playing = asyncio.create_task(self.injector.play(self.plan))
        while not playing.done() or self.findings.now_s() < self._seconds - REST_S:
            if self._fault and self.findings.violations:
                playing.cancel()
                await asyncio.wait({playing})
                return False
            await asyncio.sleep(0.2)
        await playing
        return True

    def _add_clients(self, slow: str) -> None:
        """Make the clients of the stream; `slow` is the address of a slow link."""
        on = Following(self.findings, self.history, self.pending, self.alerts)
        urls = self.deployment.streams
        for number, topics in enumerate(TOPICS):
            self.followers.append(Follower(urls[number % 2 :] + urls[: number % 2], topics, on))
        self.followers.append(Follower([slow], ["all", "alerts"], on))
        wanted = (("all", "alerts"), ("list:volume:24h:desc:*:50",))
        for number, names in enumerate(wanted):
            self.programs.append(Program(self.deployment.apis[0], urls[number], names, on))

    def _users(self) -> list[Coroutine[Any, Any, None]]:
        apis, excused, seed = self.deployment.apis, self._excused, self._seed
        on = Reading(self.findings, self.history, self.pending, excused)
        jobs = [read_pages(apis, seed * 10 + n, on) for n in range(3)]
        jobs += [walk_lists(apis, seed * 10 + 5 + n, on) for n in range(2)]
        jobs += [program.run() for program in self.programs]
        jobs.append(self.programs[0].watch_view())
        others = Unacknowledged(apis, excused, self.findings, seed)
        jobs += [others.jump(4), others.pass_by()]
        sizes = (
            ("mine0", 40, (1, 5), 0.3),
            ("mine1", 40, (1, 20), 0.5),
            ("wide", 250, (60, 200), 2.0),
        )
        for name, count, batch, pause_s in sizes:
            tokens = [f"{name.title()}x{n}" for n in range(count)]
            producer = Producer(
                name, apis, tokens, batch, pause_s, self.acknowledged, self.findings, excused, seed
            )
            jobs.append(producer.run())
        return jobs

    def _excused(self, api: str) -> bool:
        number = self.deployment.apis.index(api)
        return self.injector.was_touched(f"api-{number}")

    async def _ready(self) -> None:
        """Wait until there is a list, at both apis."""
        deadline = time.monotonic() + READY_S
        async with httpx.AsyncClient(timeout=5) as client:
            for api in self.deployment.apis:
                while True:
                    with contextlib.suppress(httpx.HTTPError):
                        answer = await client.get(f"{api}/discover")
                        if answer.status_code == 200 and answer.json()["total"] >= READY_TOKENS:
                            break
                    if time.monotonic() > deadline:
                        logs = [s.lines()[-600:] for s in self.deployment.services.values()]
                        raise TimeoutError("there is no list:\n" + "\n".join(logs))
                    await asyncio.sleep(0.2)

    async def _judge_often(self) -> None:
        client = open_redis(self.deployment.url, timeout_s=5)
        try:
            while True:
                await asyncio.sleep(5)
                self.alerts.look()
                with contextlib.suppress(Exception):  # the store may be away
                    await self.alerts.judge_log(client, self.recorder.keys.alerts_log)
        finally:
            await client.aclose()

    async def _watch_processes(self) -> None:
        """No process may end by itself."""
        while True:
            await asyncio.sleep(0.5)
            for service in self.deployment.services.values():
                code = service.ended()
                if code is not None:
                    detail = f"{service.name} ended with {code}: {service.lines()[-300:]}"
                    self.findings.wrong("no process ends by itself", detail)
                    service.start()

    async def _come_to_rest(self) -> None:
        """After the last fault all users come to what the store holds, and it is sound."""
        target = self.history.now
        assert target is not None
        deadline = time.monotonic() + EQUAL_S
        behind = await self._behind(target.epoch, target.version)
        while behind and time.monotonic() < deadline:
            await asyncio.sleep(0.3)
            behind = await self._behind(target.epoch, target.version)
            now = self.history.now
            if now is not None and now.epoch != target.epoch:
                target = now
        for user in behind:
            detail = f"{user} is not at {target.epoch} {target.version}"
            self.findings.wrong("in the end all are where the store is", detail)
        self.findings.count("users that came to the end", self._followed())
        assert self.history.now is not None
        self.acknowledged.check_all(self.history.now)
        client = open_redis(self.deployment.url, timeout_s=10)
        try:
            report = await audit(Store(client, self.recorder.keys))
        finally:
            await client.aclose()
        for check in report.checks:
            self.findings.count("looks of dexwire verify", check.looked_at)
            if check.wrong:
                self.findings.wrong("the store is sound", f"{check.name}: {check.examples[:3]}")

    def _followed(self) -> int:
        return len(self.followers) + len(self.programs) + len(self.deployment.apis)

    async def _behind(self, epoch: str, version: int) -> list[str]:
        """Name the users that have not come to a version yet."""
        behind = []
        for number, follower in enumerate(self.followers):
            state = follower.client.state
            topics = [*follower.client.topics, "tokens"]
            held = [state.versions.get(topic, -1) for topic in topics]
            if state.epoch != epoch or min(held) < version:
                behind.append(f"follower {number} ({state.epoch} {held})")
        table = self.programs[0].tables.get("all")
        if table is None or table.epoch != epoch or table.version < version:
            behind.append("the Python client")
        async with httpx.AsyncClient(timeout=5) as client:
            for api in self.deployment.apis:
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.get(f"{api}/discover?chain=solana&limit=1")
                    page = answer.json()
                    known = answer.status_code == 200 and page["epoch"] == epoch
                    if known and page["version"] >= version:
                        continue
                behind.append(api)
        return behind

    def _read_logs(self) -> None:
        """No service may have met what it did not expect."""
        for service in self.deployment.services.values():
            for line in service.log.read_text(encoding="utf-8", errors="replace").splitlines():
                self.findings.count("lines of logs")
                if "Traceback" in line or '"level": "error"' in line:
                    self.findings.wrong("no service meets an error", f"{service.name}: {line}")


@contextlib.asynccontextmanager
async def _alongside(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these beside the block; one that fails ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job) for job in jobs]
        yield
        for task in tasks:
            task.cancel()


def plan_of(seed: int, seconds: float, fault: str) -> list[Fault]:
    """Return a run's plan: of every kind, or of what brings a deliberate fault to light."""
    return make_plan(seed, seconds, MISTAKES[fault].kinds) if fault else make_plan(seed, seconds)


def run(seed: int, seconds: float, *, fault: str = "", folder: Path | None = None) -> Outcome:
    """Audit for so long by the plan of this seed."""
    for name in os.environ.keys() - kept_environ().keys():
        del os.environ[name]  # a developer's settings are none of ours
    with tempfile.TemporaryDirectory(prefix="dexwire-chaos-", ignore_cleanup_errors=True) as made:
        home = folder or Path(made)
        home.mkdir(parents=True, exist_ok=True)
        with contextlib.chdir(home):
            return asyncio.run(Auditor(seed, seconds, home, fault).run())


def main() -> int:
    """Run once and print what was found."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--seconds", type=float, default=os.environ.get("CHAOS_SECONDS", "1800"))
    given.add_argument("--seed", type=int, default=os.environ.get("CHAOS_SEED"))
    given.add_argument("--fault", default="", help="a deliberate one, of tests/chaos/faults")
    given.add_argument("--folder", type=Path, help="where to leave the logs")
    chosen = given.parse_args()
    seed = random.randrange(10_000) if chosen.seed is None else chosen.seed
    plan = plan_of(seed, chosen.seconds, chosen.fault)
    print(f"seed {seed}, {chosen.seconds:g} s, {len(plan)} faults")
    outcome = run(seed, chosen.seconds, fault=chosen.fault, folder=chosen.folder)
    print(outcome.report())
    return 1 if outcome.findings.violations else 0


if __name__ == "__main__":
    sys.exit(main())
