"""What `dexwire up` writes: one line at a time, each with the name of who says it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

_COLOURS: Final = ("36", "32", "35", "34", "33", "96")  # cyan, green, magenta, blue, yellow, …
_BOLD_YELLOW: Final = "1;33"
OURS: Final = "dexwire"


class Screen:
    """Lines on standard output, padded by name; coloured on a terminal unless NO_COLOR is set.

    It writes what services write as it is. Steps and summaries are for a person at a terminal
    (terminal_screen.py).
    """

    live = False  # a person looks at it

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

    def alert(self, text: str) -> None:
        """Write what a person may have to do something about."""
        self.say(text)

    def summary(self, text: str) -> None:
        """Write the line of a minute."""

    def addresses(self, lines: Sequence[tuple[str, str]]) -> None:
        """Write where to look: a name and an address, or a command."""
        for name, text in lines:
            self.say(f"{name:<9} {text}")

    def done(self, name: str, text: str) -> None:
        """Write a step that is done."""
        self.say(f"{name}: {text}")

    def begin(self, name: str, text: str) -> None:
        """Show a step that takes its time."""

    def waiting(self, text: str) -> None:
        """Write what is waited for within the step."""
        self.say(f"waiting for {text}")

    def finish(self, text: str) -> None:
        """Write that the last step is done."""
        self.say(text)

    def end_steps(self) -> None:
        """Show no steps any more."""

    def interrupted(self) -> None:
        """Show that the end was requested."""

    async def animate(self) -> None:
        """Show that something goes on; cancel it to end."""

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured else text

    def _write(self, text: str) -> None:
        if self.gone:
            return
        try:
            print(text, flush=True)
        except OSError:  # a closed pipe, a terminal that hung up
            self._lose()

    def _lose(self) -> None:
        self.gone = True
        # Python flushes once more at exit; let that go nowhere instead of failing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
