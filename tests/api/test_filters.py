"""The filters of `/discover`: exact, combinable, honest about what is unknown."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from dexwire.stream.figures import (
    AGES,
    FACTS,
    FIGURES,
    FLAGS,
    MARKS,
    SIGNED,
    STAGES,
    WINDOWED_FIGURES,
)
from dexwire.stream.topics import SORTS
from dexwire.stream.trending import score_of
from services.api.discover.query import parse_discover
from shared.model import RANKED, WINDOWED, WINDOWS, metric_of
from tests.testkit.api import Start, problem_of
from tests.testkit.commits import Writer, row

CHAINS = ("solana", "base", "ethereum")
PROTOCOLS = ("raydium", "pump.fun", "uniswap", "Orca")
SOURCES = ("dexscreener", "jupiter", "geckoterminal", "ingest:mybot")
LAUNCHPADS = ("pump.fun", "Moonshot", "believe")
NAMES = ("Pepe Coin", "Baby Pepe", "Dog wif hat", "狗狗币 coin", "COIN", None)
TICKERS = ("PEPE", "$PEPE", "WIF", "COIN", "B.O.B", None)
BOUNDS = ("0", "1", "2.5", "50", "1000", "0.0005")
Rng = random.Random


def made_up(rng: Rng, number: int) -> dict[str, Any]:
    """A row in which everything may be unknown, and many figures are equal."""
    made = row(number, chain=rng.choice(CHAINS))
    for figure in FIGURES:
        for name in fields_of(figure):
            made[name] = rng.choice((0, 1, 2.5, 1_000, rng.randrange(100), rng.random() / 1_000))
            if figure in SIGNED and rng.random() < 0.4:
                made[name] = -made[name]
    made["transactions_5m"] = rng.randrange(5)
    for field in AGES.values():
        made[field] = row(0)["created_ms"] + rng.randrange(-200, 200) * 30_000
    made |= {fact: rng.random() < 0.5 for fact in (*FACTS, "stale")}
    made["flags"] = rng.sample(FLAGS, rng.randint(1, 3))
    made["stage"], made["launchpad"] = rng.choice(STAGES), rng.choice(LAUNCHPADS)
    made["protocol"] = rng.choice(PROTOCOLS)
    made["sources"] = rng.sample(SOURCES, rng.randint(1, 3))
    made["token_name"], made["token_ticker"] = rng.choice(NAMES), rng.choice(TICKERS)
    dropped = rng.sample(sorted(made), rng.randrange(30))
    kept = {"id", "token_address", "chain", "sources", "observed_ms"}
    return {k: v for k, v in made.items() if v is not None and (k in kept or k not in dropped)}


def fields_of(figure: str) -> list[str]:
    if figure in AGES:
        return []
    windowed = figure in WINDOWED_FIGURES
    return [f"{figure}_{window}" for window in WINDOWS] if windowed else [figure]


def random_query(rng: Rng) -> dict[str, str]:
    sort = rng.choice(SORTS)
    query = {"sort": sort, "order": rng.choice(("asc", "desc")), "limit": "100"}
    for figure in rng.sample(FIGURES, rng.randrange(4)):
        for end in rng.sample(("min", "max"), rng.randint(1, 2)):
            bounds = ("0", "30", "60.5", "1500000") if figure in AGES else BOUNDS
            sign = "-" if figure in SIGNED and rng.random() < 0.8 else ""
            query[f"{end}_{figure}"] = sign + rng.choice(bounds)
    optional: dict[str, Callable[[], str]] = {
        "chain": lambda: rng.choice((*CHAINS, "nowhere")),
        "protocol": lambda: rng.choice((*PROTOCOLS, "RAYDIUM", "nothing")),
        "source": lambda: rng.choice((*SOURCES, "ingest:other")),
        "q": lambda: rng.choice(("pepe", "PEPE", "$pep", "c", "coin pe", "狗", "Token00007", "zz")),
        "has": lambda: ",".join(rng.sample(MARKS, rng.randint(1, 2))),
        "not": lambda: ",".join(rng.sample(MARKS, rng.randint(1, 3))),
        "stage": lambda: ",".join(rng.sample(STAGES, rng.randint(1, 2))),
        "launchpad": lambda: rng.choice((*LAUNCHPADS, "PUMP.FUN", "nothing")),
    }
    for name in rng.sample(sorted(optional), rng.randrange(3)):
        query[name] = optional[name]()
    windowed = sort in WINDOWED or any(name[4:] in WINDOWED_FIGURES for name in query)
    if windowed and rng.random() < 0.7:
        query["window"] = rng.choice(WINDOWS)
    return query


def passes(made: dict[str, Any], query: dict[str, str], as_of_ms: int) -> bool:
    """The oracle: what the documents say, row by row."""
    window = query.get("window", "24h")
    for figure in {name[4:] for name in query if name.startswith(("min_", "max_"))}:
        low, high = query.get(f"min_{figure}"), query.get(f"max_{figure}")
        value = value_of(made, figure, window, as_of_ms)
        if value is None:
            return False
        if (low and value < float(low)) or (high and value > float(high)):
            return False
    true = {*made.get("flags", ()), *(fact for fact in FACTS if made.get(fact))}
    if "has" in query and not true.issuperset(query["has"].split(",")):
        return False
    if "not" in query and not true.isdisjoint(query["not"].split(",")):
        return False
    if "stage" in query and made.get("stage", "unknown") not in query["stage"].split(","):
        return False
    for name in ("protocol", "launchpad"):
        if name in query and made.get(name, "").lower() != query[name].lower():
            return False
    if "source" in query and query["source"] not in made["sources"]:
        return False
    if query.get("chain", made["chain"]) != made["chain"]:
        return False
    return "q" not in query or is_named(made, query["q"])


def value_of(made: dict[str, Any], figure: str, window: str, as_of_ms: int) -> float | None:
    if figure not in AGES:
        return made.get(f"{figure}_{window}" if figure in WINDOWED_FIGURES else figure)
    at = made.get(AGES[figure])
    return None if at is None else max(0, as_of_ms - at) / 60_000


def score(made: dict[str, Any], query: dict[str, str]) -> float | None:
    """What a row is ordered by; None: it is not in the list."""
    window = query.get("window", "24h")
    if query["sort"] == "trending":
        return score_of(made, window) or None
    return made.get(RANKED[metric_of(query["sort"], window)])


def is_named(made: dict[str, Any], text: str) -> bool:
    if text == made["token_address"]:
        return True
    ticker = made.get("token_ticker", "").lower().lstrip("$")
    name = made.get("token_name", "").lower()
    words = {*name.split(), ticker, *ticker.split(".")}
    return all(
        any(word.startswith(wanted.lstrip("$")) for word in words)
        for wanted in text.lower().split()
    )


async def test_2000_random_queries_equal_a_brute_force_over_the_whole_store(
    writer: Writer, start: Start
) -> None:
    rng = random.Random(20_260)
    await writer.begin()
    await writer.commit(made_up(rng, n) for n in range(150))
    served = await start()
    differences: list[tuple[dict[str, str], list[str], list[str]]] = []
    found_in_all = 0
    for round_ in range(20):
        changed = [made_up(rng, rng.randrange(200)) for _ in range(10)]
        fresh = {made["id"]: made for made in changed}  # as whole rows: removed and added
        gone = [i for i in fresh if i in writer.ledger.fields]
        gone += rng.sample(sorted(writer.ledger.fields.keys() - fresh.keys()), 3)
        await writer.commit(remove=gone)
        renamed = min(writer.ledger.fields)
        new_names = {"id": renamed, "token_name": f"Coin {round_}", "token_ticker": None}
        version = await writer.commit([*fresh.values(), new_names])
        await served.follows(version)
        stored = [served.api.live.replica.rows[i] for i in served.api.live.replica.rows]
        everything = [decoded(raw) for raw in stored]
        for number in range(100):
            query = random_query(rng)
            page = (await served.client.get("/discover", params=query)).json()
            expected = sorted(
                (
                    (value, made["id"])
                    for made in everything
                    if passes(made, query, page["as_of_ms"])
                    and (value := score(made, query)) is not None
                ),
                reverse=query["order"] == "desc",
            )
            wanted = [token_id for _, token_id in expected]
            shown = [token["id"] for token in page["tokens"]]
            found_in_all += len(shown)
            if shown != wanted[:100] or page["total"] != len(wanted):
                differences.append((query, shown, wanted))
            if number % 10 == 0:
                count = (
                    await served.client.get("/discover", params={**query, "limit": "0"})
                ).json()
                assert (count["total"], count["tokens"]) == (len(wanted), [])

    assert differences == []
    assert found_in_all > 5_000  # most queries find something


def decoded(raw: bytes) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(raw)
    return made


async def test_a_walk_of_a_filtered_list_shows_each_token_once_and_misses_none(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    served = await start()
    await served.follows(await writer.commit([row(n, protocol="orca") for n in range(40)]))
    query = {"protocol": "ORCA", "min_liquidity": "1", "limit": "6"}

    page = (await served.client.get("/discover", params=query)).json()
    shown = [token["id"] for token in page["tokens"]]
    step = 0
    while page["nextCursor"]:
        step += 1
        mixed = {"id": row(39 - step)["id"], "volume_24h": 2_000_000 + step}  # climbs to the top
        leaves = {"id": row(20 + step)["id"], "liquidity": 0.5}  # passes the filter no longer
        joins = row(100 + step, protocol="raydium")
        await served.follows(await writer.commit([mixed, leaves, joins]))
        page = (
            await served.client.get("/discover", params={**query, "cursor": page["nextCursor"]})
        ).json()
        shown += [token["id"] for token in page["tokens"]]
        assert all(token["liquidity"] >= 1 for token in page["tokens"])

    there_all_the_time = {row(n)["id"] for n in range(40)} - {
        row(20 + n)["id"] for n in range(1, step + 1)
    }
    assert len(shown) == len(set(shown))
    assert there_all_the_time <= set(shown)


async def test_a_cursor_is_bound_to_its_filters(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([row(n) for n in range(9)])
    served = await start()
    page = (await served.client.get("/discover?min_price=1&limit=3")).json()

    for query in ("min_price=1.2", "max_price=9", "min_price=1&q=token", ""):
        other = await served.client.get(f"/discover?{query}&cursor={page['nextCursor']}")
        assert (other.status_code, other.json()["code"]) == (400, "bad_cursor")
    same = await served.client.get(f"/discover?min_price=1.0&cursor={page['nextCursor']}")
    assert same.status_code == 200


async def test_age_is_counted_to_the_time_of_the_page_itself(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    served = await start()
    as_of_ms = (await served.client.get("/discover")).json()["as_of_ms"]
    future = row(2, created_ms=as_of_ms + 10**9)
    unknown = {k: v for k, v in row(3).items() if k != "created_ms"}
    await served.follows(await writer.commit([future, unknown]))

    async def total(query: str) -> int:
        return int((await served.client.get(f"/discover?{query}")).json()["total"])

    assert await total("min_age_minutes=0") == 2
    assert await total("max_age_minutes=0") == 1
    assert await total("min_age_minutes=0.001") == 1


@pytest.mark.parametrize(
    ("query_string", "code", "param"),
    [
        *(
            (b"min_price=" + text, "bad_number", "min_price")
            for text in (
                b"", b"-1", b"+5", b"%2B5", b"1e2", b"%205", b"5%20", b"1_0", b".5", b"5.", b"nan",
                b"inf", b"0x10", b"%EF%BC%95", b"%D9%A1", b"9" * 16, b"1." + b"0" * 31, b"1,5",
            )
        ),
        (b"max_price_change=--1", "bad_number", "max_price_change"),
        (b"max_age_minutes=-1", "bad_number", "max_age_minutes"),
        (b"min_stars=1", "unknown_parameter", "min_stars"),
        (b"max_net_buyers=+1", "bad_number", "max_net_buyers"),
        (b"min_holders=-1", "bad_number", "min_holders"),
        (b"has=", "bad_has", "has"),
        (b"has=safe", "bad_has", "has"),
        (b"has=verified,", "bad_has", "has"),
        (b"not=drained,%20thin", "bad_not", "not"),
        (b"stage=Curve", "bad_stage", "stage"),
        (b"launchpad=", "bad_launchpad", "launchpad"),
        (b"explain=1", "bad_explain", "explain"),
        (b"sort=trending&explain=yes", "bad_explain", "explain"),
        (b"limit=0&cursor=20", "bad_limit", "limit"),
        (b"sort=holders&window=1h", "bad_window", "window"),
        (b"min_price=1&min_price=1", "repeated_parameter", "min_price"),
        (b"protocol=", "bad_protocol", "protocol"),
        (b"protocol=" + b"x" * 129, "bad_protocol", "protocol"),
        (b"source=Jupiter", "bad_source", "source"),
        (b"source=ingest:", "bad_source", "source"),
        (b"q=", "bad_q", "q"),
        (b"q=%E2%80%8B%20", "bad_q", "q"),
        (b"q=" + b"x" * 321, "bad_q", "q"),
        (b"q=" + b"x+" * 17, "bad_q", "q"),
        (b"sort=liquidity&window=5m&min_price=1", "bad_window", "window"),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_400_and_named(query_string: bytes, code: str, param: str) -> None:
    problem = problem_of(query_string)

    assert problem is not None
    assert (problem.status, problem.code, problem.param) == (400, code, param)
    assert len(problem.body()) < 1_024


def test_a_filter_of_a_windowed_figure_makes_a_window_meaningful_for_any_sort() -> None:
    query = parse_discover(b"sort=liquidity&window=5m&min_volume=1")

    assert query.window == "-"
    assert [bound.column for bound in query.filters.bounds] == ["volume_5m"]
    default = parse_discover(urlencode({"sort": "newest", "max_price_change": "-5"}).encode())
    assert [bound.column for bound in default.filters.bounds] == ["price_change_24h"]
