"""Runs of pytest, each in a fork of a process that has the libraries loaded: 0.6 s instead of 1.7.

Run as a script it is that process; `Pytest` is its other end. Nothing of the product is loaded
before the fork, so each run sees the files as they are then.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn, Self

_LIBRARIES: Final = (
    "fakeredis", "httpx", "hypothesis", "hypothesis.internal.conjecture.engine", "msgspec", "numpy",
    "pytest", "pytest_asyncio", "redis.asyncio", "starlette.applications", "structlog", "uvicorn",
    "uvloop", "websockets",
)  # fmt: skip
_LOOK_S: Final = 0.02
NO_END: Final = -1000  # the code of a run that was stopped


class Pytest:
    """pytest in a folder; one run at a time."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder, self._environ = folder, environ

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-P", __file__], cwd=self._folder, env=self._environ,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, words: Sequence[str], timeout_s: float) -> tuple[int, str]:
        """Return how a run ended, NO_END if not within the time, and what it printed."""
        printed = self._folder / "printed-of-pytest"
        assert self._process.stdin
        assert self._process.stdout
        order = {"words": list(words), "printed": str(printed), "timeout_s": timeout_s}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return code, printed.read_text(encoding="utf-8", errors="replace")


def _serve() -> None:
    """Answer each line of standard input with the code of a run."""
    sys.path.insert(0, str(Path.cwd()))
    for name in _LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        print(_run(**json.loads(line)), flush=True)


def _run(words: list[str], printed: str, timeout_s: float) -> int:
    child = os.fork()
    if not child:
        _be_pytest(words, printed)
    deadline = time.monotonic() + timeout_s
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            _end(child)
            os.waitpid(child, 0)
            return NO_END
        time.sleep(_LOOK_S)
    _end(child)  # what it has started
    return os.waitstatus_to_exitcode(ended[1])


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _be_pytest(words: list[str], printed: str) -> NoReturn:
    os.setsid()
    with Path(printed).open("w", encoding="utf-8") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 3  # pytest's own, for a failure of its own
    try:
        code = int(importlib.import_module("pytest").main(words))
        sys.stdout.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
