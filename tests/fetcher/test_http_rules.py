"""What an upstream's status and headers mean: the rules without the network."""

from __future__ import annotations

import pytest

from services.fetcher.http import CallOutcome, RetryBudget, outcome_of
from services.fetcher.waits import requested_wait_s

NOW = 1_700_000_000.0
JSON = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("status", "headers", "meaning"),
    [
        (200, JSON, CallOutcome.OK),
        (200, {"content-type": "application/vnd.api+json"}, CallOutcome.OK),
        (200, {"content-type": "APPLICATION/JSON"}, CallOutcome.OK),
        (200, {"content-type": "text/html"}, CallOutcome.SKIP),
        (200, {"content-type": "text/json-ish"}, CallOutcome.SKIP),
        (200, {}, CallOutcome.SKIP),
        (204, {}, CallOutcome.SKIP),
        (206, JSON, CallOutcome.SKIP),
        (301, JSON, CallOutcome.SKIP),
        (302, {"location": "http://127.0.0.1/"}, CallOutcome.SKIP),
        (400, JSON, CallOutcome.SKIP),
        (404, JSON, CallOutcome.SKIP),
        (422, JSON, CallOutcome.SKIP),
        (408, {}, CallOutcome.RETRY),
        (429, JSON, CallOutcome.RETRY),
        (500, {}, CallOutcome.RETRY),
        (503, {"content-type": "text/html"}, CallOutcome.RETRY),
        (599, {}, CallOutcome.RETRY),
        (401, JSON, CallOutcome.FATAL),
        (403, {"content-type": "text/html"}, CallOutcome.FATAL),
        (407, {}, CallOutcome.FATAL),
        (451, {}, CallOutcome.FATAL),
        (1020, {}, CallOutcome.SKIP),
    ],
)
def test_the_outcome_of_a_call_follows_from_status_and_content_type(
    status: int, headers: dict[str, str], meaning: CallOutcome
) -> None:
    assert outcome_of(status, headers) is meaning


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, 1),
        (429, {"retry-after": "7"}, 7),
        (429, {"retry-after": " 7 "}, 7),
        (429, {"retry-after": "0"}, 1),
        (429, {"retry-after": "99999999"}, 120),
        (429, {"retry-after": "9" * 400}, 1),
        (429, {"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30),
        (429, {"retry-after": "Tue, 14 Nov 2023 22:13:10 GMT"}, 1),
        (429, {"retry-after": "Tue, 14 Nov 2093 22:13:10 GMT"}, 120),
        (429, {"retry-after": "soon"}, 1),
        (429, {"retry-after": "-5"}, 1),
        (429, {"retry-after": "1.5"}, 1.5),
        (429, {"retry-after": "2.5"}, 2.5),
        (503, {"retry-after": "0.25"}, 0.25),
        (429, {"retry-after": "2,5"}, 1),
        (429, {"retry-after": "5, 10"}, 10),
        (429, {"retry-after": "1700000009"}, 9),
        (429, {"ratelimit": '"burst";r=5;t=3, "daily";r=0;t=9'}, 9),
        (200, {"ratelimit": '"burst";r=0;t=3, "daily";r=5;t=9'}, 3),
        (429, {"x-ratelimit-reset": "2023-11-14T22:13:50Z"}, 30),
        (429, {"x-ratelimit-reset": "7"}, 7),
        (429, {"x-ratelimit-reset": "7.5"}, 7.5),
        (429, {"x-ratelimit-reset": "1700000009500"}, 9.5),
        (429, {"x-ratelimit-reset": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30),
        (429, {"ratelimit-reset": "8"}, 8),
        (429, {"ratelimit": "limit=10, remaining=0, reset=6"}, 6),
        (429, {"ratelimit": '"default";r=0;t=5'}, 5),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": "3"}, 3),
        (200, {"ratelimit": '"default";r=0;t=5'}, 5),
        (200, {"ratelimit": '"default";r=10;t=5'}, 0),
        (200, {"ratelimit": "limit=10, remaining=4, reset=6"}, 0),
        (429, {"retry-after": "\u0667"}, 1),
        (429, {"x-ratelimit-reset": "1700000009"}, 9),
        (429, {"x-ratelimit-reset": "1600000000"}, 1),
        (429, {"x-ratelimit-reset": "never"}, 1),
        (429, {"retry-after": "3", "x-ratelimit-reset": "1700000009"}, 3),
        (503, {"retry-after": "5"}, 5),
        (503, {}, 0),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000004"}, 4),
        (200, {"x-ratelimit-remaining": "-2", "x-ratelimit-reset": "1700000004"}, 4),
        (200, {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1700000004"}, 0),
        (200, {"x-ratelimit-remaining": "0"}, 0),
        (200, {"retry-after": "5"}, 0),
    ],
)
def test_how_long_an_upstream_asks_us_to_wait(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    assert requested_wait_s(status, headers, NOW) == pytest.approx(seconds)


def test_retries_are_at_most_a_tenth_of_the_calls() -> None:
    budget = RetryBudget()
    retries = 0
    for _ in range(100):
        budget.earn()
        retries += budget.spend()

    assert retries == 10


def test_retries_saved_in_good_times_are_bounded() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.earn()

    assert sum(budget.spend() for _ in range(100)) == 10
