"""`dexwire up` on a terminal: what a person needs, and everything with -v."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import asdict

from dexwire.runfile import Running
from dexwire.server.settings import UpSettings
from dexwire.server.up.log_view import LogView, view
from dexwire.server.up.ports import Ports
from dexwire.server.up.screen import Screen
from dexwire.server.up.summary import Totals, summary, write_summaries
from dexwire.server.up.terminal_screen import TerminalScreen
from tests.testkit.terminal import Terminal, shown
from tests.testkit.wait import eventually, happening

Open = Callable[..., Terminal]
FREE = ("--api-port", "0", "--ws-port", "0", "--images-port", "0")
NOWHERE = "http://127.0.0.1:1"
OFFLINE = {f"{name}_URL": NOWHERE for name in ("DEXSCREENER", "JUPITER", "GECKOTERMINAL")}
NO_SOURCE = "no source answers; is this machine online?"
SAMPLE = Totals(calls=100, failed=3, tokens=41, epoch="e", version=7, clients=1)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """Type a command on a terminal of its own: `terminal("up", "--demo", env={…})`."""
    opened: list[Terminal] = []

    def start(*args: str, env: dict[str, str] | None = None) -> Terminal:
        opened.append(Terminal(list(args), tmp_path, env))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


# -- real runs -------------------------------------------------------------------------------------
async def test_a_person_sees_steps_addresses_and_the_end(terminal: Open) -> None:
    demo = terminal("up", "--demo", *FREE, "--replay-port", "0")
    await eventually(lambda: "Ctrl-C\n\n" in demo.read(), timeout_s=60)
    demo.type("\x03")

    assert demo.wait() == 0
    shown = re.sub(r":\d{4,5}\b", ":PORT", demo.read())
    shown = re.sub(r"\d\d:\d\d:\d\d", "HH:MM:SS", re.sub(r"\d+\.\d s", "N s", shown))
    shown = re.sub(r"(stopping .*), recorder\n", r"\1\n", shown)  # it may not have started yet
    assert re.sub(r"(\w+-server), in", "SERVER, in", shown).splitlines() == [
        "  ✓ embedded server SERVER, in memory only",
        "  ✓ services        replay, aggregator, fetcher, api, ws, images, recorder",
        "  ✓ tokens          ready after N s",
        "  DEMO: replayed market, not live data",
        "",
        "  page      http://127.0.0.1:PORT/",
        "  data      http://127.0.0.1:PORT/discover",
        "  stream    ws://127.0.0.1:PORT/ws?topics=all",
        "  health    http://127.0.0.1:PORT/health",
        "  try       curl 'http://127.0.0.1:PORT/discover?limit=5'",
        "  audit     python -m dexwire verify (in this folder)",
        "  stop      Ctrl-C",
        "",
        "^C",
        "HH:MM:SS  dexwire     stopping replay, aggregator, fetcher, api, ws, images",
        "HH:MM:SS  dexwire     stopped",
    ]
    assert "\x1b[" in demo.raw
    assert demo.raw.count("\x1b[?25l") == demo.raw.count("\x1b[?25h") > 0  # the cursor is back


async def test_without_internet_it_says_so_and_where_to_look(terminal: Open) -> None:
    live = terminal("up", "-v", *FREE, env=OFFLINE)
    await eventually(lambda: "Ctrl-C\n\n" in live.read(), timeout_s=60)
    live.type("\x03")

    assert live.wait() == 0
    shown = live.read()
    alert = rf"^\d\d:\d\d:\d\d  dexwire     warning  {re.escape(NO_SOURCE)}$"
    assert re.search(alert, shown, re.MULTILINE)
    assert shown.count(NO_SOURCE) == 1
    assert "  page      http://127.0.0.1:" in shown
    # -v: every line, without its module.
    assert re.search(
        r"^\d\d:\d\d:\d\d  fetcher     info     call_failed source=\w+ path=", shown, re.MULTILINE
    )
    assert re.search(r"^\d\d:\d\d:\d\d  aggregator  info     epoch_begun ", shown, re.MULTILINE)
    assert "module" not in shown
    assert '{"' not in shown


async def test_a_single_service_on_a_terminal_shows_the_time_and_no_module(terminal: Open) -> None:
    service = terminal("replay", env={"REPLAY_PORT": "0"})

    await eventually(lambda: "replay_ready" in service.read(), 40)

    shown = service.read()
    assert re.search(r"^\d\d:\d\d:\d\d \[info +\] replay_ready ", shown, re.MULTILINE)
    assert "module" not in shown


async def test_a_form_of_logs_that_was_chosen_is_kept(terminal: Open) -> None:
    live = terminal("up", *FREE, env={**OFFLINE, "LOG_JSON": "true"})

    await eventually(lambda: 'fetcher    | {"' in live.read(), timeout_s=60)
    await eventually(lambda: 'aggregator | {"' in live.read(), timeout_s=60)


# -- lines -----------------------------------------------------------------------------------------
def test_a_line_of_a_log_is_taken_apart() -> None:
    line = (
        '{"event":"store_full","level":"warning","service":"aggregator","module":"m","error":"x\\u001b",'
        '"n":3,"timestamp":"2026-11-27T10:41:07.1Z"}'
    )

    found = view(line)

    assert re.fullmatch(r"\d\d:41:07", found.time)
    assert found._replace(time="") == LogView(
        "", "warning", "store_full", (("error", "x\\x1b"), ("n", "3")), ()
    )
    assert found.severe


@pytest.mark.parametrize(
    ("line", "severe"),
    [
        ('{"event":"e","level":"debug"}', False),
        ('{"event":"e","level":"info"}', False),
        ('{"event":"e","level":"error","exception":"a\\n  b"}', True),
        ("dexwire: wrong setting: WINDOW_MS: too small", True),
        ('{"event":"e","level":"loud"}', True),
        ("{not json", True),
        ("[1]", True),
        ("\x1b[2J gone", True),
    ],
)
def test_what_is_no_line_of_a_log_is_always_shown(line: str, *, severe: bool) -> None:
    found = view(line)

    assert found.severe is severe
    assert "\x1b" not in found.event


def test_a_trace_is_kept_line_by_line() -> None:
    assert view('{"event":"e","level":"error","exception":"a\\n  b"}').trace == ("a", "  b")


def test_a_terminal_shows_what_was_written_last() -> None:
    assert shown("\x1b[32m  one\x1b[0m\r\x1b[2K  two\r\n\x1b[1A\x1b[2Kthree\n") == "three\n"


def test_a_terminal_of_few_letters_shows_the_others_by_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    screen = TerminalScreen(["api"], verbose=False)

    screen.done("tokens", "ready")
    screen.line("api", '{"event":"e","level":"error","error":"\\u732b"}')
    sys.stdout.flush()

    assert written.getvalue().splitlines()[0].split() == [b"ok", b"tokens", b"ready"]
    assert b"error=\\u732b" in written.getvalue()


# -- the line of a minute --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("now", "line"),
    [
        (
            {"calls": 412, "failed": 3, "version": 308, "clients": 2},
            "312 calls (0 failed), 301 commits; now 41 tokens, 2 clients",
        ),
        (
            {"epoch": "f", "version": 1, "tokens": 1, "failed": 5},
            "0 calls (2 failed), 1 commit; now 1 token, 1 client",
        ),
    ],
)
def test_the_line_of_a_minute_says_what_was_done(now: dict[str, int | str], line: str) -> None:
    assert summary(SAMPLE, Totals(**{**asdict(SAMPLE), **now})) == line


class Recorder(Screen):
    """A screen that keeps its summaries."""

    live = True

    def __init__(self) -> None:
        super().__init__([])
        self.lines: list[str] = []

    def summary(self, text: str) -> None:
        self.lines.append(text)


async def test_a_running_stack_is_summed_up(demo: Running) -> None:
    api, ws = urlsplit(demo.api).port or 0, urlsplit(demo.ws).port or 0
    screen = Recorder()

    async with happening(write_summaries(UpSettings(), Ports(api, ws, None), screen, every_s=0.3)):
        line = await eventually(
            lambda: next((one for one in screen.lines if not one.startswith("0 calls")), ""), 20
        )

    assert re.fullmatch(
        r"\d+ calls? \(\d+ failed\), \d+ commits?; now \d\d+ tokens, 0 clients", line
    )
