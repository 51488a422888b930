"""How much one address, or one key, may do: known behind a proxy, and not by its own claim."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os

from tests.testkit.entries import (
    SECRET,
    Answer,
    Edge,
    Entry,
    ask,
    connected,
    get,
    handshake,
    head,
    new_address,
    post,
    upgrade,
)
from tests.testkit.wait import eventually

CROWD = 10_000 if os.environ.get("CHAOS") == "full" else 1_000
BODY = b'{"source":"mybot","tokens":[{"token_address":"Abc","price":1}]}'


async def burst(entry: Entry, request: bytes, count: int, source: str) -> list[Answer]:
    """Ask at once, from one address."""
    return await asyncio.gather(*(ask(entry.http, request, source=source) for _ in range(count)))


def statuses(answers: list[Answer]) -> dict[int, int]:
    """Return how often each status came."""
    found = [answer.status for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}


async def test_a_connection_of_nothing_but_refusals_is_closed(stack: Edge) -> None:
    request = get("/nothing").replace(b"Connection: close\r\n", b"")

    answer = await ask(stack.entries["bare"].http, request * 30)

    assert answer.raw.count(b"HTTP/1.1 4") == 20
    assert answer.raw.lower().count(b"connection: close") == 1


# -- requests (the stack lets in 2 a second, 10 at once) ------------------------------------------
async def test_an_address_that_asks_too_often_learns_when_to_come_again(entry: Entry) -> None:
    source = new_address()

    answers = await burst(entry, get(), 40, source)

    refused = [answer for answer in answers if answer.status == 429]
    assert statuses(answers)[200] >= 10
    assert len(refused) >= 20
    assert {answer.header("retry-after") for answer in refused} == {"1"}
    assert {answer.header("content-type") for answer in refused} == {"application/problem+json"}
    assert json.loads(refused[0].raw.partition(b"\r\n\r\n")[2])["code"] == "rate"


async def test_nobody_else_is_limited_with_it(entry: Entry) -> None:
    await burst(entry, get(), 40, new_address())

    assert (await ask(entry.http, get())).status == 200


async def test_it_is_let_in_again_later_and_probes_always(entry: Entry) -> None:
    source = new_address()
    await burst(entry, get(), 20, source)

    probes = await burst(entry, get("/livez"), 20, source)

    async def again() -> bool:
        return (await ask(entry.http, get(), source=source)).status == 200

    assert statuses(probes) == {200: 20}
    await eventually(again)


async def test_an_address_of_its_own_invention_helps_nobody(entry: Entry) -> None:
    source = new_address()

    answers = await asyncio.gather(
        *(
            ask(entry.http, get("/search?q=a", f"X-Forwarded-For: 203.0.113.{n}"), source=source)
            for n in range(40)
        )
    )

    assert statuses(list(answers))[429] >= 20


async def test_a_trusted_proxy_names_the_client_of_a_request(stack: Edge) -> None:
    """127.0.0.1 is trusted; its right-most word is its own, the others its client's."""
    entry = stack.entries["bare"]

    async def from_proxy(client: str, count: int) -> dict[int, int]:
        request = get("/health", f"X-Forwarded-For: {client}")
        return statuses(await burst(entry, request, count, "127.0.0.1"))

    flood = await from_proxy("203.0.113.1", 30)
    forged = await from_proxy("198.51.100.9, 203.0.113.1", 1)
    other = await from_proxy("203.0.113.1, 203.0.113.2", 1)

    assert flood[429] >= 10
    assert forged == {429: 1}
    assert other == {200: 1}


async def test_an_ipv6_site_is_one_client(stack: Edge) -> None:
    entry = stack.entries["bare"]

    async def from_proxy(client: str) -> int:
        request = get("/health", f"X-Forwarded-For: {client}")
        return (await ask(entry.http, request, source="127.0.0.1")).status

    inside = await asyncio.gather(*(from_proxy(f"2001:db8:1:1::{n:x}") for n in range(40)))
    beside = await from_proxy("2001:db8:1:2::1")

    assert inside.count(429) >= 20
    assert beside == 200


# -- posts ----------------------------------------------------------------------------------------
async def test_wrong_keys_are_counted_by_address_and_do_not_shut_out_a_right_one(
    entry: Entry,
) -> None:
    source = new_address()
    wrong = post(f"Content-Length: {len(BODY)}", "Connection: close", key="bot.wrong") + BODY
    right = post(f"Content-Length: {len(BODY)}", "Connection: close", key=f"other.{SECRET}") + BODY

    answers = await burst(entry, wrong, 40, source)
    allowed = await ask(entry.http, right, source=source)

    counted = statuses(answers)
    assert counted[401] >= 10
    assert counted[429] >= 20
    assert allowed.status == 503  # no_consumer: it was let in


async def test_a_key_that_posts_too_often_learns_when_to_come_again(entry: Entry) -> None:
    key = f"other.{SECRET}"
    request = post(f"Content-Length: {len(BODY)}", "Connection: close", key=key) + BODY

    answers = await asyncio.gather(*(ask(entry.http, request) for _ in range(60)))

    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) >= 20
    assert {answer.header("retry-after") for answer in refused} == {"1"}


# -- the stream (1 handshake a second, 8 at once, 5 connections, 40 in all) -----------------------
async def test_the_sixth_connection_of_an_address_is_429_before_the_upgrade(
    entry: Entry,
) -> None:
    source = new_address()
    async with contextlib.AsyncExitStack() as held:
        for _ in range(5):
            reader, writer = await held.enter_async_context(connected(entry.ws, source))
            assert (await upgrade(reader, writer)).status == 101
        sixth = await head(entry.ws, handshake("X-Forwarded-For: 203.0.113.6"), source=source)
        async with connected(entry.ws, new_address()) as (reader, writer):
            other = await upgrade(reader, writer)

    assert sixth.status == 429
    assert int(sixth.header("retry-after")) in range(3, 9)
    assert other.status == 101


async def test_handshakes_of_an_address_have_a_rate(entry: Entry) -> None:
    source = new_address()
    statuses = []
    for _ in range(12):
        async with connected(entry.ws, source) as (reader, writer):
            answer = await upgrade(reader, writer)
            statuses.append(answer.status)

    assert statuses[:4] == [101] * 4
    assert statuses.count(429) >= 1
    assert answer.header("retry-after") == "1"


async def test_a_full_gateway_is_503_before_the_upgrade(entry: Entry) -> None:
    async def empty() -> bool:
        async with connected(entry.ws, new_address()) as (reader, writer):
            return (await upgrade(reader, writer)).status == 101

    await eventually(empty)
    async with contextlib.AsyncExitStack() as held:
        answers = []
        for number in range(45):
            if number % 5 == 0:
                source = new_address()
            reader, writer = await held.enter_async_context(connected(entry.ws, source))
            answers.append(await upgrade(reader, writer))

    refused = [answer for answer in answers if answer.status != 101]
    assert {answer.status for answer in refused} == {503}
    assert 5 <= len(refused) <= 6
    assert all(int(answer.header("retry-after")) in range(3, 9) for answer in refused)


async def test_a_handshake_is_bounded(entry: Entry) -> None:
    rows = {
        "10 kB in one line": [handshake("X-Big: " + "x" * 10_000)],
        "20 kB in lines": [handshake(*(f"X-{n}: {'x' * 4_000}" for n in range(5)))],
        "20 kB that do not end": [handshake(*(f"X-{n}: {'x' * 4_000}" for n in range(5)))[:-4]],
        "200 lines": [handshake(*(f"X-{n}: y" for n in range(200)))],
    }

    answers = await asyncio.gather(*(head(entry.ws, *sent) for sent in rows.values()))

    assert [answer.status for answer in answers] == [431] * 4


async def test_a_foreign_origin_is_403_through_every_entry(entry: Entry) -> None:
    assert (await head(entry.ws, handshake("Origin: https://evil.example"))).status == 403


async def test_very_many_connections_at_once_are_all_answered(stack: Edge) -> None:
    entry = stack.entries["bare"]

    async def knock(source: str) -> int:
        async with connected(entry.ws, source) as (reader, writer):
            answer = await upgrade(reader, writer)
            return answer.status

    sources = [new_address() for _ in range(250)]
    answers = await asyncio.gather(*(knock(sources[n % 250]) for n in range(CROWD)))

    print({status: answers.count(status) for status in sorted(set(answers))})
    assert set(answers) <= {101, 503}
    assert 101 in answers
