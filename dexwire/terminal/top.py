"""`dexwire top`: the list, live in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from dexwire.client import Client, Row, Unreachable, View
from dexwire.client.ranking import Ranking
from dexwire.stream.topics import WINDOWS, Sort
from dexwire.terminal.query import console_of_output
from dexwire.terminal.table import BANNER, Flashes, Paper, rows_table, status_line

REDRAW_S: Final = 0.25
FIRST_S: Final = 10.0  # for the first rows, where nothing may be drawn before them
_KEYS: Final[dict[str, Sort]] = {
    "v": "volume",
    "l": "liquidity",
    "m": "market_cap",
    "p": "price_change",
    "t": "transactions",
    "n": "newest",
    "r": "trending",
    "d": "traders",
    "h": "holders",
    "s": "organic_score",
    "c": "graduation_pct",
    "g": "graduated",
}
_HELP: Final = (
    "r trending  v volume  l liquidity  m mcap  p change  t txns  d traders  h holders  "
    "s organic  n newest  c curve  g graduated  w window  o order  q quit"
)
_SHORT_HELP: Final = f"{''.join(_KEYS)} sort  w window  o order  q quit"
_CHROME_LINES: Final = 5  # banner, status, header, help, and the last line


def pressed(ranking: Ranking, key: str) -> Ranking:
    """Return the list that a key selects; a key without meaning changes nothing."""
    if key in _KEYS:
        return replace(ranking, sort=_KEYS[key])
    if key == "w":
        following = WINDOWS[(WINDOWS.index(ranking.window) + 1) % len(WINDOWS)]
        return replace(ranking, window=following)
    if key == "o":
        return replace(ranking, order="asc" if ranking.order == "desc" else "desc")
    return ranking


class Top:
    """The screen: which list it shows and what of it is on it."""

    def __init__(self, client: Client, ranking: Ranking, console: Console, *, demo: bool) -> None:
        self._client = client
        self._ranking = ranking
        self._console = console
        self._demo = demo
        self._keys: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
        self._flashes = Flashes()

    async def run(self) -> int:
        """Draw until `q` or Ctrl-C. Raises Refused."""
        with (
            keys_of(sys.stdin, self._keys),
            Live(console=self._console, screen=True, auto_refresh=False) as live,
        ):
            while True:
                self._flashes = Flashes()
                async with open_view(self._client, self._ranking) as view:
                    following = await self._show(view, live)
                if following is None:
                    return 0
                self._ranking = following

    async def _show(self, view: View, live: Live) -> Ranking | None:
        """Show one list until a key selects another one (returned) or for the end (None)."""
        reader = asyncio.create_task(self._watch(view))
        try:
            while True:
                if reader.done():
                    reader.result()
                live.update(self._screen(view), refresh=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REDRAW_S):
                        key = await self._keys.get()
                    if key in {"q", "\x04"}:
                        return None
                    wanted = pressed(self._ranking, key)
                    if wanted != self._ranking:
                        return wanted
        finally:
            reader.cancel()
            await asyncio.wait([reader])

    async def _watch(self, view: View) -> None:
        async for rows in view.changes(throttle=REDRAW_S):
            self._flashes.update(rows, time.time())

    def _screen(self, view: View) -> RenderableType:
        now_ms = time.time() * 1000
        rows: list[Row] = view.rows[: max(1, self._console.size.height - _CHROME_LINES)]
        parts: list[RenderableType] = []
        if self._demo:
            parts.append(Text(BANNER, style="bold yellow"))
        width = self._console.width
        paper = Paper(width, self._console.encoding)
        parts.append(status_line(self._ranking, view.state, view.version, len(rows), width))
        parts.append(rows_table(rows, self._ranking, now_ms, self._flashes, paper))
        parts.append(Text(_HELP if len(_HELP) <= width else _SHORT_HELP, style="dim"))
        return Group(*parts)


async def top(client: Client, ranking: Ranking) -> int:
    """Show the list. Raises Unreachable when nobody answers at the start, Refused.

    Where the output is no terminal, it prints the list once.
    """
    async with client:
        health = await client.health()
        demo, console = bool(health.get("demo")), Console()
        if console.is_terminal and sys.stdin.isatty():
            return await Top(client, ranking, console, demo=demo).run()
        await _print_once(client, ranking, demo=demo)
    return 0


async def _print_once(client: Client, ranking: Ranking, *, demo: bool) -> None:
    console = console_of_output()
    width, paper = console.width, Paper(console.width, console.encoding)
    async with open_view(client, ranking) as view:
        try:
            async with asyncio.timeout(FIRST_S):
                await view.ready()
        except TimeoutError:
            why = view.state.error or view.state.status
            raise Unreachable(f"{client.ws_url} does not answer: {why}") from None
        rows = view.rows
        if demo:
            console.print(BANNER, style="bold yellow")
        console.print(status_line(ranking, view.state, view.version, len(rows), width))
        console.print(rows_table(rows, ranking, time.time() * 1000, paper=paper))


def open_view(client: Client, ranking: Ranking) -> View:
    """Return the view of a list."""
    return client.view(
        sort=ranking.sort,
        window=ranking.window,
        order=ranking.order,
        chain=ranking.chain,
        limit=ranking.limit,
    )


@contextlib.contextmanager
def keys_of(terminal: TextIO, queue: asyncio.Queue[str]) -> Iterator[None]:
    """Put single keys into a queue; the terminal is as before afterwards.

    On Windows there are none: Ctrl-C ends it.
    """
    try:
        import termios  # noqa: PLC0415 - Windows has neither
        import tty  # noqa: PLC0415
    except ImportError:
        yield
        return
    descriptor = terminal.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    def read() -> None:
        text = os.read(descriptor, 64) or b"\x04"  # nothing: the terminal has gone
        for key in text.decode("ascii", "ignore"):
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(key)

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
