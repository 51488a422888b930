"""What `dexwire up` writes: one line at a time, each with the name of who says it."""

from __future__ import annotations

import os
import sys
from typing import Final

_COLOURS: Final = ("36", "32", "35", "34", "33", "96")  # cyan, green, magenta, blue, yellow, …
_BOLD_YELLOW: Final = "1;33"
OURS: Final = "dexwire"


class Screen:
    """Lines on standard output, padded by name; coloured on a terminal unless NO_COLOR is set."""

    def __init__(self, names: list[str]) -> None:
        self.gone = False  # nobody reads us any more, as in `dexwire up | head`
        self._width = max(len(name) for name in [OURS, *names])
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._colour = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}

    def line(self, name: str, text: str) -> None:
        """Write one line of a service's output."""
        head = f"{name:<{self._width}} |"
        self._write(f"{self._paint(self._colour.get(name, '1'), head)} {text}")

    def say(self, text: str) -> None:
        """Write lines of our own."""
        for part in text.splitlines():
            self.line(OURS, part)

    def shout(self, text: str) -> None:
        """Write a line of our own that must not be overlooked."""
        self.line(OURS, self._paint(_BOLD_YELLOW, text))

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured else text

    def _write(self, text: str) -> None:
        if self.gone:
            return
        try:
            print(text, flush=True)
        except OSError:  # a closed pipe, a terminal that hung up
            self.gone = True
            # Python flushes once more at exit; let that go nowhere instead of failing.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
