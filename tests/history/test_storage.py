"""What is written and read back, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.errors import NewerHistory
from shared.history import write
from shared.history.as_of import PastList
from shared.history.candle import merged
from shared.history.engine import (
    DATABASE_ERRORS,
    history_url,
    open_engine,
    public_history_url,
    reason,
)
from shared.history.migrate import migrate
from shared.history.reader import Reader
from shared.history.schema import metadata
from shared.history.write import Position
from tests.testkit.history import MS0, T0, candle, minutes, record, token_row

MINUTE, HOUR = 60_000, 3_600_000


async def test_migrations_make_the_tables_that_the_code_expects(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"version_table": "history_schema", "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    assert await migrate(engine) == ("0001", "0001")


async def test_a_database_of_a_newer_version_is_refused(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE history_schema SET version_num = '0999'"))
    with pytest.raises(NewerHistory, match="0999"):
        await migrate(engine)


async def test_parts_add_up_in_the_database_as_they_do_in_memory(engine: AsyncEngine) -> None:
    parts = [
        candle(T0, 2.0, n=2, moved=False, cover_ms=20_000, volume_5m=1.0),
        candle(T0, 0.0, n=0, cover_ms=-5_000),
        candle(T0, 5.0, h=9.0, l=0.5, by="dexscreener", cover_ms=7_000, market_cap=3.0),
    ]
    for part in parts:
        await record(engine, {"1m": {(1, T0): part}}, tokens=[token_row(1, "A")], hot=[1])
    whole = merged(merged(parts[0], parts[1]), parts[2])
    page = await Reader(engine).candles("solana:A", "1m", from_ms=MS0, to_ms=MS0 + MINUTE)
    assert page is not None
    (found,) = page.candles
    assert (found.o, found.h, found.l, found.c, found.n) == (2.0, 9.0, 0.5, 5.0, 3)
    assert (found.by, found.mixed, found.kind) == (whole.by, whole.mixed, "seen")
    assert (found.cover, found.market_cap) == (0.3667, 3.0)


async def test_cover_alone_makes_no_candle(engine: AsyncEngine) -> None:
    part = candle(T0, 0.0, n=0, cover_ms=-5_000)
    await record(engine, {"1m": {(1, T0): part}}, tokens=[token_row(1, "A")])
    page = await Reader(engine).candles("solana:A", "1m", from_ms=MS0, to_ms=MS0 + MINUTE)
    assert page is not None
    assert page.candles == []


async def test_a_position_that_another_recorder_moved_is_refused(engine: AsyncEngine) -> None:
    await record(engine)
    stale = Position("e1", 0, "0" * 16, MS0)
    with pytest.raises(write.Overtaken):
        async with engine.begin() as connection:
            await write.advance(connection, stale, Position("e1", 7, "0" * 16, MS0))
    with pytest.raises(write.Overtaken):
        async with engine.begin() as connection:
            await write.advance(connection, Position(), Position("e1", 7, "0" * 16, MS0))


async def test_one_recorder_holds_the_lease_until_it_gives_it_back(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert await write.take_lease(connection, "a", 60_000)
        assert not await write.take_lease(connection, "b", 60_000)
        assert await write.take_lease(connection, "a", -1)  # it is over at once
        assert await write.take_lease(connection, "b", 60_000)
        await write.release_lease(connection, "a")
        assert not await write.take_lease(connection, "a", 60_000)


async def test_an_answer_says_what_is_missing_and_why(engine: AsyncEngine) -> None:
    await record(
        engine,
        {"1m": minutes(1, 0, 3)},
        tokens=[token_row(1, "A")],
        gaps=[
            {"source": "jupiter", "from_ms": MS0 + MINUTE, "to_ms": MS0 + 2 * MINUTE,
             "why": "jupiter was down"},
        ],
        hot=[1],
        at_ms=MS0 + 5 * MINUTE,
    )  # fmt: skip
    page = await Reader(engine).candles("solana:A", "1m", limit=6)
    assert page is not None
    assert [each.c for each in page.candles] == [1.0, 4.0]
    found = [(gap.kind, (gap.from_ms - MS0) // MINUTE, gap.why) for gap in page.gaps]
    assert found == [
        ("not_recorded", -1, "this token had no candles of this length then"),
        ("outage", 1, "jupiter was down"),
        ("unseen", 2, "nobody requested this token"),
        ("unseen", 4, "nobody requested this token"),
    ]
    assert page.coverage is not None
    assert (page.coverage.from_ms, page.coverage.to_ms) == (MS0, MS0 + 5 * MINUTE)
    assert page.coverage.share == 0.6667


async def test_a_window_holds_the_newest_intervals_up_to_its_end(engine: AsyncEngine) -> None:
    await record(engine, {"1m": minutes(1, *range(10))}, tokens=[token_row(1, "A")], hot=[1])
    reader = Reader(engine)
    page = await reader.candles("solana:A", "5m", from_ms=0, to_ms=MS0 + 9 * MINUTE + 1, limit=2)
    assert page is not None
    assert [(each.t - MS0, each.o, each.c) for each in page.candles] == [
        (0, 1.0, 5.0),
        (5 * MINUTE, 6.0, 10.0),
    ]
    later = await reader.candles("solana:A", "1m", from_ms=MS0 + 2 * MINUTE, to_ms=MS0 + 3 * MINUTE)
    assert later is not None
    assert ([each.c for each in later.candles], later.before) == ([3.0], 2.0)
    assert await reader.candles("solana:B", "1m") is None


async def test_back_filled_candles_never_mix_with_ours(engine: AsyncEngine) -> None:
    hours = {(1, T0): candle(T0, 2.0)}
    await record(engine, {"1h": hours}, tokens=[token_row(1, "A")], at_ms=MS0 + HOUR)
    row = {"tier": "1h", "token_key": 1, "o": 8.0, "h": 9.0, "l": 7.0, "c": 8.5, "volume": 70.0,
           "origin": "geckoterminal:pool"}  # fmt: skip
    async with engine.begin() as connection:
        await write.put_backfill(connection, [{**row, "t": T0}, {**row, "t": T0 - 3600}])
    page = await Reader(engine).candles("solana:A", "1h", limit=2)
    assert page is not None
    assert [(each.c, each.origin, each.volume) for each in page.candles] == [
        (8.5, "geckoterminal:pool", 70.0),
        (2.0, None, None),
    ]


async def test_the_list_as_it_was_knows_nothing_that_came_later(engine: AsyncEngine) -> None:
    await record(
        engine,
        {
            "1m": minutes(1, 0, 1, 2),
            "1h": {
                (1, T0): candle(T0, 9.0, last_ms=MS0 + 50 * MINUTE),
                (2, T0 - 3600): candle(T0 - 3600, 5.0, last_ms=MS0 - MINUTE),
                (3, T0 - 7200): candle(T0 - 7200, 6.0, last_ms=MS0 - HOUR - MINUTE),
                (4, T0 - 3600): candle(T0 - 3600, 7.0, last_ms=MS0 - MINUTE),
            },
        },
        tokens=[
            token_row(1, "A"),
            token_row(2, "B", first_ms=0),
            token_row(3, "C", first_ms=0, gone_ms=MS0 + HOUR),
            token_row(4, "D", first_ms=0, gone_ms=MS0 - 1),
        ],
        hot=[1],
    )
    past = PastList(engine)
    found = await past.figures(MS0 + 2 * MINUTE, "c")
    assert {key: sampled.value for key, sampled in found.items()} == {1: 2.0, 2: 5.0, 3: 6.0}
    rows = await past.rows({3: found[3], 1: found[1]})
    assert [(row.id, row.price, row.gone_ms) for row in rows] == [
        ("solana:C", 6.0, MS0 + HOUR),
        ("solana:A", 2.0, None),
    ]
    assert await past.chains([1, 2]) == {1: "solana", 2: "solana"}


async def test_a_price_of_the_past_is_the_last_one_before(engine: AsyncEngine) -> None:
    hours = {
        (1, T0): candle(T0, 2.0, last_ms=MS0 + 40 * MINUTE),
        (1, T0 + 3600): candle(T0 + 3600, 3.0, last_ms=MS0 + 100 * MINUTE),
    }
    await record(engine, {"1h": hours}, tokens=[token_row(1, "A")])
    reader = Reader(engine)
    token = await reader.token("solana:A")
    assert token is not None
    assert await reader.close_at(token, MS0 + 90 * MINUTE) == (2.0, MS0 + 40 * MINUTE)
    assert await reader.close_at(token, MS0) is None
    assert await reader.hour_closes(T0 + 3600) == {"solana:A": 3.0}


async def test_a_removed_token_keeps_its_last_row_and_highest_market_cap(
    engine: AsyncEngine,
) -> None:
    await record(engine, tokens=[token_row(1, "A", cap_high=9.0, cap_high_ms=MS0)])
    lower = token_row(1, "A", cap_high=5.0, cap_high_ms=MS0 + 1, gone_ms=MS0 + 2, row=b"{}")
    await record(engine, tokens=[lower])
    token = await Reader(engine).token("solana:A")
    assert token is not None
    assert (token.gone_ms, token.row, token.cap_high, token.cap_high_ms) == (
        MS0 + 2, b"{}", 9.0, MS0,
    )  # fmt: skip


async def test_alerts_are_kept_once(engine: AsyncEngine) -> None:
    await record(engine, tokens=[token_row(1, "A")])
    alerts = [
        {"token_key": 1, "at_ms": MS0 + n, "id": f"e1:1.{n}", "kind": "price", "body": b"%d" % n}
        for n in range(3)
    ]
    for _ in range(2):
        async with engine.begin() as connection:
            await write.put_alerts(connection, alerts)
    found = await Reader(engine).alerts("solana:A", from_ms=MS0, to_ms=MS0 + 3, limit=2)
    assert found is not None
    assert [each.body for each in found] == [b"1", b"2"]


async def test_a_reader_changes_nothing(history_url: str, engine: AsyncEngine) -> None:
    reader = open_engine(history_url, writes=False)
    with pytest.raises(DATABASE_ERRORS) as caught:
        async with reader.begin() as connection:
            await connection.execute(text("DELETE FROM tokens"))
    await reader.dispose()
    assert reason(caught.value) == "the database is read-only"
    assert (await Reader(engine).status()).bytes > 0


async def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    reader = open_engine(f"sqlite:///{tmp_path}/none.sqlite", writes=False)
    with pytest.raises(DATABASE_ERRORS) as caught:
        await Reader(reader).status()
    await reader.dispose()
    assert reason(caught.value) == "there is no database file, or it cannot be opened"
    assert not (tmp_path / "none.sqlite").exists()


def test_addresses_name_a_driver_and_hide_a_password() -> None:
    assert history_url("sqlite:////data/h.sqlite").drivername == "sqlite+aiosqlite"
    shown = public_history_url("postgresql://user:secret@db/history")
    assert shown == "postgresql+asyncpg://user:***@db/history"


@pytest.mark.parametrize(
    "text",
    ["postgresql://u:p#:/x@[::1]:5432/h", "postgresql://[::1]/h", "postgresql:///h?host=/run/pg"],
)
def test_an_address_may_have_any_password_and_any_kind_of_host(text: str) -> None:
    assert history_url(text).database == "h"


@pytest.mark.parametrize(
    "text",
    [
        "history.sqlite", "mysql://db/x", "sqlite://", "sqlite:///", "sqlite:///:memory:",
        "postgresql://", "postgresql://db:port/x", "postgresql://db:99999/x", "postgresql://[::1/x",
    ],
)  # fmt: skip
def test_an_address_of_no_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        history_url(text)
