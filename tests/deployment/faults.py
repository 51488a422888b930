"""Kills and rolling restarts, each with the figures of what users noticed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Final

from tests.deployment.engine import Container, Engine
from tests.deployment.load import CLIENTS, Load, Seen
from tests.deployment.table import Failed, ResultTable

SETTLE_S: Final = 3.0  # of load after a replica is back, before the next one
BACK_S: Final = 90.0  # until a killed container must be healthy again
DRAIN_S: Final = 15.0
TAKEOVER_S: Final = 2.5  # of the lease; what a client notices is a window and a commit more
EQUAL_S: Final = 40.0  # on a busy machine; the time it took is printed
_LOOK_S: Final = 0.3  # comparing hundreds of rows of each client is work; clients need the time
_ROLLED: Final = (
    "api",
    "ws",
    "images",
    "fetcher",
    "aggregator",
)  # those that can have two replicas
# Its issue 7546: a post that was never sent is answered 502 and not tried elsewhere.
_KNOWN: Final = "Caddy up to 2.11.1 refuses a post whose replica has just gone; newer ones do not"
_LEASE_WORDS: Final = ("lease_taken", "lease_released", "term_ended")


async def leaders(engine: Engine) -> list[str]:
    """Return the aggregators that lead, by their own word."""
    found = []
    for one in await engine.containers("aggregator"):
        lines = (await engine.logs(one)).splitlines()
        seen_words = [word for line in lines for word in _LEASE_WORDS if word in line]
        if seen_words and seen_words[-1] == "lease_taken":
            found.append(one.name)
    return found


async def kill_each(engine: Engine, load: Load, table: ResultTable) -> None:
    """Kill every container in turn; the active aggregator and its standby by name."""
    active = (await leaders(engine))[0]
    for one in await engine.containers():
        if one.state["Running"]:
            role = ""
            if one.service == "aggregator":
                active = (await leaders(engine))[0]
                role = " (active)" if one.name == active else " (standby)"
            await _kill(engine, load, table, one, role)


async def _kill(engine: Engine, load: Load, table: ResultTable, one: Container, role: str) -> None:
    load.take()
    await engine.crash(one)
    back = await _back(engine, one)
    await asyncio.sleep(SETTLE_S)
    await _result(table, load, f"kill -9 {one.name}{role}", f"back {back:.1f} s", load.take())


async def roll_each(engine: Engine, load: Load, table: ResultTable) -> None:
    """Restart every service replica by replica; nobody may notice."""
    for service in _ROLLED:
        load.take()
        drains = []
        for one in await engine.containers(service):
            started = time.monotonic()
            grace = str(int(DRAIN_S) + 5)
            await engine.docker("stop", "--time", grace, one.ident)
            drains.append(time.monotonic() - started)
            ended = (await engine.container(one.name)).state["ExitCode"]
            fine = ended == 0 and drains[-1] <= DRAIN_S
            table.result(f"drain {one.name}", f"{drains[-1]:.1f} s, exit code {ended}", ok=fine)
            await engine.docker("start", one.ident)
            await _back(engine, one)
        await asyncio.sleep(SETTLE_S)
        seen = load.take()
        await _result(table, load, f"rolling restart {service}", "", seen, none_may_fail=True)


async def _back(engine: Engine, one: Container) -> float:
    """Wait until a container that ended is there again and healthy; return the seconds."""
    started = time.monotonic()
    while time.monotonic() - started < BACK_S:
        now = await engine.container(one.name)
        if now.state["StartedAt"] != one.state["StartedAt"] and now.healthy:
            return time.monotonic() - started
        await asyncio.sleep(0.25)
    raise Failed(f"{one.name} is not healthy {BACK_S:.0f} s after its end")


async def _result(
    table: ResultTable, load: Load, name: str, more: str, seen: Seen, *, none_may_fail: bool = False
) -> None:
    all_are, equal = await all_equal(load)
    died = f", {seen.died} of its last moment" if seen.died else ""
    longest = (
        f"longest without page {seen.pages_s:.1f} s, ack {seen.posts_s:.1f} s, "
        f"commit {seen.commits_s:.1f} s, frame {seen.streams_s:.1f} s"
    )
    table.result(
        name,
        f"{len(seen.wrong)} wrong of {seen.pages} pages{died}, {seen.states} client states; "
        f"failed {_shown(seen.failed)} of {seen.requests}; repeated {_shown(seen.repeated)}; "
        f"{longest}; clients equal {equal}" + (f"; {more}" if more else ""),
        ok=not seen.wrong and all_are and not (none_may_fail and seen.failed),
    )
    for line in seen.wrong[:3]:
        table.say(f"   {line}")
    if none_may_fail and seen.repeated:
        table.say(f"   repeated: {_KNOWN}")


def _shown(counts: Counter[str]) -> str:
    return ", ".join(f"{n} ({kind})" for kind, n in counts.most_common(3)) or "0"


async def all_equal(load: Load) -> tuple[bool, str]:
    """Wait until every client has come to hold what the store holds; return how many, how soon."""
    started, behind = time.monotonic(), list(load.clients)
    while behind and time.monotonic() - started < EQUAL_S:
        behind = [client for client in behind if not load.is_equal(client.state)]
        if behind:
            await asyncio.sleep(_LOOK_S)
    took = time.monotonic() - started
    return not behind, f"{CLIENTS - len(behind)} of {CLIENTS} after {took:.1f} s"
