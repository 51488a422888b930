"""Walking `/discover` with its cursor while the market moves (REQUIREMENTS S67; FAULTS 48, 49)."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from services.api.discover import pages
from services.api.discover import pinned_orders as views
from services.api.discover.pinned_orders import PINNED_MAX
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.api import Served, Start
from tests.testkit.commits import Writer, row
from tests.testkit.wait import eventually


async def fill(writer: Writer, count: int) -> list[dict[str, Any]]:
    """Commit `count` tokens on two chains, 500 a commit."""
    rows = [row(n, chain="solana" if n % 4 else "base") for n in range(count)]
    await writer.begin()
    for start in range(0, count, 500):
        await writer.commit(rows[start : start + 500])
    return rows


async def shuffle_third(writer: Writer, rows: list[dict[str, Any]], dice: random.Random) -> int:
    """Give a third of the tokens new figures, so that their ranks move; return the version."""
    moved = dice.sample(rows, len(rows) // 3)
    changes = []
    for token in moved:
        value = float(dice.randrange(1, 2_000_000))
        changes.append(
            {
                "id": token["id"],
                "volume_24h": value,
                "price_change_5m": value,
                "liquidity": value,
                "market_cap": value,
                "transactions_1h": int(value),
                "created_ms": int(value),
            }
        )
    version = 0
    for start in range(0, len(changes), 500):
        version = await writer.commit(changes[start : start + 500])
    return version


async def walk(served: Served, moving: Any = None, **query: str) -> list[str]:  # noqa: ANN401 - a coroutine function
    """Return the ids of all pages in order; `moving()` happens between any two of them."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        given = query if cursor is None else {**query, "cursor": cursor}
        answer = await served.client.get("/discover", params=given)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [t["id"] for t in page["tokens"]]
        assert ("order_version" in page) == (cursor is not None)
        cursor = page["nextCursor"]
        if cursor is None:
            return found
        assert len(page["tokens"]) == int(query.get("limit", 20)), "no page but the last is short"
        if moving is not None:
            await moving()


@pytest.mark.parametrize(
    ("tokens", "query"),
    [
        (2_000, {}),
        (600, {"order": "asc"}),
        (600, {"sort": "price_change", "window": "5m", "chain": "solana"}),
        (600, {"sort": "liquidity", "order": "asc", "chain": "base"}),
        (600, {"sort": "newest", "limit": "100"}),
        (600, {"sort": "market_cap", "limit": "7", "chain": "base"}),
        (600, {"sort": "transactions", "window": "1h", "order": "asc", "limit": "50"}),
    ],
    ids=str,
)
async def test_a_walk_repeats_nothing_and_skips_nothing_while_a_third_of_the_ranks_move(
    writer: Writer, start: Start, tokens: int, query: dict[str, str]
) -> None:
    dice = random.Random(7)
    rows = await fill(writer, tokens)
    served = await start()
    await served.follows(writer.version)

    found = await walk(served, lambda: shuffle_third(writer, rows, dice), **query)

    there = {r["id"] for r in rows if query.get("chain") in (None, r["chain"])}
    assert len(found) == len(set(found)) == len(there), "no token twice"
    assert set(found) == there, "none left out"


async def test_a_walk_passes_over_what_is_gone_and_its_pages_stay_full(
    writer: Writer, start: Start
) -> None:
    rows = await fill(writer, 200)
    served = await start()
    await served.follows(200 // 500 + 1)
    first = (await served.client.get("/discover?limit=50")).json()
    second = (await served.client.get(f"/discover?limit=50&cursor={first['nextCursor']}")).json()

    gone = [r["id"] for r in rows[100:140]]
    await served.follows(await writer.commit(remove=gone))
    third = (await served.client.get(f"/discover?limit=50&cursor={second['nextCursor']}")).json()
    fourth = (await served.client.get(f"/discover?limit=50&cursor={third['nextCursor']}")).json()

    assert [t["id"] for t in third["tokens"]] == [r["id"] for r in rows[140:190]]
    assert [t["id"] for t in fourth["tokens"]] == [r["id"] for r in rows[190:]]
    assert fourth["nextCursor"] is None
    assert third["order_version"] == second["order_version"] < third["version"]


async def test_the_last_page_knows_that_it_is_even_when_only_shown_tokens_follow(
    writer: Writer, start: Start
) -> None:
    rows = await fill(writer, 30)
    served = await start()
    await served.follows(1)
    first = (await served.client.get("/discover?limit=10")).json()
    # What page one showed sinks to the end of the order.
    await served.follows(
        await writer.commit([{"id": r["id"], "volume_24h": 0.5} for r in rows[:10]])
    )

    second = (await served.client.get(f"/discover?limit=20&cursor={first['nextCursor']}")).json()

    assert [t["id"] for t in second["tokens"]] == [r["id"] for r in rows[10:]]
    assert second["nextCursor"] is None


async def test_the_limit_may_change_on_the_way_the_list_may_not(
    writer: Writer, start: Start
) -> None:
    await fill(writer, 100)
    served = await start()
    await served.follows(1)
    cursor = (await served.client.get("/discover?limit=10")).json()["nextCursor"]

    other_limit = await served.client.get(f"/discover?limit=90&cursor={cursor}")
    assert len(other_limit.json()["tokens"]) == 90
    for other in ("sort=liquidity", "window=1h", "order=asc", "chain=base"):
        answer = await served.client.get(f"/discover?{other}&cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), other


async def test_a_flipped_letter_is_400(writer: Writer, start: Start) -> None:
    await fill(writer, 30)
    served = await start()
    await served.follows(1)
    cursor = (await served.client.get("/discover")).json()["nextCursor"]

    for index in range(0, len(cursor), 17):
        flipped = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1 :]
        answer = await served.client.get(f"/discover?cursor={flipped}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_a_cursor_of_an_old_epoch_is_410(writer: Writer, start: Start) -> None:
    rows = await fill(writer, 30)
    served = await start()
    await served.follows(1)
    cursor = (await served.client.get("/discover")).json()["nextCursor"]

    await writer.begin("e2")
    await writer.commit(rows)
    await eventually(lambda: served.api.live.replica.epoch == "e2")
    answer = await served.client.get(f"/discover?cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")


async def test_a_cursor_whose_key_is_lost_is_410_and_one_of_another_replica_is_not(
    redis: Redis, keys: Keys, writer: Writer, start: Start
) -> None:
    await fill(writer, 30)
    served = await start()
    await served.follows(1)
    cursor = (await served.client.get("/discover")).json()["nextCursor"]
    replica = await start()
    await replica.follows(1)
    assert (await replica.client.get(f"/discover?cursor={cursor}")).status_code == 200

    await redis.delete(keys.cursor_secret)
    renewed = await start()
    await renewed.follows(1)
    answer = await renewed.client.get(f"/discover?cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")


async def test_an_idle_walk_is_410(redis: Redis, keys: Keys, writer: Writer, start: Start) -> None:
    await fill(writer, 60)
    served = await start()
    await served.follows(1)
    first = (await served.client.get("/discover")).json()
    second = (await served.client.get(f"/discover?cursor={first['nextCursor']}")).json()
    (view,) = [key async for key in redis.scan_iter(match=keys.view("*"))]
    lives_ms = await redis.pttl(view)

    await redis.delete(view)  # as its time to live does
    answer = await served.client.get(f"/discover?cursor={second['nextCursor']}")

    assert 100_000 < lives_ms <= 120_000
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")


async def test_walkers_of_one_moment_share_an_order_and_the_first_page_needs_none(
    redis: Redis, keys: Keys, writer: Writer, start: Start
) -> None:
    await fill(writer, 60)
    served = await start()
    await served.follows(1)
    first = (await served.client.get("/discover")).json()
    assert await redis.zcard(keys.views) == 0

    for _ in range(5):
        answer = await served.client.get(f"/discover?cursor={first['nextCursor']}")
        assert answer.status_code == 200
    assert await redis.zcard(keys.views) == 1


async def test_above_the_bound_a_new_walk_is_429_and_walks_under_way_go_on(
    redis: Redis, keys: Keys, writer: Writer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "SHARE_S", 0.0)  # every walk pins its own
    await fill(writer, 60)
    served = await start(api_walks_per_address=0)
    await served.follows(1)
    first = (await served.client.get("/discover")).json()["nextCursor"]
    second = ""
    for _ in range(PINNED_MAX):
        page = await served.client.get(f"/discover?cursor={first}")
        second = page.json()["nextCursor"]

    refused = await served.client.get(f"/discover?cursor={first}")
    under_way = await served.client.get(f"/discover?cursor={second}")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_walks")
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert under_way.status_code == 200
    assert await redis.zcard(keys.views) == PINNED_MAX


async def test_a_walk_that_is_left_alone_makes_room_and_one_under_way_does_not(
    writer: Writer, start: Start, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.discover.pinned_orders.PINNED_MAX", 2)
    monkeypatch.setattr("services.api.discover.pinned_orders.SHARE_S", 0.0)
    monkeypatch.setattr("services.api.discover.pinned_orders.IDLE_MS", 300)
    await fill(writer, 100)
    served = await start()
    await served.follows(1)
    first = (await served.client.get("/discover?limit=10")).json()["nextCursor"]

    async def page(cursor: str) -> tuple[int, str]:
        answer = await served.client.get(f"/discover?cursor={cursor}&limit=10")
        return answer.status_code, answer.json().get("nextCursor", "")

    _, left_alone = await page(first)
    _, under_way = await page(first)

    async def third() -> bool:
        assert (await page(under_way))[0] == 200
        return (await page(first))[0] == 200

    assert (await page(first))[0] == 429
    await eventually(third)

    assert (await page(left_alone))[0] == 410
    assert (await page(under_way))[0] == 200
    assert await redis.zcard(keys.views) == 2


async def test_one_address_has_a_share_of_the_walks(
    writer: Writer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "SHARE_S", 0.0)  # every walk pins its own
    await fill(writer, 60)
    served = await start(trusted_proxies=("127.0.0.1",))
    await served.follows(1)
    first = (await served.client.get("/discover")).json()["nextCursor"]
    greedy, other = ({"x-forwarded-for": f"192.0.2.{n}"} for n in (1, 2))

    answers = [
        await served.client.get(f"/discover?cursor={first}", headers=greedy) for _ in range(17)
    ]
    of_another = await served.client.get(f"/discover?cursor={first}", headers=other)

    assert [answer.status_code for answer in answers] == [200] * 16 + [429]
    assert answers[16].json()["code"] == "too_many_walks"
    assert answers[16].headers["retry-after"] == "10"
    assert of_another.status_code == 200


async def test_a_walk_whose_rest_left_its_filter_is_over(start: Start, writer: Writer) -> None:
    rows = await fill(writer, 3_000)
    served = await start()
    query = {"limit": "1", "min_liquidity": "1"}
    await served.follows(await writer.commit())
    first = (await served.client.get("/discover", params=query)).json()
    second = await turn(served, query, first)
    left = [{"id": token["id"], "liquidity": 0.0} for token in rows]
    for begin in range(0, 3_000, 500):
        version = await writer.commit(left[begin : begin + 500])
    await served.follows(version)

    began = time.process_time()
    last = await turn(served, query, second)

    print(f"passed over 2,998 tokens in {time.process_time() - began:.3f} s of CPU")
    assert (last["tokens"], last["nextCursor"], last["total"]) == ([], None, 3_000)


async def test_a_page_looks_at_so_many_tokens_and_the_next_goes_on_behind_them(
    start: Start, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "EXAMINED_MAX", 50)
    rows = await fill(writer, 200)
    served = await start()
    query = {"limit": "2", "min_liquidity": "1"}
    await served.follows(await writer.commit())
    first = (await served.client.get("/discover", params=query)).json()
    page = await turn(served, query, first)
    version = await writer.commit({"id": token["id"], "liquidity": 0.0} for token in rows[4:-3])
    await served.follows(version)

    sizes, seen = [], [token["id"] for token in page["tokens"]]
    while page["nextCursor"] is not None:
        page = await turn(served, query, page)
        sizes.append(len(page["tokens"]))
        seen += [token["id"] for token in page["tokens"]]

    assert sizes == [0, 0, 0, 2, 1]
    assert seen == [rows[number]["id"] for number in (2, 3, 197, 198, 199)]


async def turn(served: Served, query: dict[str, str], page: dict[str, Any]) -> dict[str, Any]:
    """Return the page after one."""
    params = {**query, "cursor": page["nextCursor"]}
    answer = await served.client.get("/discover", params=params)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content
