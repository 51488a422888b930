"""docs/COMING_FROM.md row by row: what other systems call it answers here, or says what to use."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from dexwire.server.asyncapi import asyncapi
from dexwire.server.config import complaints, read_config
from dexwire.server.look_alikes import NOT_NEEDED, OF_OTHERS
from services.api.discover import aliases
from services.api.documents.schemas import Page, QuotedRow
from services.api.hints import misspelt
from services.ws.core.topics import parse_topic
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.api import Consumer, Start, consume
from tests.testkit.commits import Writer, row
from tests.testkit.process import ROOT
from tests.testkit.wait import eventually

TEXT = (ROOT / "docs/COMING_FROM.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (\w+) \| `([^`]+)` \|(?: `([^`]+)`)? \| (.*)\|$", re.MULTILINE)
TABLE = _ROW.findall(TEXT)


def of(*kinds: str) -> list[tuple[str, str]]:
    """What is there and here, in the rows of these kinds."""
    return [(there, here) for kind, there, here, _ in TABLE if kind in kinds]


LISTS = of("route", "parameter", "value")
ALIKE = [(there, here) for there, here in LISTS if here.startswith("GET ")]
REFUSED = [(there, *here.split()) for there, here in LISTS if not here.startswith("GET ")]
POSTS = of("post")
TAKEN = [(there, here) for there, here in POSTS if here == "" or here.startswith('"')]
REJECTED = [(there, here) for there, here in POSTS if here and not here.startswith('"')]


def test_every_row_of_the_table_is_read() -> None:
    assert len(TABLE) == TEXT.count("\n| ") - 2
    assert {kind for kind, *_ in TABLE} == {
        *("route", "parameter", "value", "field", "post", "environment", "event", "room")
    }


# -- queries ---------------------------------------------------------------------------------------
@pytest.fixture
async def rows(writer: Writer) -> None:
    await writer.begin()
    await writer.commit([row(1), row(2), row(3, chain="base")])


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("there", "here"), ALIKE)
async def test_a_query_of_others_is_answered_as_our_own(
    start: Start, there: str, here: str
) -> None:
    served = await start(cursor_secret="0" * 32)

    theirs = await served.client.get(there.removeprefix("GET "))
    ours = await served.client.get(here.removeprefix("GET "))

    assert theirs.status_code == 200
    assert (theirs.content, theirs.headers["etag"]) == (ours.content, ours.headers["etag"])


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("there", "status", "code"), REFUSED)
async def test_what_has_no_equal_here_says_so(
    start: Start, there: str, status: str, code: str
) -> None:
    served = await start()

    answer = await served.client.get(there.removeprefix("GET "))

    assert (answer.status_code, answer.json()["code"]) == (int(status), code)


@pytest.mark.usefixtures("rows")
async def test_both_routes_share_one_cache_and_cursors(writer: Writer, start: Start) -> None:
    served = await start()
    await served.follows(1)
    await writer.heartbeat()
    await eventually(lambda: served.api.live.stamp)
    counts = served.api.app._counts  # type: ignore[attr-defined]

    first = await served.client.get("/discover?sort=market_cap&limit=2")
    again = await served.client.get("/tokens?sortBy=marketCap&pageSize=2")
    cursor = first.json()["nextCursor"]
    second = await served.client.get(f"/tokens?sortBy=mcap&limit=2&cursor={cursor}")

    assert again.content == first.content
    assert (counts.cache_misses, counts.cache_hits) == (1, 1)
    assert [token["id"] for token in second.json()["tokens"]] == ["base:Token00003"]


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("sort=volume&sortBy=volume", "repeated_parameter", "sortBy"),
        ("timeframe=1h&period=1h", "repeated_parameter", "period"),
        ("sortBy=foo", "bad_sort", "sortBy"),
        ("timeframe=7d&sortBy=marketcap", "bad_window", "timeframe"),
        ("sortBy=volume_1h&period=24h", "bad_window", "period"),
        ("minVolume=x", "bad_number", "minVolume"),
        ("offset=-1", "bad_cursor", "offset"),
        ("sort=marketcap&window=1h", "bad_window", "window"),
    ],
)
@pytest.mark.usefixtures("rows")
async def test_an_error_names_what_was_written(
    start: Start, query: str, code: str, param: str
) -> None:
    served = await start()

    answer = await served.client.get(f"/tokens?{query}")

    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["param"]) == (code, param)


def test_every_alias_of_a_parameter_is_documented_or_in_camel_case() -> None:
    plain = {alias for alias in aliases.PARAMETERS if not re.match("(min|max)[A-Z]", alias)}

    assert [alias for alias in sorted(plain) if not re.search(rf"\b{alias}\b", TEXT)] == []


# -- chains ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("chain", "meant"),
    [
        ("solanna", "solana"),
        ("solan", "solana"),
        ("sloana", "solana"),
        ("etherium", "ethereum"),
        ("polgyon", "polygon"),
        ("arbitrun", "arbitrum"),
        ("basee", "base"),
        ("bas", "base"),
        ("solana", None),
        ("newchain", None),
        ("base2", None),
        ("solana-2", None),
        ("btc", None),
        ("tonn", None),
        ("nowhere", None),
        ("xy", None),
    ],
)
def test_only_what_is_spelled_almost_like_a_known_chain_is_misspelt(
    chain: str, meant: str | None
) -> None:
    assert misspelt(chain) == meant


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "path",
    ["/discover?chain=Solanna", "/discover?chain=solanna&min_price=1", "/tokens/solanna/Token1"],
)
async def test_a_misspelt_chain_gets_a_hint(start: Start, path: str) -> None:
    served = await start()
    await served.follows(1)

    answer = await served.client.get(path)

    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["param"]) == ("bad_chain", "chain")
    assert answer.json()["detail"] == "there is no chain 'solanna' here; did you mean solana?"


async def test_a_new_chain_that_has_rows_is_no_misspelling(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([row(1, chain="sonicc")])
    served = await start()
    await served.follows(1)

    found = await served.client.get("/discover?chain=sonicc")
    empty = await served.client.get("/discover?chain=sonicc&min_price=9")
    unknown = await served.client.get("/tokens/sonicc/Nobody")

    assert (found.json()["total"], empty.json()["total"]) == (1, 0)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_token")


# -- posts -----------------------------------------------------------------------------------------
@pytest.fixture
async def consumer(redis: Redis, keys: Keys) -> AsyncIterator[Consumer]:
    async with consume(redis, keys) as consumer:
        yield consumer


def batch(*tokens: str) -> bytes:
    """A batch of tokens, of which each says a price and what is given."""
    listed = ",".join(
        f'{{"token_address":"Abc{n}","price":1.5{"," if t else ""}{t}}}'
        for n, t in enumerate(tokens)
    )
    return b'{"source":"mybot","tokens":[%s]}' % listed.encode()


@pytest.mark.parametrize(("there", "here"), TAKEN)
async def test_a_posted_field_of_others_says_what_ours_says(
    start: Start, consumer: Consumer, there: str, here: str
) -> None:
    served = await start()
    json = {"content-type": "application/json"}

    answer = await served.client.post("/ingest", content=batch(there, here), headers=json)

    assert answer.json()["rejected"] == []
    await eventually(lambda: len(consumer.tokens()) == 2)
    theirs, ours = consumer.tokens()
    assert theirs | {"token_address": "", "observed_ms": 0} == ours | {
        "token_address": "",
        "observed_ms": 0,
    }


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("there", "code"), REJECTED)
async def test_a_posted_field_without_an_equal_is_rejected_by_name(
    start: Start, there: str, code: str
) -> None:
    served = await start()
    await served.follows(1)
    json = {"content-type": "application/json"}

    answer = await served.client.post("/ingest", content=batch(there), headers=json)

    assert [rejection["code"] for rejection in answer.json()["rejected"]] == [code]


# -- fields, environment, stream -------------------------------------------------------------------
@pytest.mark.parametrize(("there", "here"), of("field"))
def test_a_field_has_another_name_in_a_row_or_page(there: str, here: str) -> None:
    ours = {*QuotedRow.__struct_fields__, *Page.__struct_fields__}

    assert (there in ours, here in ours) == (False, True)


@pytest.mark.parametrize(("there", "here"), of("environment"))
def test_a_variable_of_others_is_named_in_one_line_with_ours(
    monkeypatch: pytest.MonkeyPatch, there: str, here: str
) -> None:
    name, _, value = there.partition("=")
    monkeypatch.setenv(name, value)

    (unknown,) = [one for one in read_config().unknown if one.variable == name]
    (line,) = [line for line in complaints(read_config()) if f" {name} " in line]

    assert unknown.meant == here
    assert line == f"dexwire: {name} (environment) is no setting; " + (
        f"did you mean {here}?"
        if here
        else "none is needed: a page is cached until the next commit"
    )


def test_what_other_programs_mean_by_a_variable_is_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOST", "x86_64-conda-linux-gnu")
    monkeypatch.setenv("REDIS_PORT", "tcp://10.0.0.7:6379")

    assert read_config().unknown == []


def test_variables_of_others_mean_settings_that_are_there() -> None:
    known = {setting.variable for setting in read_config().settings}

    assert set(OF_OTHERS.values()) <= known
    assert not known & {*OF_OTHERS, *NOT_NEEDED}


@pytest.mark.parametrize(("there", "here"), of("event"))
def test_an_event_of_others_is_a_message_of_ours(there: str, here: str) -> None:
    names = {message["name"] for message in asyncapi()["components"]["messages"].values()}

    assert here in names, there


@pytest.mark.parametrize(("there", "here"), of("room"))
def test_a_room_of_others_is_a_topic_of_ours(there: str, here: str) -> None:
    assert parse_topic(here).name == here, there
