"""Real processes under test, the ports and the tools that they need."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from dexwire.server.up.children import start_child
from shared.process.settings import METRICS_PORTS

# Read before a test's environment is cleaned.
_TOOLS_PROMISED: Final = bool(os.environ.get("TEST_REQUIRE_TOOLS"))
ROOT: Final = Path(__file__).resolve().parents[2]


# Everything else a developer or a CI machine has set could be read as a setting.
_KEPT = ("PATH", "HOME", "USER", "SHELL", "LANG", "TERM", "TMPDIR", "TZ", "VIRTUAL_ENV")
_KEPT_PREFIXES = ("TEST_", "PYTEST_", "PYTHON", "LC_", "COV_", "COVERAGE_", "HYPOTHESIS_")


def kept_environ() -> dict[str, str]:
    """Return what a test may see of the environment: no settings of the developer's."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }


def require(tool: str, *, there: bool | None = None, by: str = "") -> str:
    """Return the path of a command that a test cannot do without.

    Skips the test where a developer does not have it, and says how to get it; fails where CI
    promises it (`TEST_REQUIRE_TOOLS`). `there` overrides the look-up in PATH, `by` names what
    brings it.
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
    output = done.stdout.decode()
    assert done.returncode == 0, output
    return output


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    return free_port_range(1)


def free_port_range(how_many: int) -> int:
    """Return the first of so many loopback ports in a row that were free a moment ago."""
    while True:
        # Below the ports that the system gives to those who want any.
        first = secrets.randbelow(15_000) + 15_000  # not `random`: hypothesis seeds that
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

    def lines(self) -> list[str]:
        """Return the lines it has written; of one that it is writing, nothing yet."""
        return self.output().rpartition("\n")[0].splitlines()

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
