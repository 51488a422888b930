"""What `dexwire up` writes on a terminal: what a person needs, and more only on request.

Start-up steps with a spinner, then the addresses, then warnings and errors as they come and one
line a minute. The spinner turns on the event loop, never on a thread: services are forked from this
process.
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from dexwire.server.up.log_view import LogView, view
from dexwire.server.up.screen import OURS, Screen

_TURNS_S: Final = 0.1
_COLOURS: Final = ("cyan", "green", "magenta", "blue", "bright_cyan", "bright_magenta")
_STYLES: Final = {"warning": "bold yellow", "error": "bold red", "critical": "bold red"}


class TerminalScreen(Screen):
    """The screen of a person; `verbose`: every log line."""

    live = True

    def __init__(self, names: list[str], *, verbose: bool) -> None:
        super().__init__(names)
        self._verbose = verbose
        if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that knows fewer letters
            sys.stdout.reconfigure(errors="backslashreplace")
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._ascii = not self._console.encoding.startswith("utf")
        self._styles = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
        self._step: tuple[str, str] | None = None
        self._live: Live | None = None
        self._ended = False

    # -- what services say ------------------------------------------------------------------------
    def line(self, name: str, text: str) -> None:
        """Write one line of a service's output, if it is for a person."""
        shown = view(text)
        if text and (self._verbose or shown.severe):
            self._log(name, shown)

    def _log(self, name: str, shown: LogView) -> None:
        clock = shown.time or _clock()
        parts = [(f"{clock}  ", "dim"), (f"{name:<{self._width}}  ", self._styles.get(name, ""))]
        if shown.level:
            parts.append((f"{shown.level:<8} ", _STYLES.get(shown.level, "dim")))
        parts.append((shown.event, "bold" if shown.severe and shown.level else ""))
        for field, value in shown.fields:
            parts += [(f" {field}=", "dim"), (value, "")]
        self._write_text(Text.assemble(*parts))
        for trace in shown.trace:
            self._write_text(Text(f"    {trace}", style="red"))

    # -- what we say ------------------------------------------------------------------------------
    def say(self, text: str) -> None:
        """Write lines of our own."""
        for part in text.splitlines():
            self._log(OURS, LogView("", "", part, (), ()))

    def shout(self, text: str) -> None:
        """Write a line of our own that must not be overlooked."""
        self._write_text(Text(f"  {text}", style="bold yellow"))

    def alert(self, text: str) -> None:
        """Write what a person may have to do something about."""
        self._log(OURS, LogView("", "warning", text, (), ()))

    def summary(self, text: str) -> None:
        """Write the line of a minute."""
        self._write_text(Text.assemble((f"{_clock()}  ", "dim"), f"last minute: {text}"))

    def addresses(self, lines: Sequence[tuple[str, str]]) -> None:
        """Write where to look."""
        self._write_text(Text())
        for name, text in lines:
            self._write_text(Text.assemble((f"  {name:<9} ", "dim"), (text, "bold")))
        self._write_text(Text())

    # -- steps ------------------------------------------------------------------------------------
    def done(self, name: str, text: str) -> None:
        """Write a step that is done."""
        self._rest()
        mark = "ok" if self._ascii else "\N{CHECK MARK}"
        self._write_text(Text.assemble((f"  {mark} ", "green"), (f"{name:<16}", "dim"), text))

    def begin(self, name: str, text: str) -> None:
        """Show a step that takes its time; the one before it is done."""
        if self._step is not None:
            self.done(*self._step)
        self._step = (name, text)
        self._spin(text)

    def waiting(self, text: str) -> None:
        """Show what is waited for within the step."""
        self._spin(f"waiting for {text}")

    def finish(self, text: str) -> None:
        """Show that the last step is done."""
        if self._step is not None:
            self.done(self._step[0], text)
        self._step = None

    def end_steps(self) -> None:
        """Show no steps any more."""
        self._ended = True
        self._rest()

    def interrupted(self) -> None:
        """Go on below the ^C that the terminal shows; a spinner's line goes with it."""
        spinning = self._live is not None
        self.end_steps()
        if not spinning:
            self._write_text(Text())

    async def animate(self) -> None:
        """Turn the spinner; cancel it to end."""
        while True:
            await asyncio.sleep(_TURNS_S)
            if self._live is not None:
                self._guarded(self._live.refresh)

    def _spin(self, text: str) -> None:
        if self._ended or self._step is None:
            return
        line = Text.assemble((f"{self._step[0]:<16}", "dim"), text)
        spinner = Spinner("line" if self._ascii else "dots", line, style="cyan")
        self._rest()
        self._live = Live(
            Padding(spinner, (0, 0, 0, 2), expand=False),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._guarded(self._live.start)
        if self._live is not None:
            self._guarded(self._live.refresh)

    def _rest(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            self._guarded(live.stop)

    # -- writing ----------------------------------------------------------------------------------
    def _write_text(self, text: Text) -> None:
        self._guarded(lambda: self._console.print(text, soft_wrap=True))

    def _guarded(self, write: Callable[[], None]) -> None:
        if self.gone:
            return
        try:
            write()
        except OSError:  # the terminal hung up
            self._live = None
            self._lose()


def _clock() -> str:
    return time.strftime("%H:%M:%S")
