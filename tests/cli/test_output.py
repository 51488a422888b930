"""What the terminal shows: columns that fit, and signs that the output's encoding has."""

# ruff: noqa: RUF001 - the signs that figures are written with

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from dexwire.client import State
from dexwire.client.ranking import Ranking
from dexwire.output import encodable
from dexwire.runfile import Running
from dexwire.stream.rows import Row
from dexwire.terminal.table import Paper, rows_table, status_line
from tests.testkit.process import Process
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
NOW_MS = 1_795_000_000_000
ROWS: list[Row] = [
    {
        "id": "solana:So1", "token_ticker": "SOSLO", "token_name": "Solar Sloth", "chain": "solana",
        "price": 64213.0, "price_change_24h": -99.99, "volume_24h": 164880949.37,
        "liquidity": 8669463.7, "market_cap": 220457642.0, "transactions_24h": 968027,
        "created_ms": NOW_MS - 89_000_000_000,
    },
    {
        "id": "ethereum:0x2", "token_ticker": "ZWJ", "token_name": "Zähes Würstchen 東京",
        "chain": "ethereum", "price": 0.00000123, "price_change_24h": 3.56, "volume_24h": 853.0,
    },
]  # fmt: skip
FIGURES = {
    40: ["$64,213.00", "$165M", "$0.0₅123", "$853"],
    80: ["$64,213.00", "▼ −99.99%", "$165M", "$8.67M", "2y 9mo"],
    120: ["▼ −99.99%", "$8.67M", "$220M", "968K", "2y 9mo", "solana", "Zähes Würstchen"],
}


def shown(width: int | None, encoding: str = "utf-8") -> str:
    console = Console(width=width or 240, color_system=None)
    table = rows_table(ROWS, Ranking(), NOW_MS, paper=Paper(width, encoding))
    with console.capture() as captured:
        console.print(table)
    return captured.get()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_figures_are_whole_and_lines_fit(width: int) -> None:
    text = shown(width)

    assert [figure for figure in FIGURES[width] if figure not in text] == []
    assert max(len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("width", range(40, 141, 5))
def test_no_width_cuts_a_figure(width: int) -> None:
    whole = {cell for line in shown(None).splitlines() for cell in line.split()}
    cut = [cell for line in shown(width).splitlines() for cell in line.split() if "…" in cell]

    figures = [cell for cell in cut if cell[0] in "$▲▼−+0123456789"]
    assert figures == []
    assert {c for line in shown(width).splitlines() for c in line.split() if "$" in c} <= whole


def test_the_sorted_figure_stays_and_the_number_of_the_row_leaves_first() -> None:
    console = Console(width=40, color_system=None)
    table = rows_table(ROWS, Ranking(sort="transactions"), NOW_MS, paper=Paper(40))
    with console.capture() as captured:
        console.print(table)

    assert "txns 24h ▾" in captured.get()
    assert "#" not in captured.get()


@pytest.mark.parametrize("width", [40, 60, 100])
def test_the_status_line_drops_whole_parts(width: int) -> None:
    state = State(status="live", age_ms=1234, latency_ms=56.0, rtt_ms=7.0)
    text = status_line(Ranking(), state, ("e", 123_456), 50, width).plain

    assert len(text) <= width
    assert "…" not in text
    assert text.startswith("live  volume 24h desc")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("ascii", "^ +3.56% v -1% $0.0{5}123 > . -"),
        ("cp1252", "^ +3.56% v -1% $0.0{5}123 > … –"),
        ("utf-8", "▲ +3.56% ▼ −1% $0.0₅123 → … –"),
    ],
)
def test_signs_that_an_encoding_lacks_have_stand_ins(encoding: str, text: str) -> None:
    assert encodable("▲ +3.56% ▼ −1% $0.0₅123 → … –", encoding) == text


def test_a_name_in_letters_that_an_encoding_lacks_keeps_its_width() -> None:
    assert "Zähes Würstchen ??" in shown(None, "cp1252")
    assert "$0.0{12}7" in encodable("$0.0₁₂7", "ascii")


# -- as processes ----------------------------------------------------------------------------------
# The shared cases' h3-57 is cp1252.
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "koi8-r"])
@pytest.mark.parametrize("command", [("query", "--limit", "100"), ("top", "--limit", "50")])
def test_pages_are_printed_in_any_encoding(
    spawn_dexwire: Spawn, demo: Running, command: tuple[str, ...], encoding: str
) -> None:
    stream = ("--ws-url", f"{demo.ws}/ws") if command[0] == "top" else ()
    env = {"PYTHONIOENCODING": encoding}
    process = spawn_dexwire(*command, "--url", demo.api, *stream, env=env)

    assert process.wait(20) == 0, process.output()
    text = process.log_path.read_bytes().decode(encoding)
    assert "volume 24h desc" in text or "vol 24h v" in text
    assert "Traceback" not in text


async def test_tail_prints_in_ascii(spawn_dexwire: Spawn, demo: Running) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    at = ("--url", demo.api, "--ws-url", f"{demo.ws}/ws")
    process = spawn_dexwire("tail", "all", *at, env=env)
    await eventually(lambda: " > " in process.output(), timeout_s=20)

    process.send(signal.SIGINT)
    assert process.wait() == 130


def test_json_loses_nothing_where_the_encoding_lacks_letters(
    spawn_dexwire: Spawn, demo: Running
) -> None:
    def names(encoding: str) -> dict[str, Any]:
        words = ("query", "--sort", "newest", "--asc", "--all", "--json", "--url", demo.api)
        process = spawn_dexwire(*words, env={"PYTHONIOENCODING": encoding})
        assert process.wait(20) == 0, process.output()
        pages = [json.loads(line) for line in process.log_path.read_bytes().splitlines()]
        return {row["id"]: row.get("token_name") for page in pages for row in page["tokens"]}

    utf8, ascii_ = names("utf-8"), names("ascii")
    both = utf8.keys() & ascii_.keys()
    assert len(both) > 100
    assert [utf8[ident] for ident in both] == [ascii_[ident] for ident in both]


@pytest.mark.parametrize("command", [("config",), ("doctor",), ("verify",), ("--help",)])
def test_operating_commands_print_without_a_utf_8_locale(
    spawn_dexwire: Spawn, demo: Running, command: tuple[str, ...]
) -> None:
    env = {
        "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii", "REDIS_URL": demo.redis_url, "REDIS_PREFIX": demo.redis_prefix,
    }  # fmt: skip
    process = spawn_dexwire(*command, env=env)

    assert process.wait(30) in {0, 1}
    assert process.log_path.read_bytes().isascii()
    assert "Traceback" not in process.output()
