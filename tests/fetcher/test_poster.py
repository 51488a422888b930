"""Readings that are posted: what each failure of the api means for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.fetcher import poster
from services.fetcher.counts import FetcherCounts
from services.fetcher.poster import Judgement, Poster, judge_answer, open_post_client
from services.fetcher.status import StatusBoard
from shared.model import PoolReading, Reading
from tests.testkit.process import free_port
from tests.testkit.receiver import Receiver, receiver
from tests.testkit.wait import eventually

SOURCES = ("dexscreener", "jupiter")


def reading(token: str, pools: int = 0) -> Reading:
    return Reading(
        chain="solana",
        token_address=token,
        observed_ms=1_790_000_000_000,
        pools=tuple(PoolReading(pool_address="P" * 200, price=1.5) for _ in range(pools)),
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat at once and count a failure from the first one on."""
    monkeypatch.setattr(poster, "_backoff", lambda _: 0.02)
    monkeypatch.setattr(poster, "FAILING_S", 0.0)
    monkeypatch.setattr(poster, "PACE_S", 0.02)


@pytest.fixture
async def api() -> AsyncIterator[Receiver]:
    async with receiver() as one:
        yield one


Deliver = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Deliver]:
    """`one = await start(url)`: a poster that runs until the test ends."""
    async with AsyncExitStack() as stack:

        async def begin(url: str) -> SimpleNamespace:
            counts, status = FetcherCounts(SOURCES), StatusBoard()
            client = await stack.enter_async_context(open_post_client())
            made = Poster(
                client, SOURCES, url=url, bearer="fetcher.s", status=status, counts=counts
            )
            await stack.enter_async_context(made.running())
            return SimpleNamespace(
                deliver=made.deliver,
                counts=counts["dexscreener"],
                facts=status["dexscreener"].facts,
            )

        yield begin


@pytest.mark.parametrize(
    ("status", "code", "judgement"),
    [
        (202, "", Judgement.TAKEN),
        (200, "", Judgement.TAKEN),
        (413, "body_too_large", Judgement.SPLIT),
        (422, "none_accepted", Judgement.REFUSED),
        (400, "malformed_json", Judgement.REFUSED),
        (422, "bad_source", Judgement.REPEAT),
        (400, "bad_host", Judgement.REPEAT),
        (401, "unauthorized", Judgement.REPEAT),
        (301, "", Judgement.REPEAT),
        (429, "rate", Judgement.REPEAT),
        (503, "no_consumer", Judgement.REPEAT),
        (504, "", Judgement.REPEAT),
    ],
)
def test_only_what_is_wrong_with_the_batch_costs_it(
    status: int, code: str, judgement: Judgement
) -> None:
    assert judge_answer(status, code) is judgement


async def test_readings_go_out_under_their_source_s_name_and_key(
    api: Receiver, start: Deliver
) -> None:
    one = await start(api.url)

    await one.deliver("dexscreener", [reading("A"), reading("B")])
    await one.deliver("jupiter", [reading("A")])

    await eventually(lambda: len(api.posts) == 2)
    assert sorted((p.source, p.tokens, p.authorization) for p in api.posts) == [
        ("dexscreener", ("A", "B"), "Bearer fetcher.s"),
        ("jupiter", ("A",), "Bearer fetcher.s"),
    ]
    assert api.posts[0].key != api.posts[1].key


async def test_a_batch_keeps_its_key_over_every_kind_of_failure_and_newer_readings_wait(
    api: Receiver, start: Deliver
) -> None:
    api.will(503, "no_consumer")
    api.answers.append(None)
    api.will(429, "rate")
    api.will(502)
    api.will(401, "unauthorized")
    one = await start(api.url)

    await one.deliver("dexscreener", [reading("A")])
    await eventually(lambda: api.posts)
    await one.deliver("dexscreener", [reading("B")])

    await eventually(lambda: len(api.posts) == 7)
    assert api.taken() == [("A",)] * 6 + [("B",)]
    assert len({post.key for post in api.posts[:6]}) == 1
    assert api.posts[6].key != api.posts[0].key
    await eventually(lambda: one.counts.posts == {"failed": 5, "taken": 2})


async def test_a_wait_that_the_api_names_is_kept(api: Receiver, start: Deliver) -> None:
    state: Any = SimpleNamespace(
        outcome=SimpleNamespace(exception=lambda: poster.Undelivered("x", retry_after_s=2.0))
    )
    assert poster._wait_s(state) == 2.0

    api.will(429, "rate", headers="retry-after: 1\r\n")
    one = await start(api.url)
    with capture_logs() as logs:
        await one.deliver("dexscreener", [reading("A")])
        await eventually(lambda: one.counts.delivery_failing)
    assert logs[0]["error"].endswith("HTTP 429 rate as the test wants it")


async def test_an_api_that_is_away_is_logged_once_and_gets_what_waits_when_it_is_back(
    start: Deliver,
) -> None:
    port = free_port()
    one = await start(f"http://127.0.0.1:{port}")

    with capture_logs() as logs:
        for token in ("A", "B", "C"):
            await one.deliver("dexscreener", [reading(token)])
            failed = one.counts.posts["failed"]
            await eventually(lambda: one.counts.posts["failed"] > failed + 1)  # noqa: B023
        error = f"http://127.0.0.1:{port}/ingest: ConnectError"
        assert one.facts["delivery_error"] == error
        assert one.counts.delivery_failing
        async with receiver(port) as api:
            await eventually(lambda: api.taken() == [("A",), ("B", "C")])
            await eventually(lambda: not one.counts.delivery_failing)

    assert one.facts["delivery_error"] == ""
    seen = [(line["event"], line["log_level"]) for line in logs]
    assert seen == [("delivery_failing", "warning"), ("delivery_recovered", "info")]
    assert (logs[0]["source"], logs[0]["error"]) == ("dexscreener", error)


async def test_an_api_that_does_not_answer_is_given_up_and_tried_again(
    api: Receiver, start: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster, "POST_S", 0.1)
    api.silent = True
    one = await start(api.url)

    await one.deliver("dexscreener", [reading("A")])
    await eventually(lambda: one.counts.delivery_failing)
    assert one.facts["delivery_error"].endswith("/ingest: TimeoutError")
    api.silent = False

    await eventually(lambda: one.counts.posts["taken"] == 1)
    assert len({post.key for post in api.posts}) == 1


async def test_a_body_that_is_too_large_is_halved_down_to_the_reading_that_cannot_be_sent(
    api: Receiver, start: Deliver
) -> None:
    api.will(413, times=2)
    one = await start(api.url)

    await one.deliver("dexscreener", [reading("A"), reading("B")])
    await eventually(lambda: len(api.posts) == 3)

    assert api.taken() == [("A", "B"), ("A",), ("B",)]
    await eventually(lambda: one.counts.posts == {"split": 1, "refused": 1, "taken": 1})
    assert one.counts.undelivered["too_large"] == 1


async def test_what_the_api_refuses_is_counted_and_logged_ever_less_often(
    api: Receiver, start: Deliver
) -> None:
    api.will(422, "none_accepted", times=12)
    one = await start(api.url)

    with capture_logs() as logs:
        for count in range(1, 13):
            await one.deliver("dexscreener", [reading("A")])
            await eventually(lambda: one.counts.undelivered["refused"] == count)  # noqa: B023

    assert [(line["event"], line["count"], line["code"]) for line in logs] == [
        ("readings_refused", 1, "none_accepted"),
        ("readings_refused", 10, "none_accepted"),
    ]


async def test_a_source_that_is_refused_does_not_hold_up_the_others(
    api: Receiver, start: Deliver
) -> None:
    api.will(422, "bad_source", times=30)
    one = await start(api.url)

    await one.deliver("dexscreener", [reading("A")])
    await eventually(lambda: one.counts.posts["failed"] > 3)
    api.answers.clear()
    api.will(422, "bad_source", times=2)
    await one.deliver("jupiter", [reading("B")])

    await eventually(lambda: ("jupiter", ("B",)) in [(p.source, p.tokens) for p in api.posts])


async def test_what_waits_at_the_end_is_posted_once_more(api: Receiver) -> None:
    async with open_post_client() as client:
        made = Poster(
            client,
            SOURCES,
            url=api.url,
            bearer="k",
            status=StatusBoard(),
            counts=FetcherCounts(SOURCES),
        )
        async with made.running():
            await made.deliver("dexscreener", [reading("A", pools=900), reading("B", pools=900)])
            await made.deliver("jupiter", [reading("C")])

    assert sorted(api.taken()) == [("A",), ("B",), ("C",)]
