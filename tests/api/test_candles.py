"""`GET /tokens/{chain}/{address}/candles` and `…/alerts`: what was recorded of one token."""

from __future__ import annotations

import csv
import io
import json

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.history import write
from tests.testkit.api import Served, Start
from tests.testkit.commits import Writer, row
from tests.testkit.history import MS0, T0, candle, minutes, record, token_row
from tests.testkit.postgres import on_both_engines

MINUTE = 60_000
HERE = "/tokens/solana/A/candles"


@pytest.fixture
async def served(writer: Writer, start: Start, history_url: str) -> Served:
    await writer.begin()
    version = await writer.commit([row(1), row(2)])
    served = await start(history_url=history_url)
    await served.follows(version)
    return served


@on_both_engines
async def test_five_minutes_are_made_of_the_minutes_that_were_seen(
    served: Served, history: AsyncEngine
) -> None:
    await record(
        history,
        {"1m": minutes(1, 0, 1, 2, 7, volume_5m=50.0, liquidity=9.0)},
        tokens=[token_row(1, "A")],
        hot=[1],
        at_ms=MS0 + 10 * MINUTE,
    )

    answer = await served.client.get(f"{HERE}?limit=2")

    assert answer.status_code == 200
    page = answer.json()
    assert list(page) == [
        *("basis", "token", "interval", "from_ms", "to_ms", "volume_basis", "coverage"),
        *("candles", "gaps"),
    ]
    assert (page["basis"], page["token"], page["interval"]) == ("sampled", "solana:A", "5m")
    assert (page["from_ms"], page["to_ms"]) == (MS0, MS0 + 10 * MINUTE)
    assert page["volume_basis"] == "trailing_5m"
    assert page["coverage"] == {
        "from_ms": MS0,
        "to_ms": MS0 + 10 * MINUTE,
        "tier": "1m",
        "share": 1.0,
    }
    first, second = page["candles"]
    assert {name: first[name] for name in "ohlcn"} == {"o": 1, "h": 3, "l": 1, "c": 3, "n": 3}
    assert (first["t"], first["closed"], first["kind"], first["by"]) == (
        MS0,
        True,
        "seen",
        "jupiter",
    )
    assert (first["mixed"], first["cover"], first["liquidity"]) == (False, 0.6, 9.0)
    assert "volume" not in first  # the last look was two minutes before the close
    assert (second["t"], second["o"], second["c"]) == (MS0 + 5 * MINUTE, 8.0, 8.0)
    assert page["gaps"] == []


@on_both_engines
async def test_what_is_missing_is_named_and_filled_only_on_request(
    served: Served, history: AsyncEngine
) -> None:
    await record(
        history,
        {"1m": minutes(1, 0, 4)},
        tokens=[token_row(1, "A")],
        hot=[1],
        gaps=[{"source": "", "from_ms": MS0 + 2 * MINUTE, "to_ms": MS0 + 3 * MINUTE, "why": "x"}],
        at_ms=MS0 + 5 * MINUTE,
    )
    query = f"{HERE}?interval=1m&from={MS0}"

    plain = (await served.client.get(query)).json()
    filled = (await served.client.get(f"{query}&fill=previous")).json()

    assert [(g["kind"], (g["from_ms"] - MS0) // MINUTE) for g in plain["gaps"]] == [
        ("unseen", 1),
        ("outage", 2),
        ("unseen", 3),
    ]
    assert [c["t"] for c in plain["candles"]] == [MS0, MS0 + 4 * MINUTE]
    assert [(c["kind"], c["n"], c["c"]) for c in filled["candles"]] == [
        ("seen", 1, 1.0),
        ("filled", 0, 1.0),
        ("filled", 0, 1.0),
        ("filled", 0, 1.0),
        ("seen", 1, 5.0),
    ]
    assert filled["gaps"] == plain["gaps"]


async def test_candles_come_as_csv_and_as_lines_too(served: Served, history: AsyncEngine) -> None:
    await record(
        history,
        {
            "1h": {
                (1, T0): candle(T0, 2.0, cover_ms=3_600_000, volume_1h=7.0, last_ms=MS0 + 3_590_000)
            }
        },
        tokens=[token_row(1, "A")],
        at_ms=MS0 + 3_600_000,
    )
    url = f"{HERE}?interval=1h&limit=1"

    page = (await served.client.get(url)).json()
    table = await served.client.get(url, headers={"accept": "text/csv"})
    lines = await served.client.get(url, headers={"accept": "application/x-ndjson"})
    same = await served.client.get(
        url, headers={"if-none-match": table.headers["etag"], "accept": "text/csv"}
    )

    assert [json.loads(line) for line in lines.text.splitlines()] == page["candles"]
    [cells] = csv.DictReader(io.StringIO(table.text))
    assert (cells["t"], cells["c"], cells["volume"], cells["market_cap"]) == (
        str(MS0),
        "2.0",
        "7.0",
        "",
    )
    assert table.headers["x-dexwire-basis"] == "sampled"
    assert table.headers["x-dexwire-volume-basis"] == "trailing_1h"
    assert table.headers["vary"] == "accept"
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("interval=2m", "bad_interval", "interval"),
        ("limit=0", "bad_limit", "limit"),
        ("limit=1001", "bad_limit", "limit"),
        ("limit=1e2", "bad_limit", "limit"),
        ("fill=zero", "bad_fill", "fill"),
        ("from=1795768390", "bad_from", "from"),  # seconds
        ("from=0", "bad_from", "from"),
        ("from=-1", "bad_from", "from"),
        ("to=now", "bad_to", "to"),
        ("from=1795768390123&to=1795768390123", "bad_from", "from"),
        ("period=5m", "unknown_parameter", "period"),
        ("limit=5&limit=6", "repeated_parameter", "limit"),
    ],
)
async def test_a_wrong_query_names_the_parameter(
    served: Served, query: str, code: str, param: str
) -> None:
    answer = await served.client.get(f"{HERE}?{query}")

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["param"]) == (400, code, param)


async def test_a_listed_token_without_a_record_has_no_candles_and_an_unknown_one_is_404(
    served: Served, history: AsyncEngine
) -> None:
    await record(history)
    listed = row(1)["token_address"]

    fresh = await served.client.get(f"/tokens/solana/{listed}/candles")
    unknown = await served.client.get(HERE)
    alerts = await served.client.get(f"/tokens/solana/{listed}/alerts")

    assert fresh.status_code == 200
    assert (fresh.json()["coverage"], fresh.json()["candles"]) == (None, [])
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_token")
    assert alerts.json() == {"alerts": [], "coverage": None}


@on_both_engines
async def test_alerts_are_as_on_the_stream_with_their_time_oldest_first(
    served: Served, history: AsyncEngine
) -> None:
    await record(history, tokens=[token_row(1, "A")], at_ms=MS0 + 5_000)
    body = b'{"i":"1.1","type":"listed","id":"solana:A"}'
    async with history.begin() as connection:
        await write.put_alerts(
            connection,
            [
                {
                    "token_key": 1,
                    "at_ms": MS0 + n,
                    "id": f"e1:{n}.1",
                    "kind": "listed",
                    "body": body,
                }
                for n in (1, 2, 3)
            ],
        )

    newest = (await served.client.get("/tokens/solana/A/alerts?limit=2")).json()
    early = (await served.client.get(f"/tokens/solana/A/alerts?to={MS0 + 2}")).json()

    assert newest == {
        "alerts": [
            {"i": "1.1", "type": "listed", "id": "solana:A", "at_ms": MS0 + 2},
            {"i": "1.1", "type": "listed", "id": "solana:A", "at_ms": MS0 + 3},
        ],
        "coverage": {"from_ms": MS0, "to_ms": MS0 + 5_000},
    }
    assert [alert["at_ms"] for alert in early["alerts"]] == [MS0 + 1]


async def test_the_cost_of_an_address_is_bounded(
    history: AsyncEngine, start: Start, history_url: str
) -> None:
    await record(history, tokens=[token_row(1, "A")])
    served = await start(history_url=history_url, api_cost_pct=0.1)

    answers = [await served.client.get(f"{HERE}?interval=15m&limit=1000") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert answers[1].json()["code"] == "rate"
    assert int(answers[1].headers["retry-after"]) >= 1
