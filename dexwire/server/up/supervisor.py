"""Runs services as child processes, restarts those that die, and ends all of them together.

Children are started from the main thread, in sessions of their own (children.py): a
terminal's Ctrl-C reaches only the supervisor, and the supervisor's death, even by SIGKILL, is
theirs too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dexwire.server.up.children import before_exec, stop_signals_blocked
from dexwire.server.up.screen import Screen
from shared.process.settings import EX_CONFIG

BACKOFF_S: Final = (0.2, 5.0)
HEALTHY_S: Final = 10.0  # a child that lived this long starts again at the shortest delay
LAST_STARTS_S: Final = 5.0  # at most, where the others are never ready
KILL_AFTER_S: Final = 12.5  # of the 15 s in which everything ends; the embedded server needs some
_LINE_LIMIT: Final = 1 << 20  # longer lines of output are dropped


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """One child: a command, with these variables on top of our own environment."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    outlasts: bool = False  # others need it while they end: it ends after them
    starts_last: bool = False  # no page needs it: it starts when the others are ready


def next_delay_s(delay_s: float, lived_s: float) -> float:
    """Return how long to wait before the next start of a child that has just died.

    `delay_s` is what its previous death was answered with, 0 when this is the first.
    """
    if delay_s == 0 or lived_s >= HEALTHY_S:
        return BACKOFF_S[0]
    return min(BACKOFF_S[1], delay_s * 2)


class Supervisor:
    """Keeps services running until `stop` is set. `run` returns the exit code."""

    def __init__(self, screen: Screen) -> None:
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()  # set from outside when the others serve a page
        self._screen = screen
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._exit_code = 0
        self._hurry = asyncio.Event()
        self._forking = asyncio.Lock()

    def pid(self, name: str) -> int | None:
        """Return the process id of a service that runs now."""
        process = self._running.get(name)
        return None if process is None else process.pid

    def interrupt(self) -> None:
        """Begin to end; at a second call, wait for no service."""
        if self.stop.is_set():
            self._hurry.set()
        self.stop.set()

    async def run(self, services: list[Service]) -> int:
        """Run services until `stop` is set and every child has ended; return the exit code.

        A child that ends with 78 (a wrong setting) will not get better: it ends everything.
        """
        async with asyncio.TaskGroup() as tasks:
            keepers = {service: tasks.create_task(self._keep(service)) for service in services}
            await self.stop.wait()
            if self._running:
                self._screen.say("stopping " + ", ".join(self._running))
            deadline = time.monotonic() + KILL_AFTER_S
            for outlasts in (False, True):
                await self._see_out(
                    {s.name: task for s, task in keepers.items() if s.outlasts is outlasts},
                    deadline - time.monotonic(),
                )
        return self._exit_code

    async def _keep(self, service: Service) -> None:
        """Start one service again and again until the end begins."""
        if service.starts_last:
            await self._others_are_ready()
        delay_s = 0.0
        while not self.stop.is_set():
            started = time.monotonic()
            code = await self._run_once(service)
            if self.stop.is_set():
                return
            if code == EX_CONFIG:
                self._exit_code = EX_CONFIG
                self.stop.set()
                return
            delay_s = next_delay_s(delay_s, time.monotonic() - started)
            self._screen.alert(
                f"{service.name} {_ending(code)}; starting it again in {delay_s:g} s"
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), delay_s)

    async def _others_are_ready(self) -> None:
        events = [asyncio.create_task(each.wait()) for each in (self.ready, self.stop)]
        await asyncio.wait(events, timeout=LAST_STARTS_S, return_when=asyncio.FIRST_COMPLETED)
        for task in events:
            task.cancel()

    async def _run_once(self, service: Service) -> int:
        async with self._forking:
            with stop_signals_blocked():
                process = await asyncio.create_subprocess_exec(
                    *service.command,
                    env={**os.environ, **service.env},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=before_exec(),  # asyncio starts it on this thread, the main one
                    limit=_LINE_LIMIT,
                )
        self._running[service.name] = process
        if self.stop.is_set():  # it came while the service was being started
            process.terminate()
        try:
            await self._copy_output(service.name, process)
            return await process.wait()
        finally:
            self._running.pop(service.name, None)
            if process.returncode is None:  # we are being cancelled: leave nobody behind
                process.kill()

    async def _copy_output(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it was started with PIPE
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                continue  # longer than _LINE_LIMIT; the reader has dropped it
            if not line:
                return
            self._screen.line(name, line.decode(errors="replace").rstrip())
            if self._screen.gone:
                self.stop.set()

    async def _see_out(self, keepers: dict[str, asyncio.Task[None]], timeout_s: float) -> None:
        """Ask these children to end, and end those that take too long."""
        self._signal(keepers, signal.SIGTERM)
        hurry = asyncio.create_task(self._hurry.wait())
        everybody = asyncio.gather(*keepers.values())
        either: set[asyncio.Future[Any]] = {hurry, everybody}
        await asyncio.wait(either, timeout=max(0.0, timeout_s), return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        late = [name for name in keepers if name in self._running]
        if late:
            self._screen.alert("killing " + ", ".join(late))
            self._signal(late, signal.SIGKILL)
        await everybody

    def _signal(self, names: Iterable[str], signum: int) -> None:
        for name in names:
            # A service's own children share its session, so its group is everything it started.
            with contextlib.suppress(ProcessLookupError):
                if name in self._running:
                    os.killpg(self._running[name].pid, signum)


def _ending(code: int) -> str:
    """Say how a process ended; negative codes are signals, as in subprocess."""
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
