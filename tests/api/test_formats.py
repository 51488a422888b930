"""Tables as JSON, CSV or NDJSON: what `Accept` prefers, what a cell may hold, what is cached."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api import formats
from services.api.formats import preferred, wanted_format
from tests.testkit.api import Start
from tests.testkit.commits import Writer, row
from tests.testkit.wait import eventually

CSV = {"accept": "text/csv"}
NDJSON = {"accept": "application/x-ndjson"}
FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.mark.parametrize(
    ("accept", "fmt"),
    [
        (b"", "json"),
        (b"*/*", "json"),
        (b"text/csv", "csv"),
        (b"TEXT/CSV", "csv"),
        (b"text/csv; charset=utf-8; header=present", "csv"),
        (b"text/*", "csv"),
        (b"application/x-ndjson", "ndjson"),
        (b"application/*", "json"),
        (b"application/json;q=0.5, text/csv", "csv"),
        (b"application/json;q=0.5, text/csv;q=0.4", "json"),
        (b"text/csv;q=0.5, */*;q=0.1", "csv"),
        (b"text/csv;q=0, */*", "json"),
        (b"application/json;q=0, */*", "csv"),
        (b"application/*;q=0.2, application/x-ndjson;q=0.9, text/csv;q=0.8", "ndjson"),
        (b"text/csv ; Q=1.000 , application/json ; q=0.999", "csv"),
        # A browser's own.
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        # Nothing that is here: JSON, as for requests of any other kind.
        (b"application/xml", "json"),
        (b"application/json;q=0", "json"),
        # No media range, no quality: as if it were not there.
        (b"csv", "json"),
        (b"text/", "json"),
        (b"text/csv;q=2", "json"),
        (b"text/csv;q=nan", "json"),
        (b",;,/", "json"),
    ],
)
def test_the_format_is_what_accept_prefers(accept: bytes, fmt: str) -> None:
    assert preferred(accept) == fmt


def test_a_header_that_is_there_twice_is_one_list() -> None:
    headers = [(b"accept", b"application/json;q=0.1"), (b"host", b"x"), (b"accept", b"text/csv")]

    assert wanted_format(headers) == "csv"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (b'"PEPE"', "PEPE"),
        (b'"a, \\"b\\""', '"a, ""b"""'),
        (b'"=1+1"', "'=1+1"),
        (b'"@SUM(A1)"', "'@SUM(A1)"),
        (b'" \\t-2"', "\"' \t'-2\""),
        (b'"\\uff1dcmd"', "'\uff1dcmd"),
        # Excel of a language with decimal commas splits here.
        (b'"x;=HYPERLINK(1)"', '"x;\'=HYPERLINK(1)"'),
        (b"-12.5", "-12.5"),
        (b"1.0e-7", "1.0e-7"),
        (b"true", "true"),
        (b"null", ""),
        (b"[]", ""),
        (b'["dexscreener","jupiter"]', '"dexscreener;jupiter"'),
        (b"[1.5,null,2]", '"1.5;;2"'),
        (b'{"count":2,"oldest":true}', '"{""count"":2,""oldest"":true}"'),
    ],
)
def test_a_cell_holds_its_value_and_never_a_formula(value: bytes, cell: str) -> None:
    assert formats.csv(["x"], [{"x": value}]) == f"x\r\n{cell}\r\n".encode()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_text_comes_back_from_csv_without_what_disarms_it(text: str) -> None:
    table = formats.csv(["x", "y"], [{"x": json.dumps(text).encode(), "y": b"1"}]).decode()

    [(cell, one)] = list(csv.reader(io.StringIO(table, newline="")))[1:]
    assert one == "1"
    assert cell.replace("'", "") == text.replace("'", "")
    assert not any(part.lstrip().startswith(FORMULAS) for part in cell.split(";"))


async def test_a_page_of_csv_has_the_values_of_the_page_of_json(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    rows = [{**row(n), "token_name": f'=HYPERLINK("//{n}")', "flags": ["thin"]} for n in range(3)]
    version = await writer.commit(rows)
    served = await start()
    page = (await served.client.get("/discover?limit=2")).json()

    answer = await served.client.get("/discover?limit=2", headers=CSV)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    table = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [line["id"] for line in table] == [token["id"] for token in page["tokens"]]
    assert [float(line["volume_24h"]) for line in table] == [
        token["volume_24h"] for token in page["tokens"]
    ]
    assert [line["token_name"] for line in table] == [
        '\'=HYPERLINK("//0")',
        '\'=HYPERLINK("//1")',
    ]
    assert [line["flags"] for line in table] == ["thin", "thin"]
    state = {n: v for n, v in answer.headers.items() if n.startswith("x-dexwire-")}
    assert state.pop("x-dexwire-next-cursor")
    assert state == {
        "x-dexwire-epoch": "e1",
        "x-dexwire-version": str(version),
        "x-dexwire-as-of-ms": str(page["as_of_ms"]),
        "x-dexwire-total": "3",
    }


async def test_a_walk_in_ndjson_has_every_row_of_json_once(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([row(n) for n in range(7)])
    served = await start()
    tokens = (await served.client.get("/discover?limit=100")).json()["tokens"]

    walked, query = [], "limit=3"
    while query:
        answer = await served.client.get(f"/discover?{query}", headers=NDJSON)
        walked += [json.loads(line) for line in answer.content.splitlines()]
        cursor = answer.headers.get("x-dexwire-next-cursor")
        query = f"limit=3&cursor={cursor}" if cursor else ""

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert walked == tokens


async def test_each_format_is_cached_and_tagged_by_itself(writer: Writer, start: Start) -> None:
    await writer.begin()
    served = await start()
    await served.follows(await writer.commit([row(n) for n in range(3)]))
    await writer.heartbeat()
    await eventually(lambda: served.api.live.stamp)
    get = served.client.get

    plain, lines, table = [await get("/discover", headers=h) for h in ({}, NDJSON, CSV)]
    tags = [answer.headers["etag"] for answer in (plain, lines, table)]
    reads = served.api.counts.page_reads
    same = await get("/discover", headers={**CSV, "if-none-match": tags[2]})
    other = await get("/discover", headers={**CSV, "if-none-match": f"{tags[0]}, {tags[1]}"})
    again = [await get("/discover", headers=h) for h in ({}, NDJSON, CSV)]

    assert len(set(tags)) == 3
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tags[2])
    assert other.content == table.content
    assert [answer.content for answer in again] == [plain.content, lines.content, table.content]
    assert served.api.counts.page_reads == reads == 3
    for answer in (plain, lines, table, same):
        assert answer.headers["vary"] == "accept"


async def test_a_count_and_a_problem_have_no_rows_in_any_format(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    await writer.commit([row(n) for n in range(3)])
    served = await start()

    count = await served.client.get("/tokens?limit=0", headers=CSV)
    wrong = await served.client.get("/discover?sort=best", headers=CSV)

    assert count.text.startswith("id,token_address,chain,")
    assert (count.text.count("\r\n"), count.headers["x-dexwire-total"]) == (1, "3")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_sort")
