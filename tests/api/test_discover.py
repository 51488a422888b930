"""`GET /discover`: the live order, its state, its errors (FAULTS, rows 42-51, 57-60)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import cast
from urllib.parse import quote

import pytest

from dexwire.client.ranking import Ranking
from dexwire.stream.rows import Row
from dexwire.stream.topics import SORTS, WINDOWED, WINDOWS
from services.api.settings import ApiSettings
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.api import Start
from tests.testkit.commits import Writer, row
from tests.testkit.wait import eventually

LISTS = [(sort, window) for sort in SORTS for window in (WINDOWS if sort in WINDOWED else (None,))]


async def test_without_parameters_it_is_the_volume_of_24_h_and_20_rows(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    version = await writer.commit([row(n) for n in range(25)])
    served = await start()

    answer = await served.client.get("/discover")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    page = answer.json()
    assert list(page) == ["epoch", "version", "as_of_ms", "tokens", "nextCursor", "total"]
    assert (page["epoch"], page["version"], page["total"]) == ("e1", version, 25)
    assert [t["token_address"] for t in page["tokens"]] == [f"Token{n:05d}" for n in range(20)]
    assert page["tokens"][0]["rv"] == version
    assert page["nextCursor"]


async def test_every_sort_window_and_order_of_all_chains_and_of_one_is_that_of_the_scores(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    rows = [row(n, chain="solana" if n % 3 else "base") for n in range(30)]
    rows[7]["liquidity"] = rows[9]["liquidity"]  # a tie
    for n, made in enumerate(rows):
        made |= {f"traders_{window}": 30 + n for window in WINDOWS}
        made |= {"holders": n % 11, "organic_score": n, "graduation_pct": 90 - n, "graduated_ms": n}
    version = await writer.commit(rows)
    served = await start()
    await served.follows(version)

    scored = cast("list[Row]", rows)
    for sort, window in LISTS:
        score = partial(Ranking.score, Ranking(sort=sort, window=window or "24h"))
        for order in ("desc", "asc"):
            for chain in (None, "solana"):
                given = {"sort": sort, "order": order, "limit": "100"}
                given |= {"window": window} if window else {}
                given |= {"chain": chain} if chain else {}
                page = (await served.client.get("/discover", params=given)).json()
                expected = sorted(
                    (r for r in scored if chain in (None, r["chain"])),
                    key=lambda r: (score(r), r["id"]),
                    reverse=order == "desc",
                )
                assert [t["id"] for t in page["tokens"]] == [r["id"] for r in expected], given
                assert (page["total"], page["nextCursor"]) == (len(expected), None)


async def test_a_chain_page_and_an_all_chains_page_of_one_version_hold_the_same_bytes(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    version = await writer.commit([row(n) for n in range(5)])
    served = await start()
    await served.follows(version)

    of_all = await served.client.get("/discover")
    of_chain = await served.client.get("/discover?chain=solana")

    assert of_all.content == of_chain.content


async def test_a_chain_that_nobody_knows_is_an_empty_list(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    served = await start()

    page = (await served.client.get("/discover?chain=nowhere")).json()

    assert (page["tokens"], page["total"], page["nextCursor"]) == ([], 0, None)


@pytest.mark.parametrize(
    "query",
    [
        "sort=foo",
        "sort=volume&sort=volume",
        "limit=101",
        "cursor=-1",
        "foo=1",
        "sort=%zz",
        "sort=%ff",
    ],
)
async def test_wrong_values_are_problems_that_name_the_parameter(start: Start, query: str) -> None:
    served = await start()

    answer = await served.client.get(f"/discover?{query}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["param"] == query.partition("=")[0]
    assert set(problem) == {"type", "title", "status", "detail", "code", "param"}
    assert len(answer.content) <= 1_024


async def test_an_integer_cursor_is_an_offset_into_the_live_order(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    await writer.commit([row(n) for n in range(25)])
    served = await start()

    middle = (await served.client.get("/discover?cursor=20&limit=3")).json()
    end = (await served.client.get("/discover?cursor=23")).json()

    assert [t["token_address"] for t in middle["tokens"]] == [
        "Token00020",
        "Token00021",
        "Token00022",
    ]
    assert middle["nextCursor"] == "23"
    assert len(end["tokens"]) == 2
    assert end["nextCursor"] is None
    for beyond in ("25", "999999999999999"):
        page = (await served.client.get(f"/discover?cursor={beyond}")).json()
        assert (page["tokens"], page["nextCursor"]) == ([], None)


async def test_head_has_the_headers_and_no_body(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    served = await start()

    got = await served.client.get("/discover")
    head = await served.client.head("/discover")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))


async def test_a_foreign_origin_gets_nothing(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    served = await start(api_origins=("https://app.example.org",))

    foreign = await served.client.get("/discover", headers={"origin": "https://evil.example"})
    refused = await served.client.options("/discover", headers={"origin": "https://evil.example"})
    ours = await served.client.get("/discover", headers={"origin": "https://app.example.org"})
    port = await served.client.get("/discover", headers={"origin": "https://app.example.org:443"})
    preflight = await served.client.options(
        "/discover", headers={"origin": "https://app.example.org"}
    )

    assert "access-control-allow-origin" not in foreign.headers
    assert foreign.headers["vary"] == "accept, origin"
    assert refused.status_code == 405
    assert "access-control-allow-origin" not in refused.headers
    assert ours.headers["access-control-allow-origin"] == "https://app.example.org"
    assert port.headers["access-control-allow-origin"] == "https://app.example.org:443"
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example.org"


async def test_a_list_that_is_not_complete_is_503_warming(writer: Writer, start: Start) -> None:
    served = await start()
    for path in ("/discover", "/discover?chain=solana", "/tokens/solana/Token00001"):
        before = await served.client.get(path)
        assert (before.status_code, before.json()["code"]) == (503, "warming")
        assert before.headers["retry-after"] == "1"

    await writer.begin()
    await writer.commit([row(1)], seeding=True)
    seeding = await served.client.get("/discover")
    await writer.commit([row(2)])
    after = await served.client.get("/discover")

    assert seeding.json()["code"] == "warming"
    assert after.json()["total"] == 2


async def test_posting_is_405_and_says_what_is_allowed(start: Start) -> None:
    served = await start()

    answer = await served.client.post("/discover", content=b"x" * 1000)

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert answer.headers["connection"] == "close"
    assert answer.json()["code"] == "method_not_allowed"


async def test_the_same_rows_in_the_same_order_are_304(writer: Writer, start: Start) -> None:
    await writer.begin()
    await writer.commit([row(n) for n in range(5)])
    served = await start()
    first = await served.client.get("/discover?limit=2")
    tag = first.headers["etag"]

    await served.follows(await writer.commit([{"id": row(4)["id"], "price": 9.0}]))  # another page
    same = await served.client.get("/discover?limit=2", headers={"if-none-match": f'"x", {tag}'})
    await served.follows(await writer.commit([{"id": row(1)["id"], "price": 9.0}]))
    changed = await served.client.get("/discover?limit=2", headers={"if-none-match": tag})

    assert tag.startswith('W/"')
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in same.headers
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_a_path_that_is_not_there_is_a_problem(start: Start) -> None:
    served = await start()

    for path in ("/nothing", "/discover/", "/" + quote("<script>") * 50):
        answer = await served.client.get(path)
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
        assert len(answer.content) < 400


async def test_every_answer_carries_the_safe_headers(start: Start) -> None:
    served = await start()

    for path in ("/", "/discover", "/nothing", "/health", "/livez"):
        headers = (await served.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-cache"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["referrer-policy"] == "no-referrer"


async def test_the_demo_says_so_on_every_answer(start: Start) -> None:
    served = await start(demo=True)

    assert (await served.client.get("/livez")).headers["x-dexwire-demo"] == "replayed market"
    assert (await served.client.get("/health")).json()["demo"] is True


async def test_an_unexpected_error_is_a_500_without_internals(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await start()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret internals")

    monkeypatch.setattr(served.api.live.store, "page", fail)
    answer = await served.client.get("/discover")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text


# -- the cache ------------------------------------------------------------------------------------
async def test_a_page_is_read_once_per_version_by_however_many_ask(
    writer: Writer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.begin()
    served = await start()
    await served.follows(await writer.commit([row(n) for n in range(5)]))
    await writer.heartbeat()
    await eventually(lambda: served.api.live.stamp)
    reads = 0
    page = served.api.live.store.page

    async def counting(*args: object, **kwargs: object) -> object:
        nonlocal reads
        reads += 1
        return await page(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(served.api.live.store, "page", counting)

    async def ask() -> int:
        return int((await served.client.get("/discover")).json()["version"])

    assert await asyncio.gather(*(ask() for _ in range(50))) == [1] * 50
    assert reads == 1
    await served.follows(await writer.commit([{"id": row(1)["id"], "price": 2.0}]))
    assert await asyncio.gather(*(ask() for _ in range(50))) == [2] * 50
    assert reads == 2


async def test_without_heartbeats_the_cache_is_off(writer: Writer, start: Start) -> None:
    await writer.begin()
    served = await start()
    await served.follows(await writer.commit([row(1)]))
    served.api.live.feed._last_message_at -= 2.5  # as if the last word was 2.5 s ago

    assert served.api.live.stamp is None
    page = (await served.client.get("/discover")).json()
    chain_page = (await served.client.get("/discover?chain=solana")).json()
    assert page == chain_page


async def test_who_gives_up_does_not_take_the_others_with_him(
    writer: Writer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    served = await start()
    gate = asyncio.Event()
    page = served.api.live.store.page

    async def slow(*args: object, **kwargs: object) -> object:
        await gate.wait()
        return await page(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(served.api.live.store, "page", slow)
    asking = [asyncio.create_task(served.client.get("/discover")) for _ in range(3)]
    await asyncio.sleep(0.05)
    asking[0].cancel()
    await asyncio.sleep(0)
    gate.set()

    assert [a.status_code for a in await asyncio.gather(*asking[1:])] == [200, 200]


# -- the store's troubles -------------------------------------------------------------------------
async def test_a_wrong_type_in_our_keys_is_503_without_its_text(
    redis: Redis, keys: Keys, writer: Writer, start: Start
) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    await redis.set(keys.index("volume_24h"), "x")
    served = await start()

    answer = await served.client.get("/discover")

    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert "WRONGTYPE" not in answer.text


async def test_a_ghost_in_the_index_is_left_out(
    redis: Redis, keys: Keys, writer: Writer, start: Start
) -> None:
    await writer.begin()
    await writer.commit([row(n) for n in range(3)])
    await redis.delete(keys.token(row(1)["id"]))
    served = await start()

    page = (await served.client.get("/discover")).json()

    assert [t["token_address"] for t in page["tokens"]] == ["Token00000", "Token00002"]


async def test_above_the_cap_requests_are_shed_and_livez_answers(
    writer: Writer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    served = await start(api_max_inflight=2)
    gate = asyncio.Event()
    page = served.api.live.store.page

    async def slow(*args: object, **kwargs: object) -> object:
        await gate.wait()
        return await page(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(served.api.live.store, "page", slow)
    asking = [asyncio.create_task(served.client.get("/discover")) for _ in range(2)]
    await asyncio.sleep(0.05)
    shed = await served.client.get("/discover")
    alive = await served.client.get("/livez")
    gate.set()

    assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
    assert 1 <= int(shed.headers["retry-after"]) <= 4
    assert alive.status_code == 200
    assert [a.status_code for a in await asyncio.gather(*asking)] == [200, 200]


def test_origins_must_be_exact() -> None:
    with pytest.raises(ValueError, match="exact origins"):
        ApiSettings(api_origins=("*",))
