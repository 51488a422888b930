"""The circuit to a host that fails: what opens it, how long it rests, what closes it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from services.fetcher.breaker import Breaker
from services.fetcher.http import ATTEMPTS, RetryBudget, Upstreams
from services.fetcher.source import Call, ParsedBody, Source
from shared.errors import MalformedBody, Resting, SourceError
from tests.testkit.upstream import Upstream


def tell(breaker: Breaker, now_s: float, outcomes: str) -> None:
    for outcome in outcomes:
        assert breaker.admits(now_s)
        breaker.note(now_s, ok=outcome == "+")


def test_nineteen_failures_prove_nothing_and_twenty_open_it_for_five_seconds() -> None:
    breaker = Breaker()
    tell(breaker, 100.0, "-" * 19)
    assert breaker.state(100.0) == "closed"

    tell(breaker, 100.0, "-")

    assert breaker.state(104.9) == "open"
    assert not breaker.admits(104.9)
    assert breaker.state(105.0) == "trial"


def test_half_of_the_attempts_have_to_fail() -> None:
    breaker = Breaker()
    tell(breaker, 100.0, "+" * 11 + "-" * 10)
    assert breaker.state(100.0) == "closed"

    tell(breaker, 100.0, "-")

    assert breaker.state(100.0) == "open"


def test_what_is_older_than_ten_seconds_is_forgotten() -> None:
    breaker = Breaker()
    tell(breaker, 100.0, "-" * 19)

    tell(breaker, 110.0, "-" * 19)

    assert breaker.state(110.0) == "closed"


def test_one_trial_is_let_in_and_nobody_beside_it() -> None:
    breaker = Breaker()
    tell(breaker, 100.0, "-" * 20)

    assert [breaker.admits(105.0) for _ in range(3)] == [True, False, False]


def test_a_trial_that_fails_opens_it_again_and_one_that_works_closes_it() -> None:
    breaker = Breaker()
    tell(breaker, 100.0, "-" * 20)

    tell(breaker, 105.0, "-")
    assert breaker.state(109.9) == "open"
    tell(breaker, 110.0, "+")

    assert breaker.state(110.0) == "closed"
    assert breaker.opened == 2
    tell(breaker, 110.0, "-" * 19)
    assert breaker.state(110.0) == "closed"  # it starts over


def test_a_trial_that_never_ends_does_not_rest_for_ever() -> None:
    breaker = Breaker()
    tell(breaker, 100.0, "-" * 20)
    assert breaker.admits(105.0)

    assert not breaker.admits(134.9)
    assert breaker.admits(135.0)


@pytest.mark.parametrize(
    ("per_s", "saved"),
    [(0.5, 10), (2, 0), (5, 0), (20, 0), (100, 0)],  # so slow a source never has 20 in 10 s
)
def test_a_minute_of_failures_makes_no_storm_and_ends_within_ten_seconds(
    per_s: float, saved: int
) -> None:
    """Calls at an even rate in virtual time, with the retries that the rules allow."""
    breaker, retries = Breaker(), RetryBudget()
    retries.saved = retries.most  # a long time without trouble
    attempts, answered_s = 0, None
    for number in range(int(80 * per_s)):
        now_s = number / per_s
        failing = 10 <= now_s < 70
        retries.earn()
        for _ in range(ATTEMPTS):
            if not breaker.admits(now_s):
                break
            attempts += failing
            breaker.note(now_s, ok=not failing)
            if not failing:
                answered_s = answered_s or (now_s if now_s >= 70 else None)
                break
            if breaker.state(now_s) != "closed" or not retries.spend():
                break

    normal = 60 * per_s
    assert attempts <= 1.1 * normal + saved
    assert answered_s is not None
    assert answered_s - 70 <= 10


async def test_an_open_circuit_asks_nobody(
    server: Upstream, source: Source, upstreams: Callable[..., Upstreams]
) -> None:
    server.answer("/x", b"{}", status=500)
    one, call = upstreams(), Call("/x", lambda _body, _at: ParsedBody())
    assert one.circuit(source) == "closed"
    for _ in range(20):
        with suppress(SourceError):
            await one.get(source, call)
    calls = server.calls["/x"]

    with pytest.raises(Resting):
        await one.get(source, call)

    assert one.circuit(source) == "open"
    assert server.calls["/x"] == calls


async def test_an_answer_that_is_of_no_use_does_not_open_it(
    server: Upstream, source: Source, upstreams: Callable[..., Upstreams]
) -> None:
    server.answer("/x", b"<html>", status=404)
    one, call = upstreams(), Call("/x", lambda _body, _at: ParsedBody())
    for _ in range(30):
        with pytest.raises(MalformedBody):
            await one.get(source, call)

    assert one.circuit(source) == "closed"
