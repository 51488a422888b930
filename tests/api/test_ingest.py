"""`POST /ingest` through the whole api (FAULTS, bad inputs 1-41)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from services.api.ingest import endpoint as ingest
from services.api.ingest.receipts import ReceiptClock
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.api import Consumer, Served, Start, consume
from tests.testkit.commits import Writer
from tests.testkit.wait import eventually

SECRET = "0123456789abcdef0123456789abcdef"
KEYS = f"bot.{SECRET},other.{SECRET[::-1]}"
AUTH = {"authorization": f"Bearer bot.{SECRET}"}
JSON = {"content-type": "application/json"}
ONE = {"source": "mybot", "tokens": [{"token_address": "Abc", "price": 1.5, "volume": 20}]}


@pytest.fixture
async def consumer(redis: Redis, keys: Keys) -> AsyncIterator[Consumer]:
    async with consume(redis, keys) as consumer:
        yield consumer


async def post(
    served: Served, body: object = ONE, query: str = "", **headers: str
) -> httpx.Response:
    """Post with the key; `headers` are added, an underscore for a dash."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    return await served.client.post(f"/ingest{query}", content=content, headers=AUTH | JSON | extra)


async def test_a_good_batch_is_published_as_what_it_says(start: Start, consumer: Consumer) -> None:
    served = await start(ingest_api_keys=KEYS)
    before_ms = int(time.time() * 1000)

    answer = await post(served)

    assert answer.status_code == 202
    assert answer.json() == {"batch_id": answer.json()["batch_id"], "accepted": 1, "rejected": []}
    await eventually(lambda: consumer.batches)
    (batch,) = consumer.batches
    assert (batch.source, batch.ack) == ("ingest:mybot", False)
    (token,) = consumer.tokens()
    assert before_ms - 5 <= token.pop("observed_ms") <= before_ms + 2_000
    assert token == {"chain": "solana", "token_address": "Abc", "price": 1.5, "volume_24h": 20.0}


@pytest.mark.parametrize(
    ("chain", "written", "canonical"),
    [
        ("eth", "0x" + "AB" * 20, ("ethereum", "0x" + "ab" * 20)),
        (
            "ton",
            "UQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_p0p",
            ("ton", "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs"),
        ),
        ("osmo", "ibc/" + "ab" * 32, ("osmosis", "ibc/" + "AB" * 32)),
        ("sui-network", "0x02::coin::COIN", ("sui", "0x2::coin::COIN")),
    ],
)
async def test_an_address_is_published_in_its_one_spelling(
    start: Start, consumer: Consumer, chain: str, written: str, canonical: tuple[str, str]
) -> None:
    served = await start(ingest_api_keys=KEYS, include_quote_assets=True)
    token = {"chain": chain, "token_address": written, "price": 1.5}

    answer = await post(served, {"source": "mybot", "tokens": [token]})

    assert answer.status_code == 202
    await eventually(lambda: consumer.batches)
    assert [(t["chain"], t["token_address"]) for t in consumer.tokens()] == [canonical]


async def test_each_token_is_judged_alone(start: Start, consumer: Consumer) -> None:
    served = await start(ingest_api_keys=KEYS)
    bad = {"token_address": "B", "price": "1.5"}

    answer = await post(served, {"source": "mybot", "tokens": [bad, *ONE["tokens"]]})

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [(r["index"], r["code"]) for r in answer.json()["rejected"]] == [(0, "wrong_type")]
    await eventually(lambda: [t["token_address"] for t in consumer.tokens()] == ["Abc"])


async def test_a_batch_without_any_good_token_is_422_and_not_published(
    start: Start, consumer: Consumer
) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await post(served, {"source": "mybot", "tokens": [{"token_address": "a/b"}]})

    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["code"], problem["accepted"]) == ("none_accepted", 0)
    assert [r["code"] for r in problem["rejected"]] == ["bad_address"]
    assert consumer.batches == []


# -- who may post, and how ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "Bearer bot.wrong")],
        [("authorization", f"Bearer bot.{SECRET}")] * 2,
        [("authorization", b"Bearer bot.\xff\xfe")],
    ],
)
async def test_without_one_right_key_it_is_one_and_the_same_401(
    start: Start, headers: list[tuple[str, str]]
) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await served.client.post("/ingest", content=unread(), headers=headers)
    plain = await served.client.post("/ingest")

    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.content == plain.content


async def unread() -> AsyncIterator[bytes]:
    """A body of which more than one part would be read only by mistake."""
    yield b"x" * 10
    yield b"x" * 10


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "", "multipart/form-data; boundary=x", "application/jsonp"],
)
async def test_another_content_type_is_415(start: Start, content_type: str) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await post(served, content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_no_content_type_is_415(start: Start) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await served.client.post("/ingest", content=b"{}", headers=AUTH)

    assert answer.status_code == 415


@pytest.mark.usefixtures("consumer")
async def test_a_charset_beside_the_content_type_is_fine(start: Start) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await post(served, content_type="Application/JSON; charset=utf-8")

    assert answer.status_code == 202


async def test_a_compressed_body_is_415(start: Start) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await post(served, content_encoding="gzip")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_encoding")


async def test_a_body_above_256_kib_is_413_however_it_comes(start: Start) -> None:
    served = await start(ingest_api_keys=KEYS)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(16):
            yield b" " * 65_536

    announced = await post(served, b" " * 300_000)
    chunked = await served.client.post("/ingest", content=parts(), headers=AUTH | JSON)

    assert (announced.status_code, announced.json()["code"]) == (413, "body_too_large")
    assert (chunked.status_code, chunked.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE", "HEAD", "PATCH"])
async def test_another_method_is_405_with_allow(start: Start, method: str) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await served.client.request(method, "/ingest")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"<html>", 400, "malformed_json"),
        (b'{"source":"\xff"}', 400, "malformed_json"),
        (
            b'{"source":"bot","tokens":[{"token_address":"A","price":NaN}]}',
            400,
            "malformed_json",
        ),
        (b"null", 422, "wrong_type"),
        (b'{"source":"bot","tokens":%s}' % (b"[" * 100_000), 400, "malformed_json"),
        (b'{"source":"bot","tokens":[]}', 422, "bad_length"),
        (b'{"source":"__proto__","tokens":[{}]}', 422, "bad_source"),
    ],
)
async def test_a_body_that_is_wrong_is_a_problem_that_names_the_field(
    start: Start, body: bytes, status: int, code: str
) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await post(served, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) <= 1_024


@pytest.mark.usefixtures("consumer")
async def test_without_keys_only_this_machine_may_post(start: Start) -> None:
    here, elsewhere = await start(), await start(peer="192.0.2.7")
    body = msgspec.json.encode(ONE)

    local = await here.client.post("/ingest", content=body, headers=JSON)
    forwarded = await here.client.post(
        "/ingest", content=body, headers=JSON | {"x-forwarded-for": "192.0.2.7"}
    )
    page = await here.client.post("/ingest", content=body, headers=JSON | {"origin": "null"})
    remote = await elsewhere.client.post("/ingest", content=body, headers=JSON)
    rebound = await here.client.post("/ingest", content=body, headers=JSON | {"host": "a.example"})

    assert local.status_code == 202
    assert [a.status_code for a in (forwarded, page, remote, rebound)] == [403] * 4
    assert remote.json()["code"] == "loopback_only"


@pytest.mark.parametrize(
    "settings",
    [
        {"ingest_without_keys": "off"},
        {"api_host": "192.0.2.1"},
        {"trusted_proxies": ("127.0.0.1",)},
    ],
)
async def test_what_others_may_reach_takes_no_post_without_a_key(
    start: Start, settings: dict[str, Any]
) -> None:
    served = await start(**settings)

    answer = await served.client.post("/ingest", content=msgspec.json.encode(ONE), headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (403, "loopback_only")


@pytest.mark.parametrize(
    ("query", "code"), [("?ack=yes", "bad_ack"), ("?a=1", "unknown_parameter")]
)
async def test_another_parameter_is_400(start: Start, query: str, code: str) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await post(served, query=query)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("key", ["", "a b", "x" * 65, "ä", "a/b"])
async def test_a_bad_idempotency_key_is_422(start: Start, key: str) -> None:
    served = await start(ingest_api_keys=KEYS)
    headers = [*AUTH.items(), *JSON.items(), ("idempotency-key", key.encode("latin-1"))]

    answer = await served.client.post("/ingest", content=b"{}", headers=headers)  # type: ignore[arg-type]

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_idempotency_key")


# -- who takes it ---------------------------------------------------------------------------------
async def test_without_an_aggregator_it_is_503_no_consumer(
    redis: Redis, keys: Keys, start: Start
) -> None:
    served = await start(ingest_api_keys=KEYS)

    no_lease = await post(served)
    await redis.set(keys.lease, "gone but not noticed", px=5_000)
    no_listener = await post(served)

    for answer in (no_lease, no_listener):
        assert (answer.status_code, answer.json()["code"]) == (503, "no_consumer")
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["batch_id"]


@pytest.mark.usefixtures("consumer")
async def test_above_the_rate_it_is_429_with_retry_after(start: Start) -> None:
    served = await start(ingest_api_keys=KEYS, ingest_rate=0.5, ingest_burst=3)
    other = {"authorization": f"Bearer other.{SECRET[::-1]}"}

    answers = [(await post(served)).status_code for _ in range(4)]
    refused = await post(served)
    of_another = await post(served, **other)

    assert answers == [202, 202, 202, 429]
    assert refused.json()["code"] == "rate"
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert of_another.status_code == 202


async def test_the_same_key_twice_is_the_same_answer_and_applied_once(
    start: Start, consumer: Consumer
) -> None:
    served = await start(ingest_api_keys=KEYS)

    first = await post(served, idempotency_key="batch-1")
    again = await post(served, idempotency_key="batch-1")
    of_another = await post(
        served, idempotency_key="batch-1", authorization=f"Bearer other.{SECRET[::-1]}"
    )

    assert first.json()["batch_id"] == "batch-1"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert of_another.status_code == 202
    await eventually(
        lambda: [b.batch_id for b in consumer.batches] == ["bot:batch-1", "other:batch-1"]
    )


@pytest.mark.usefixtures("consumer")
async def test_the_same_key_with_another_body_is_422(start: Start) -> None:
    served = await start(ingest_api_keys=KEYS)
    await post(served, idempotency_key="batch-1")

    other = {"source": "mybot", "tokens": [{"token_address": "Abc", "price": 9}]}
    answer = await post(served, other, idempotency_key="batch-1")

    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")


async def test_a_batch_that_was_refused_may_be_repeated_and_keeps_its_first_receipt(
    redis: Redis, keys: Keys, start: Start
) -> None:
    served = await start(ingest_api_keys=KEYS)
    assert (await post(served, idempotency_key="b")).status_code == 503
    received = await redis.hget(keys.ingest_seen("bot", "b"), "received_ms")
    assert received is not None

    async with consume(redis, keys) as consumer:
        assert (await post(served, idempotency_key="b")).status_code == 202
        await eventually(consumer.tokens)
        assert consumer.tokens()[0]["observed_ms"] == int(received)


# -- ack=commit -----------------------------------------------------------------------------------
async def test_ack_commit_answers_with_the_version_that_holds_it(
    writer: Writer, start: Start, consumer: Consumer
) -> None:
    await writer.begin()
    await writer.commit()
    served = await start(ingest_api_keys=KEYS)
    await served.follows(1)
    consumer.committing = writer

    answer = await post(served, query="?ack=commit")

    assert answer.status_code == 200
    assert (answer.json()["epoch"], answer.json()["version"]) == ("e1", 2)
    assert consumer.batches[0].ack is True


async def test_an_unknown_outcome_is_504_and_a_repeat_gets_the_outcome(
    writer: Writer, start: Start, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "ACK_S", 0.1)
    await writer.begin()
    await writer.commit()
    served = await start(ingest_api_keys=KEYS)
    await served.follows(1)

    unknown = await post(served, query="?ack=commit", idempotency_key="b")
    assert (unknown.status_code, unknown.json()["code"]) == (504, "outcome_unknown")
    assert unknown.json()["batch_id"] == "b"

    consumer.committing = writer
    monkeypatch.setattr(ingest, "ACK_S", 2.0)
    known = await post(served, query="?ack=commit", idempotency_key="b")
    again = await post(served, query="?ack=commit", idempotency_key="b")

    assert (known.status_code, known.json()["version"]) == (200, 2)
    assert again.content == known.content
    first, second = consumer.tokens()
    assert first == second, "the first time of receipt stays"


async def test_two_that_wait_for_one_batch_both_learn(
    writer: Writer, start: Start, consumer: Consumer
) -> None:
    await writer.begin()
    await writer.commit()
    served = await start(ingest_api_keys=KEYS)
    await served.follows(1)

    asking = [
        asyncio.create_task(post(served, query="?ack=commit", idempotency_key="b"))
        for _ in range(2)
    ]
    await eventually(lambda: len(consumer.batches) == 2)
    await writer.commit(acks=("bot:b",))

    assert [a.json()["version"] for a in await asyncio.gather(*asking)] == [2, 2]


async def test_waits_for_commits_are_bounded(
    writer: Writer, start: Start, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "ACK_S", 0.5)
    await writer.begin()
    await writer.commit()
    served = await start(ingest_api_keys=KEYS, api_max_ack_waits=1)

    waiting = asyncio.create_task(post(served, query="?ack=commit"))
    await eventually(lambda: consumer.batches)
    shed = await post(served, query="?ack=commit")
    plain = await post(served)

    assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
    assert plain.status_code == 202
    assert (await waiting).status_code == 504


def test_times_of_receipt_of_one_source_never_tie() -> None:
    clock = ReceiptClock()

    ticks = [clock.tick("a", now) for now in (5, 5, 5, 20, 4)]
    assert ticks == [5, 6, 7, 20, 21]
    assert clock.tick("b", 5) == 5


async def test_the_largest_body_becomes_a_message_below_one_mebibyte(
    start: Start, consumer: Consumer
) -> None:
    served = await start(ingest_api_keys=KEYS)
    amounts = ",".join(
        f'"{kind}_{window}":1e14'
        for kind in ("volume", "price_change")
        for window in ("5m", "1h", "6h", "24h")
    )
    name = '"token_name":"' + "\\u0001" * 50 + '"'
    tokens = ",".join(f'{{"token_address":"A{n}",{amounts},{name}}}' for n in range(450))
    body = f'{{"source":"bot","tokens":[{tokens}]}}'.encode()
    assert 200_000 < len(body) <= 262_144

    assert (await post(served, body)).status_code == 202
    await eventually(lambda: consumer.batches)
    assert sum(len(bytes(raw)) for raw in consumer.batches[0].tokens) < 1 << 20
