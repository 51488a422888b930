"""What is counted as what; no server needed."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from services.aggregator import counts as aggregator
from services.aggregator.intake import Intake
from services.aggregator.memory import Memory
from services.api import counts as api
from services.fetcher import counts as fetcher
from shared.edge.http.counts import Routes
from shared.errors import (
    Diverged,
    Fenced,
    MalformedBody,
    Resting,
    SourceError,
    Throttled,
    Unavailable,
)
from shared.process.measure import Histogram
from shared.process.metrics import Metrics, counter, gauge, histogram
from tests.testkit.metrics import Scrape


def test_a_bound_counts_what_equals_it_and_the_last_bucket_everything() -> None:
    seconds = Histogram((0.1, 0.5))
    for value in (0.1, 0.2, 0.5, 3.0):
        seconds.observe(value)
    metrics = Metrics("api")
    metrics.add(lambda: [histogram("wait_seconds", "Waits.", {"a": seconds}, "kind")])

    seen = Scrape.of(metrics)

    assert seen.value("dexwire_wait_seconds_bucket", le="0.1", kind="a") == 1
    assert seen.value("dexwire_wait_seconds_bucket", le="0.5", kind="a") == 3
    assert seen.value("dexwire_wait_seconds_bucket", le="+Inf", kind="a") == 4
    assert seen.value("dexwire_wait_seconds_count", kind="a") == 4
    assert seen.value("dexwire_wait_seconds_sum", kind="a") == pytest.approx(3.8)


def test_values_come_by_one_label_by_several_or_by_none() -> None:
    metrics = Metrics("api")
    metrics.add(
        lambda: [
            counter("one", "One.", {"a": 1}, "kind"),
            counter("two", "Two.", {("a", "b"): 2}, "kind", "other"),
            gauge("three", "Three.", 3),
        ]
    )

    seen = Scrape.of(metrics)

    assert seen.samples["dexwire_one_total"] == [({"kind": "a"}, 1)]
    assert seen.samples["dexwire_two_total"] == [({"kind": "a", "other": "b"}, 2)]
    assert seen.samples["dexwire_three"] == [({}, 3)]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/discover", "/discover"),
        ("/tokens/solana/So1", "/tokens/{chain}/{address}"),
        ("/tokens/x", "/tokens/{chain}/{address}"),
        ("/discover/", "other"),
        ("/wp-login.php", "other"),
        ("", "other"),
    ],
)
def test_a_path_is_counted_by_its_route_alone(path: str, route: str) -> None:
    assert Routes(["/discover", "/tokens/{chain}/{address}"]).name(path) == route


def test_requests_are_kept_by_route_and_class_of_status() -> None:
    counts = api.ApiCounts(Routes(["/discover"]))

    for path, status in (("/discover", 200), ("/discover", 304), ("/discover", 200), ("/x", 0)):
        counts.answered(path, status, 0.001)

    found = {key: sum(seconds.counts) for key, seconds in counts.requests.items()}
    assert found == {("/discover", "2xx"): 2, ("/discover", "3xx"): 1, ("other", "none"): 1}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Fenced("x"), "fenced"),
        (Diverged("x"), "diverged"),
        (OutOfMemoryError("x"), "full"),
        (RedisConnectionError("x"), "error"),
    ],
)
def test_a_commit_that_was_not_taken(error: Exception, outcome: aggregator.Outcome) -> None:
    counts = aggregator.AggregatorCounts()

    counts.refused(error)

    assert counts.commits == {outcome: 1}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Throttled("x", retry_after_s=1), "throttled"),
        (Unavailable("x"), "error"),
        (MalformedBody("x"), "malformed"),
        (Resting("x"), "resting"),
        (SourceError("x"), "denied"),
    ],
)
def test_a_call_that_gave_nothing(error: SourceError, outcome: fetcher.Outcome) -> None:
    counts = fetcher.FetcherCounts(["jupiter"])

    counts["jupiter"].failed(error)

    assert counts["jupiter"].calls == {outcome: 1}


def test_waits_for_the_budget_and_waits_that_a_source_wants_are_two_things() -> None:
    counts = fetcher.FetcherCounts()

    counts["jupiter"].waited(0.5, held=False)
    counts["jupiter"].waited(2, held=True)

    source = counts["jupiter"]
    assert (source.budget_waits, source.held_waits, source.budget_wait_s) == (1, 1, 2.5)


def test_producers_are_one_kind_of_source_and_strangers_another() -> None:
    intake = Intake(Memory(10), include_quote_assets=False)
    for source in ("jupiter", "ingest:bot-a", "ingest:bot-b", "made-up"):
        intake.take(
            b'{"schema":1,"source":"%s","batch_id":"b","sent_ms":0,"tokens":[{"chain":"solana",'
            b'"token_address":"A","observed_ms":900,"price":1}]}' % source.encode(),
            1_000,
        )

    assert intake.sources == {"jupiter": 1, "ingest": 2, "other": 1}
    assert sum(intake.age.counts) == 4
    assert intake.age.sum == pytest.approx(0.4)


def test_a_message_waits_for_its_commit_once() -> None:
    intake = Intake(Memory(10), include_quote_assets=False)
    for now_ms in (1_000, 2_000, 3_000):
        intake.take(
            b'{"schema":1,"source":"jupiter","batch_id":"b","sent_ms":0,"tokens":[{"chain":'
            b'"solana","token_address":"A","observed_ms":900,"price":1}]}',
            now_ms,
        )

    assert intake.take_arrivals(2_000) == [1_000, 2_000]
    assert intake.take_arrivals(2_000) == []
    intake.forget_waiting(4_000)
    assert intake.take_arrivals(9_000) == []
