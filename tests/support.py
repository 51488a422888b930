"""Helpers that tests of several areas share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, overload

import pytest

from dexwire.server.up.children import start_child
from shared.process.settings import METRICS_PORTS

# Read before a test's environment is cleaned.
_TOOLS_PROMISED: Final = bool(os.environ.get("TEST_REQUIRE_TOOLS"))
ROOT: Final = Path(__file__).resolve().parent.parent
T = TypeVar("T")


@overload
async def eventually(
    probe: Callable[[], Awaitable[T | None]], timeout_s: float = 5.0, every_s: float = 0.01
) -> T: ...
@overload
async def eventually(
    probe: Callable[[], T | None], timeout_s: float = 5.0, every_s: float = 0.01
) -> T: ...
async def eventually(
    probe: Callable[[], Awaitable[T | None] | T | None],
    timeout_s: float = 5.0,
    every_s: float = 0.01,
) -> T:
    """Return the probe's first true answer; fail with its last one when the deadline passes.

    An AssertionError raised by the probe counts as "not yet".
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            answer = probe()
            value = await answer if isinstance(answer, Awaitable) else answer
            complaint = f"not within {timeout_s} s; last answer: {value!r}"
            if value:
                return value
        except AssertionError as error:
            complaint = f"not within {timeout_s} s: {error}"
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        await asyncio.sleep(every_s)


@contextlib.asynccontextmanager
async def happening(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let jobs run until the block ends; what one of them raises is raised here."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def require(tool: str, *, there: bool | None = None, by: str = "") -> str:
    """Return the path of a command that a test cannot do without.

    Skips the test where a developer does not have it, and says how to get it; fails where CI
    promises it (`TEST_REQUIRE_TOOLS`). `there` tells what PATH cannot, `by` what brings it.
    """
    path = shutil.which(tool)
    if there or (there is None and path):
        return path or tool
    message = f"needs {tool}, which {by or f'deploy/ci-packages {tool}'} installs"
    if _TOOLS_PROMISED:
        pytest.fail(message)
    pytest.skip(message)


def run_tool(command: list[str], given: bytes = b"", *, cwd: Path | None = None) -> str:
    """Return what a tool prints, both outputs; fail with it when the tool fails."""
    done = subprocess.run(
        command, input=given, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=110, check=False,
    )  # fmt: skip
    said = done.stdout.decode()
    assert done.returncode == 0, said
    return said


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_port_range(how_many: int) -> int:
    """Return the first of so many loopback ports in a row that were free a moment ago."""
    while True:
        # Below the ports that the system gives to whoever asks for any.
        first = random.randrange(15_000, 30_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + how_many):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


class Process:
    """A real process of ours under test, its output in a file."""

    def __init__(self, command: list[str], env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self.log_path = log
        with log.open("ab") as out:
            self.popen = start_child(command, env=env, cwd=cwd, stdout=out, stderr=out)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self.popen.poll()

    def output(self) -> str:
        """Return everything it has written so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def send(self, signum: int) -> None:
        self.popen.send_signal(signum)

    def wait(self, timeout_s: float = 10.0) -> int:
        """Return the exit code; fail with the output when it does not end in time."""
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {timeout_s} s:\n{self.output()}") from None

    def kill(self) -> None:
        """End it at once; a stopped (SIGSTOP) one too."""
        if self.poll() is None:
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(10)


def start_dexwire(
    args: list[str], *, env: Mapping[str, str] | None = None, cwd: Path, log: Path
) -> Process:
    """Start `python -m dexwire <args>` with the test's environment plus `env`, in folder `cwd`."""
    command = [sys.executable, "-m", "dexwire", *args]
    # Stacks run side by side here; a test of the metrics names its ports.
    quiet = {"METRICS_PORT": "0"} if args[0] in {"up", *METRICS_PORTS} else {}
    return Process(command, {**os.environ, **quiet, **(env or {})}, cwd, log)
