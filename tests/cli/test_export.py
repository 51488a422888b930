"""`dexwire history export`: files that Polars and DuckDB read as what the store holds."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from dexwire.runfile import DEFAULT_FOLDER, RunFile, Running
from dexwire.server import export_files
from dexwire.server.export import export
from dexwire.server.history import find_history
from shared.errors import ConfigError, StoreError
from shared.history import schema
from shared.history.engine import open_engine
from shared.history.migrate import migrate
from shared.history.write import put_backfill
from tests.testkit.history import candle, record, token_row
from tests.testkit.postgres import empty_history, on_both_engines
from tests.testkit.process import ROOT

DAY = 20_718 * 86_400  # 2026-09-22
FIRST, SECOND = dt.date(2026, 9, 22), dt.date(2026, 9, 23)


@pytest.fixture
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return empty_history(request, tmp_path)


@pytest.fixture
async def engine(history_url: str) -> AsyncIterator[AsyncEngine]:
    """Two tokens, 30 hours of each, one back-filled hour, an outage."""
    engine = open_engine(history_url, writes=True)
    await migrate(engine)
    hours = {
        (key, t): candle(
            t, 0.1 * key + n, cover_ms=1_800_001, moved=bool(n % 2), last_ms=(t + 60) * 1000,
            liquidity=n / 3 if n % 4 else None, volume_1h=1e-9 * n, volume_24h=1e12 / 7,
        )
        for key in (1, 2)
        for n, t in enumerate(range(DAY + 3_600, DAY + 31 * 3_600, 3_600))
    }  # fmt: skip
    evil = json.dumps({"token_ticker": "=1+1", "created_ms": DAY * 1000}).encode()
    await record(
        engine,
        {"1h": hours},
        tokens=[
            token_row(1, "A", cap_high=5e6, cap_high_ms=DAY * 1000 + 7),
            token_row(2, "B", row=evil, gone_ms=DAY * 1000 + 5),
        ],
        gaps=[{"source": "", "from_ms": DAY * 1000, "to_ms": DAY * 1000 + 60_000, "why": "down"}],
    )
    bar = {"tier": "1h", "t": DAY, "token_key": 1, "o": 1.0, "h": 2.0, "l": 0.5, "c": 1.5}
    async with engine.begin() as connection:
        await put_backfill(connection, [{**bar, "volume": 9.0, "origin": "geckoterminal:P"}])
    yield engine
    await engine.dispose()


async def stored(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    """Every own hour as the files should hold it, by time and token."""
    c, tokens = schema.candles["1h"].c, schema.tokens
    columns = (
        tokens.c.id, c.t, c.o, c.h, c.l, c.c, c.n, c.by, c.mixed, c.moved, c.cover_ms, c.last_ms,
        c.liquidity, c.market_cap, c.volume_5m, c.volume_1h, c.volume_24h,
    )  # fmt: skip
    query = select(*columns).join(tokens, tokens.c.key == c.token_key).order_by(c.t, tokens.c.id)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    return [
        (
            *(row[0], row[1] * 1000, *row[2:9], "seen" if row[9] else "flat"),
            *(row[10], row[11], *row[12:]),
        )
        for row in rows
    ]


EXPORTED = """
    select id, epoch_ms(t), o, h, l, c, n, "by", mixed, kind,
           round(cover * 3600000)::bigint, epoch_ms(last_t),
           liquidity, market_cap, volume_5m, volume_1h, volume_24h
    from files where origin is null order by t, id
"""


@pytest.mark.parametrize("fmt", ["parquet", "csv"])
async def test_what_duckdb_reads_is_what_the_store_holds(
    engine: AsyncEngine, history_url: str, tmp_path: Path, fmt: export_files.FileFormat
) -> None:
    out = tmp_path / "out"

    assert await export(history_url, "1h", fmt, out, first=None, end=None) == 0

    where = f"{out}/tier=1h/*/*.{fmt}"
    with duckdb.connect() as db:
        files = (
            db.read_parquet(where, hive_partitioning=True)
            if fmt == "parquet"
            else db.read_csv(where, hive_partitioning=True)
        )
        db.execute("set TimeZone = 'UTC'")
        db.register("files", files)
        found = db.sql(EXPORTED).fetchall()
        days = db.sql("select distinct day::varchar from files order by 1").fetchall()
        theirs = db.sql("select o, c, volume, origin, n from files where origin is not null")
        assert theirs.fetchall() == [(1.0, 1.5, 9.0, "geckoterminal:P", None)]

    assert found == await stored(engine)
    assert days == [("2026-09-22",), ("2026-09-23",)]


@on_both_engines
async def test_what_polars_reads_is_what_the_store_holds(
    engine: AsyncEngine, history_url: str, tmp_path: Path
) -> None:
    await export(history_url, "1h", "parquet", tmp_path / "out", first=None, end=None)

    files = pl.read_parquet(f"{tmp_path}/out/tier=1h/*/*.parquet", hive_partitioning=True)
    own = files.filter(pl.col("origin").is_null()).sort("t", "id")
    ms = [pl.col(name).dt.epoch("ms") for name in ("t", "last_t")]
    rows = own.with_columns(*ms, (pl.col("cover") * 3_600_000).round().cast(pl.Int64)).drop(
        "volume", "origin", "tier", "day"
    )
    assert rows.rows() == await stored(engine)
    tokens = pl.read_parquet(tmp_path / "out/tokens.parquet")
    assert tokens.select("id", "token_ticker", "highest_market_cap").rows() == [
        ("solana:A", "A", 5e6),
        ("solana:B", "=1+1", None),
    ]


@pytest.mark.usefixtures("engine")
async def test_days_are_chosen_and_the_last_one_is_excluded(
    history_url: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    await export(history_url, "1h", "csv", out, first=FIRST, end=SECOND)

    assert [path.name for path in (out / "tier=1h").iterdir()] == ["day=2026-09-22"]
    assert "'=1+1" in (out / "tokens.csv").read_text(encoding="utf-8")
    assert [p.name for p in out.rglob("*.part")] == []


async def test_what_cannot_be_exported_is_said(history_url: str, tmp_path: Path) -> None:
    for day in (FIRST, dt.date(2026, 9, 1)):
        with pytest.raises(ConfigError, match=r"--to .* must be after --from 2026-09-22"):
            await export(history_url, "1h", "csv", tmp_path, first=FIRST, end=day)
    with pytest.raises(StoreError, match="there is no database file"):
        await export(history_url, "1h", "csv", tmp_path, first=None, end=None)


def test_the_history_of_what_runs_here_is_found_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HISTORY_URL", raising=False)
    with pytest.raises(ConfigError, match="nothing that runs here keeps a history"):
        find_history(None)
    note = RunFile.claim(DEFAULT_FOLDER)
    assert note is not None
    note.write(
        Running(
            pid=1, redis_url="", redis_prefix="", api="", ws="", demo=True,
            history_url="sqlite:////here",
        )
    )  # fmt: skip

    assert find_history(None) == "sqlite:////here"
    monkeypatch.setenv("HISTORY_URL", "sqlite:////set")
    assert find_history(None) == "sqlite:////set"
    assert find_history("sqlite:////named") == "sqlite:////named"
    note.close()


def test_pyarrow_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigError, match=r"pip install 'dexwire-server\[export\]'"):
        export_files.check_format("parquet")


@pytest.mark.usefixtures("engine")
def test_the_notebook_runs_on_an_export_made_by_the_command(
    history_url: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "dexwire", "history", "export"]
    command += ["--url", history_url, "--out", str(out)]
    command += ["--from", "2026-09-22", "--to", "2026-09-24"]
    notebook = json.loads((ROOT / "examples/notebooks/history.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    env = {**os.environ, "DEXWIRE_EXPORT": str(out)}

    exported = subprocess.run(
        command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    done = subprocess.run(
        [sys.executable, "-"], input="\n".join(cells), env=env, capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip

    assert exported.returncode == 0, exported.stderr
    assert exported.stdout == f"{out}: 61 candles of 2 days, tokens and gaps, as parquet\n"
    assert done.returncode == 0, done.stderr
    assert "the same tokens: True" in done.stdout
    assert "solana:A" in done.stdout
    assert all("outputs" not in c or c["outputs"] == [] for c in notebook["cells"])
