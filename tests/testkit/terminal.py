"""A terminal of 100 columns for a process under test, and what a person reads on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

COLUMNS: Final = 100
_PIECE: Final = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Terminal:
    """A `dexwire` command with a pseudo-terminal as its controlling one."""

    def __init__(self, args: list[str], cwd: Path, env: Mapping[str, str] | None = None) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "dexwire", *args],
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "METRICS_PORT": "0", **(env or {})},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
        )
        os.close(theirs)
        self._fd = ours
        self.raw = ""

    def read(self) -> str:
        """Return what a person reads by now."""
        while select.select([self._fd], [], [], 0)[0]:
            try:
                chunk = os.read(self._fd, 65_536)
            except OSError:  # nobody writes any more
                break
            if not chunk:
                break
            self.raw += chunk.decode(errors="replace")
        return shown(self.raw)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def wait(self, timeout_s: float = 20.0) -> int:
        """Return the exit code; what is written until then is read, or it would not end."""
        deadline = time.monotonic() + timeout_s
        while self.popen.poll() is None:
            assert time.monotonic() < deadline, self.read()
            select.select([self._fd], [], [], 0.05)
            self.read()
        return self.popen.wait()

    def close(self) -> None:
        """End it at once."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(10)
        os.close(self._fd)


def shown(raw: str) -> str:
    """Return the text that stays on a terminal: without colours, lines overwritten as they are."""
    lines: list[str] = [""]
    row = column = 0
    for numbers, command, control, text in _PIECE.findall(raw):
        if text:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + text + line[column + len(text) :]
            column += len(text)
        elif control == "\r":
            column = 0
        elif control == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif command == "A":
            row = max(0, row - int(numbers or 1))
        elif command == "K":
            lines[row] = "" if numbers == "2" else lines[row][:column]
    return "\n".join(line.rstrip() for line in lines)
