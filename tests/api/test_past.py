"""What was recorded: the list as it was, sparklines, figures of one token, health."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.api.history.database import ANSWER_S, History
from services.api.history.spark_column import SparkColumn
from shared.edge.http.problem import Problem
from shared.history.candle import StoredCandle
from shared.history.write import begin_tiers, put_backfill
from tests.testkit.api import Served, Start
from tests.testkit.commits import Writer, row
from tests.testkit.history import MS0, T0, candle, record, token_row
from tests.testkit.postgres import on_both_engines
from tests.testkit.process import ROOT
from tests.testkit.wait import eventually

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOON = T0 + 43_200


def hours(key: int, *prices: float, until: int = NOON, **fields: Any) -> dict[Any, StoredCandle]:  # noqa: ANN401
    """Candles of the hours up to a time, the last price in the last of them."""
    starts = [until - 3_600 * back for back in range(len(prices), 0, -1)]
    return {
        (key, t): candle(t, price, last_ms=(t + 3_599) * 1000, cover_ms=HOUR, **fields)
        for t, price in zip(starts, prices, strict=True)
    }


def named(key: int, name: str, created_ms: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    made = {"id": f"solana:{name}", "token_ticker": name, "created_ms": created_ms}
    return token_row(key, name, **{"row": json.dumps(made).encode(), **fields})


@pytest.fixture
async def served(writer: Writer, start: Start, history_url: str) -> Served:
    await writer.begin()
    version = await writer.commit([row(1), row(2)])
    served = await start(history_url=history_url)
    await served.follows(version)
    return served


@pytest.fixture
async def recorded(history: AsyncEngine) -> AsyncEngine:
    """Three tokens until noon: A rises, B falls and is gone since, C was gone before."""
    await record(
        history,
        {
            "1h": {
                **hours(1, *[1.0] * 11, 2.0, volume_24h=10.0, volume_1h=1.0, liquidity=5.0),
                **hours(2, *[4.0] * 11, 1.0, volume_24h=30.0),
                **hours(3, 9.0, 9.0, volume_24h=99.0, until=T0 + 7_200),
            }
        },
        tokens=[
            named(1, "A", MS0 + 1),
            named(2, "B", MS0 + 2, gone_ms=MS0 + DAY),
            named(3, "C", MS0 + 3, gone_ms=MS0 + 2 * HOUR),
        ],
        at_ms=MS0 + DAY,
    )
    return history


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["B", "A"]),
        ("&order=asc", ["A", "B"]),
        ("&window=1h", ["A"]),  # of B it is not known
        ("&sort=liquidity", ["A"]),
        ("&sort=market_cap", []),
        ("&sort=newest", ["B", "A"]),
        ("&sort=price_change&window=1h", ["A", "B"]),
        ("&chain=base", []),
        ("&chain=sol&limit=1", ["B"]),
    ],
)
@pytest.mark.usefixtures("recorded")
async def test_the_list_is_sorted_as_it_was(served: Served, query: str, ids: list[str]) -> None:
    answer = await served.client.get(f"/history/discover?at_ms={MS0 + 12 * HOUR}{query}")

    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert [token["token_address"] for token in page["tokens"]] == ids
    assert page["total"] == (2 if "limit=1" in query else len(ids))


@pytest.mark.usefixtures("recorded")
@on_both_engines
async def test_a_row_of_the_past_says_what_was_known_then(served: Served) -> None:
    page = (await served.client.get(f"/history/discover?at_ms={MS0 + 12 * HOUR}")).json()

    last_ms = MS0 + 12 * HOUR - 1_000
    assert (page["at_ms"], page["basis"], page["sort"]) == (MS0 + 12 * HOUR, "sampled", "volume")
    assert page["recorded_ms"] == last_ms
    assert page["tokens"] == [
        {
            "id": "solana:B",
            "chain": "solana",
            "token_address": "B",
            "token_ticker": "B",
            "created_ms": MS0 + 2,
            "price": 1.0,
            "volume_24h": 30.0,
            "price_change_1h": -75.0,
            "sampled_ms": last_ms,
            "gone_ms": MS0 + DAY,
        },
        {
            "id": "solana:A",
            "chain": "solana",
            "token_address": "A",
            "token_ticker": "A",
            "created_ms": MS0 + 1,
            "price": 2.0,
            "liquidity": 5.0,
            "volume_24h": 10.0,
            "volume_1h": 1.0,
            "price_change_1h": 100.0,
            "sampled_ms": last_ms,
        },
    ]


@pytest.mark.parametrize(
    ("query", "status", "code", "param"),
    [
        ("", 400, "bad_at_ms", "at_ms"),
        ("at_ms=yesterday", 400, "bad_at_ms", "at_ms"),
        ("at_ms=1795768390", 400, "bad_at_ms", "at_ms"),
        (f"at_ms={MS0}&sort=trending", 400, "bad_sort", "sort"),
        (f"at_ms={MS0}&window=6h", 400, "bad_window", "window"),
        (f"at_ms={MS0}&sort=price_change&window=5m", 400, "bad_window", "window"),
        (f"at_ms={MS0}&sort=newest&window=1h", 400, "bad_window", "window"),
        (f"at_ms={MS0}&limit=101", 400, "bad_limit", "limit"),
        (f"at_ms={MS0}&order=up", 400, "bad_order", "order"),
        (f"at_ms={MS0 + HOUR}&chain=solanna", 400, "bad_chain", "chain"),
        (f"at_ms={MS0 - DAY}", 404, "not_recorded", "at_ms"),
    ],
)
@pytest.mark.usefixtures("recorded")
async def test_what_cannot_be_answered_is_a_problem(
    served: Served, query: str, status: int, code: str, param: str
) -> None:
    answer = await served.client.get(f"/history/discover?{query}")

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["param"]) == (status, code, param)
    if code == "bad_sort":
        assert "volume, price_change, liquidity, market_cap, newest" in problem["detail"]


@on_both_engines
async def test_the_list_begins_with_the_end_of_the_first_minute(
    served: Served, history: AsyncEngine
) -> None:
    look = candle(T0, 1.0, last_ms=MS0 + 50_000, volume_24h=5.0)
    await record(history, {"1m": {(1, T0): look}}, tokens=[named(1, "A", MS0)], at_ms=MS0 + 90_000)

    async with history.begin() as connection:
        await begin_tiers(connection, MS0 + 20_000)

    within = await served.client.get(f"/history/discover?at_ms={MS0 + 40_000}")
    after = await served.client.get(f"/history/discover?at_ms={MS0 + MINUTE}")

    problem = within.json()
    assert (within.status_code, problem["code"]) == (404, "not_recorded")
    assert f"the list is from {MS0 + MINUTE} to {MS0 + 90_000}" in problem["detail"]
    assert [token["sampled_ms"] for token in after.json()["tokens"]] == [MS0 + 50_000]


# -- sparklines ------------------------------------------------------------------------------------
def test_a_spark_has_the_closes_of_23_hours_and_the_price() -> None:
    column = SparkColumn()
    column.roll(NOON + 60)
    for number, hour in enumerate(column.hours_s()):
        column.put(hour, [("solana:A", number + 0.123456789)] if number != 1 else [])
    column.put(NOON, [("solana:A", 99.0)])  # the hour that runs is no hour of these

    [shown] = column.with_sparks([b'{"id":"solana:A","price":7.5,"rv":1}'], ["solana:A"])

    spark = json.loads(shown)["spark"]
    assert len(spark) == 24
    assert (spark[0], spark[1], spark[2]) == (0.12346, None, 2.1235)
    assert (spark[22], spark[23]) == (22.123, 7.5)


def test_there_is_room_for_any_number_of_tokens() -> None:
    column = SparkColumn()
    column.roll(NOON)
    ids = [f"solana:{number}" for number in range(1_000)]

    column.put(NOON - 3_600, [(token, float(n)) for n, token in enumerate(ids)])
    column.keep(ids[500:])
    column.put(NOON - 3_600, [(token, 7.0) for token in ids[:300]])

    shown = column.with_sparks([b'{"id":1}'] * 3, [ids[0], ids[500], ids[999]])
    assert [json.loads(row)["spark"][22] for row in shown] == [7.0, 500.0, 999.0]


def test_a_spark_moves_on_with_the_hours() -> None:
    column = SparkColumn()
    column.roll(NOON)
    column.put(NOON - 3_600, [("solana:A", 1.0), ("solana:B", 2.0)])

    column.roll(NOON + 2 * 3_600)
    column.keep(["solana:B"])

    rows = [b'{"id":"solana:A"}', b'{"id":"solana:B"}']
    first, second = column.with_sparks(rows, ["solana:A", "solana:B"])
    assert json.loads(first)["spark"] == [None] * 24
    assert json.loads(second)["spark"] == [*[None] * 20, 2.0, None, None, None]
    column.roll(NOON + 50 * 3_600)
    assert json.loads(column.with_sparks(rows, ["x", "solana:B"])[1])["spark"] == [None] * 24


@on_both_engines
async def test_a_page_with_sparks_is_the_page_with_24_numbers_more(
    served: Served, history: AsyncEngine, writer: Writer
) -> None:
    hour = int(time.time()) // 3_600 * 3_600
    listed = row(1)["id"]
    await record(
        history,
        {"1h": hours(1, 3.0, 4.0, until=hour)},
        tokens=[token_row(1, "x", id=listed)],
        at_ms=hour * 1000,
    )
    await writer.heartbeat()  # so that pages are cached
    await eventually(lambda: served.api.live.stamp)
    without = (await served.client.get("/discover")).json()
    before = (await served.client.get("/discover?spark=24h")).json()
    await served.api.sparks.refresh(int(time.time()))

    answer = await served.client.get("/discover?spark=24h")
    chain = (await served.client.get("/tokens?spark=24h&chain=solana")).json()
    wrong = await served.client.get("/discover?spark=1h")

    assert before["tokens"] == without["tokens"]  # the column is not there yet
    tokens = answer.json()["tokens"]
    sparks = {token["id"]: token.pop("spark") for token in tokens}
    assert tokens == without["tokens"]
    assert sparks[listed] == [*[None] * 21, 3.0, 4.0, row(1)["price"]]
    assert sparks[row(2)["id"]] == [*[None] * 23, row(2)["price"]]
    assert chain["tokens"][0]["spark"]
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_spark")


async def test_hours_that_are_back_filled_later_come_into_the_sparklines(
    served: Served, history: AsyncEngine
) -> None:
    hour = int(time.time()) // 3_600 * 3_600
    listed = row(1)["id"]
    await record(
        history,
        {"1h": hours(1, 4.0, until=hour)},
        tokens=[token_row(1, "x", id=listed)],
        at_ms=hour * 1000,
    )
    await served.api.sparks.look(hour)
    shared = {"token_key": 1, "tier": "1h", "o": 9.0, "h": 9.0, "l": 9.0, "c": 9.0, "volume": 1.0}
    starts = (hour - 3_600, hour - 7_200)  # of the first we have a candle of our own

    async with history.begin() as connection:
        await put_backfill(connection, [{**shared, "t": t, "origin": "a:b"} for t in starts])
    await served.api.sparks.look(hour)

    page = (await served.client.get("/discover?spark=24h")).json()
    spark = next(token["spark"] for token in page["tokens"] if token["id"] == listed)
    assert spark[21:23] == [9.0, 4.0]


@pytest.mark.usefixtures("recorded")
async def test_hours_that_are_read_once_are_not_read_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    async with served.api.history.reading() as store:
        closes = store.reader.hour_closes

    async def counting(hour: int) -> dict[str, float]:
        read.append(hour)
        return await closes(hour)

    monkeypatch.setattr(store.reader, "hour_closes", counting)

    await served.api.sparks.refresh(NOON)
    assert len(read) == 23
    await served.api.sparks.refresh(NOON + 60)
    assert read[23:] == [NOON - 3_600]
    await served.api.sparks.refresh(NOON + 3_600)
    assert read[24:] == [NOON, NOON - 3_600] or read[24:] == [NOON]


# -- one token -------------------------------------------------------------------------------------
@on_both_engines
async def test_a_token_has_figures_of_its_own_history_with_their_coverage(
    served: Served, history: AsyncEngine
) -> None:
    listed, now = row(1)["id"], T0 + 40 * 86_400
    seven, thirty = now - 7 * 86_400, now // 86_400 * 86_400 - 30 * 86_400
    chain, address = listed.split(":")
    before = (await served.client.get(f"/tokens/{chain}/{address}")).json()
    await record(
        history,
        {
            "1h": hours(1, row(1)["price"] / 2, until=seven),
            "1d": {(1, thirty): candle(thirty, row(1)["price"] * 2)},
        },
        tokens=[token_row(1, "x", id=listed, cap_high=5e6, cap_high_ms=MS0 + 5)],
        at_ms=now * 1000,
    )

    answer = (await served.client.get(f"/tokens/{chain}/{address}")).json()

    assert "history" not in before  # nor is "nothing" kept
    own = answer["history"]
    assert (own["price_change_7d"]["value"], own["price_change_30d"]["value"]) == (100.0, -50.0)
    assert own["price_change_7d"]["coverage"]["tier"] == "1d"
    assert own["price_change_7d"]["coverage"]["to_ms"] == now * 1000
    assert (own["highest_market_cap"]["value"], own["highest_market_cap"]["at_ms"]) == (
        5e6,
        MS0 + 5,
    )
    assert own["highest_market_cap"]["coverage"]["from_ms"] == MS0


async def test_a_sources_own_figure_goes_before_ours(
    writer: Writer, history: AsyncEngine, start: Start, history_url: str
) -> None:
    await writer.begin()
    await writer.commit([{**row(1), "price_change_7d": 12.5}])
    served = await start(history_url=history_url)
    now = T0 + 8 * 86_400
    await record(
        history,
        {"1h": hours(1, row(1)["price"] / 2, until=now - 7 * 86_400)},
        tokens=[token_row(1, "x", id=row(1)["id"])],
        at_ms=now * 1000,
    )

    answer = await served.client.get("/tokens/" + row(1)["id"].replace(":", "/"))

    own = answer.json()["history"]["price_change_7d"]
    assert (own["value"], own["preferred"]) == (100.0, 12.5)


@pytest.mark.usefixtures("recorded")
@on_both_engines
async def test_a_removed_token_is_410_with_its_last_row(served: Served) -> None:
    gone = await served.client.get("/tokens/solana/B")
    candles = (await served.client.get("/tokens/solana/B/candles?interval=1h&limit=13")).json()
    never = await served.client.get("/tokens/solana/Z")

    problem = gone.json()
    assert (gone.status_code, problem["code"]) == (410, "gone")
    assert gone.headers["content-type"] == "application/problem+json"
    assert problem["gone_ms"] == MS0 + DAY
    assert problem["token"] == {"id": "solana:B", "token_ticker": "B", "created_ms": MS0 + 2}
    assert candles["to_ms"] == MS0 + DAY + HOUR  # of a token that is gone the last ones
    assert (never.status_code, never.json()["code"]) == (404, "unknown_token")


# -- off, down, behind -----------------------------------------------------------------------------
PAST = ("/tokens/solana/A/candles", "/tokens/solana/A/alerts", f"/history/discover?at_ms={MS0}")


async def test_without_a_history_only_its_own_endpoints_are_503(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    served = await start()

    past = [await served.client.get(path) for path in PAST]
    page = await served.client.get("/discover?spark=24h")
    token = await served.client.get("/tokens/" + row(1)["id"].replace(":", "/"))
    health = (await served.client.get("/health")).json()

    assert {(answer.status_code, answer.json()["code"]) for answer in past} == {
        (503, "history_off")
    }
    assert "retry-after" in past[0].headers
    assert (page.status_code, "spark" in page.json()["tokens"][0]) == (200, False)
    assert (token.status_code, "history" in token.json()) == (200, False)
    assert health["history"] == {"state": "off"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no database file, or it cannot be opened"),
        (b"no database at all", "the file is no SQLite database"),
        (b"", "the database has no tables yet: the recorder makes them"),
    ],
)
async def test_a_database_that_fails_is_named_and_harms_nobody_else(
    writer: Writer, start: Start, tmp_path: Path, content: bytes | None, why: str
) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    if content is not None:
        (tmp_path / "broken.sqlite").write_bytes(content)
    served = await start(history_url=f"sqlite:///{tmp_path}/broken.sqlite")

    past = [await served.client.get(path) for path in PAST]
    page = await served.client.get("/discover?spark=24h")
    token = await served.client.get("/tokens/" + row(1)["id"].replace(":", "/"))
    gone = await served.client.get("/tokens/solana/Z")
    health = (await served.client.get("/health")).json()

    assert {(answer.status_code, answer.json()["code"]) for answer in past} == {
        (503, "history_down")
    }
    assert why in past[0].json()["detail"]
    assert (page.status_code, token.status_code, gone.status_code) == (200, 200, 404)
    assert health["history"] == {"state": "down", "why": why}


async def test_a_database_that_comes_back_is_read_again(
    start: Start, history: AsyncEngine, history_url: str, writer: Writer
) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    await record(history, tokens=[token_row(1, "A")], at_ms=MS0 + HOUR)
    served = await start(history_url=history_url)
    async with history.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE position RENAME TO away")
    assert (await served.client.get(PAST[0])).status_code == 503
    async with history.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE away RENAME TO position")

    async def is_back() -> bool:
        return (await served.client.get(PAST[0])).status_code == 200

    await eventually(is_back, timeout_s=10)


async def read_for(past: History, seconds: float, *, timeout_s: float = ANSWER_S) -> str:
    """Return how a read goes that takes so long: `ok`, or what it is refused for."""
    try:
        async with past.reading(timeout_s):
            await asyncio.sleep(seconds)
    except Problem as problem:
        return problem.detail
    return "ok"


async def test_a_slow_read_is_refused_alone(history_url: str) -> None:
    past = History(history_url)

    slow = await read_for(past, 60, timeout_s=0.05)

    assert slow == "the history cannot be read now: the database does not answer"
    assert (past.why_down, await read_for(past, 0)) == ("", "ok")


async def test_a_database_that_answers_nobody_is_not_waited_for_again(history_url: str) -> None:
    past = History(history_url)

    slow = await asyncio.gather(*[read_for(past, 60) for _ in range(3)])
    started = time.monotonic()
    next_ = await read_for(past, 60)

    assert {*slow, next_} == {"the history cannot be read now: the database does not answer"}
    assert past.why_down == "the database does not answer"
    assert time.monotonic() - started < ANSWER_S / 2


async def test_an_address_that_no_driver_understands_is_down_and_ends_nothing() -> None:
    past = History("mysql://db/history")

    found = [await read_for(past, 0) for _ in range(2)]

    wrong = "HISTORY_URL: must begin with sqlite:// or postgresql://"
    assert set(found) == {f"the history cannot be read now: {wrong}"}
    await past.close()


def test_nothing_waits_at_its_start_for_the_import_of_the_database() -> None:
    """SQLAlchemy's import takes 0.2 s, the recorder's whole time to be ready is 0.7."""
    modules = ("services.api.app", "services.fetcher.app", "dexwire.server.up.command")
    code = f"import sys, {', '.join(modules)}; print('sqlalchemy' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)

    assert done.stdout == b"False\n"


@pytest.mark.usefixtures("recorded")
@on_both_engines
async def test_health_says_how_far_and_how_much_is_recorded(served: Served) -> None:
    behind = (await served.client.get("/health")).json()["history"]

    assert behind["state"] == "behind"
    assert "the recorder wrote last" in behind["why"]
    assert behind["position"] == {"epoch": "e1", "version": 1, "at_ms": MS0 + DAY}
    assert behind["bytes"] > 4_096


async def test_a_recorder_that_writes_is_well(served: Served, history: AsyncEngine) -> None:
    await record(history, at_ms=int(time.time() * 1000))

    assert (await served.client.get("/health")).json()["history"]["state"] == "ok"
